from __future__ import annotations

import pytest

from jobman_agent.employer.evaluation import files_fault, judge, judge_test
from jobman_agent.employer.job.spec import CompareRule, EvaluateSpec, How, JobSpec, TestSpec
from jobman_agent.employer.session.records import Judgement
from jobman_agent.model.messages import File, Outcome, Result

SHA = "0" * 64


def a_spec(**changes: object) -> JobSpec:
    spec = {"title": "t", "program": "python", "outputs": ("result.json", "*.dat", "out/**")}
    return JobSpec(**{**spec, **changes})  # type: ignore[arg-type]


def a_result(*paths: str, outcome: Outcome = Outcome.DONE, **changes: object) -> Result:
    fields: dict[str, object] = {"exit_code": 0, "files": tuple(File(p, 1, SHA) for p in paths)}
    fields |= changes
    return Result("a1", 1, outcome, **fields)  # type: ignore[arg-type]


def test_a_run_that_did_what_was_asked_is_accepted() -> None:
    spec = a_spec(evaluate=EvaluateSpec(require=("result.json", "*.dat")))

    assert judge(spec, a_result("result.json", "x.dat")).accepted


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (a_result("result.json", outcome=Outcome.FAILED, exit_code=3), "exit code 3"),
        (a_result(outcome=Outcome.FAILED, exit_code=3, why="no licence"), "no licence"),
        (a_result(outcome=Outcome.FAILED, exit_code=0, why="over its memory"), "over its memory"),
        (a_result(outcome=Outcome.FAILED, exit_code=None, signal=11), "signal 11"),
        (a_result(outcome=Outcome.TIMED_OUT, exit_code=None, seconds=9.0), "9 s"),
        (a_result("x.dat"), "left no result.json"),
        (a_result("result.json"), "left no *.dat"),
        (a_result(), "left no result.json and no *.dat"),
    ],
)
def test_a_run_that_broke_has_failed_and_the_reason_is_told(result: Result, told: str) -> None:
    spec = a_spec(evaluate=EvaluateSpec(require=("*.dat",)))

    evaluation = judge(spec, result)

    assert evaluation.judgement is Judgement.FAILED
    assert told in evaluation.why


def test_another_exit_code_can_be_the_right_one() -> None:
    spec = a_spec(evaluate=EvaluateSpec(exit_code=2))

    assert judge(spec, a_result("result.json", outcome=Outcome.FAILED, exit_code=2)).accepted
    assert "exit code 0, and 2 is right" in judge(spec, a_result("result.json")).why
    missing = judge(spec, a_result(outcome=Outcome.FAILED, exit_code=2))
    assert missing.why == "it left no result.json"


@pytest.mark.parametrize(
    "paths",
    [
        ("../result.json",),
        ("/etc/passwd",),
        ("result.json", "a\\b.dat"),
        ("result.json", "secret.txt"),
        ("result.json", "log.txt"),
        ("result.json", "x.dat", "X.dat"),
        ("result.json", "out/a", "out/a/b"),
        ("result.json", "con.dat"),
    ],
)
def test_files_that_nobody_asked_for_are_no_result(paths: tuple[str, ...]) -> None:
    evaluation = judge(a_spec(), a_result(*paths))

    assert evaluation.judgement is Judgement.MALFORMED
    assert evaluation.why


def test_files_in_folders_are_fine() -> None:
    assert files_fault(a_spec(), a_result("result.json", "out/a/b", "out/a/c", "out/ab")) is None


@pytest.mark.parametrize("outcome", [Outcome.HANDED_BACK, Outcome.REFUSED, Outcome.LOST])
def test_what_did_not_run_to_its_end_is_not_judged(outcome: Outcome) -> None:
    with pytest.raises(ValueError, match="not judged"):
        judge(a_spec(), a_result(outcome=outcome))


def test_the_test_is_compared_by_the_first_rule_that_matches_and_else_exactly() -> None:
    test = TestSpec("test", (CompareRule("result.json", How.WITHIN, 1e-6),))
    expected = {"result.json": b'{"a": 1}', "x.dat": b"1 2\n"}
    result = a_result("result.json", "x.dat", "y.dat")

    def compared(**returned: bytes) -> tuple[Judgement, str]:
        contents = {"result.json": b'{"a": 1.0}', "x.dat": b"1 2\n"} | {
            name.replace("_", "."): content for name, content in returned.items()
        }
        found = judge_test(test, expected, expected.__getitem__, result, contents.__getitem__)
        return found.judgement, found.why

    assert compared() == (Judgement.ACCEPTED, "")
    assert compared(x_dat=b"1 2.0\n")[1].startswith("x.dat: it differs from byte 3")
    judgement, why = compared(result_json=b'{"a": 1.1}')
    assert judgement is Judgement.WRONG
    assert why.startswith("result.json: a: expected 1, got 1.1")


def test_an_expected_file_that_did_not_come_back_is_wrong() -> None:
    found = judge_test(TestSpec(), ["x.dat"], lambda _: b"", a_result("result.json"), lambda _: b"")

    assert found.judgement is Judgement.WRONG
    assert found.why == "x.dat: expected, but it did not come back"


def test_a_returned_file_that_is_far_too_large_is_not_even_read() -> None:
    result = Result("a1", 1, Outcome.DONE, files=(File("x.dat", 10**12, SHA),))

    def read(_: str) -> bytes:
        raise AssertionError

    found = judge_test(TestSpec(), ["x.dat"], lambda _: b"12", result, read)

    assert found.why == "x.dat: it has 1000000000000 bytes instead of 2"
