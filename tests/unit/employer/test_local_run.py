"""Real runs on this PC; nothing here needs a pool."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jobman_agent.employer.job.loading import load_job
from jobman_agent.employer.job.starting import expect, new_job
from jobman_agent.employer.local_run import LocalRunner
from jobman_agent.employer.session.records import Judgement
from jobman_agent.errors import InputError
from jobman_agent.settings.software import Software
from jobman_agent.trust.programs import Programs
from tests.unit.employer.job_folders import INI, TABLE_FILES, a_job, put

if TYPE_CHECKING:
    from collections.abc import Mapping

PROGRAMS = Programs([Software("python", Path(sys.executable))], ["python"])
SOLVE = """\
import json, os, pathlib, sys
assert os.environ["JOBMAN_PACKAGE"] == sys.argv[1]
x = float(pathlib.Path("in.txt").read_text())
pathlib.Path("result.json").write_text(json.dumps({"x": x / 3}))
pathlib.Path("big.dat").write_bytes(b"1 " * 50000)
print("solved", sys.argv[1])
"""
SOLVED: dict[str, str] = {
    "common/solve.py": SOLVE,
    "test/expected/result.json": '{"x": 0.3333333333}',
}
TABLE_SOLVED: Mapping[str, str] = TABLE_FILES | {
    "job.ini": INI.replace("{package}", "{package} {height}"),
    "common/in.txt.template": "{height}\n",
    "common/solve.py": SOLVE,
    "parameters.csv": "package,height\nb,1.5\na,6\n",
    "test/parameters.csv": "package,height\ntest,1\n",
    "test/expected/result.json": '{"x": 0.3333333333}',
}


async def test_the_test_and_a_package_run_here_as_elsewhere(tmp_path: Path) -> None:
    job = load_job(a_job(tmp_path, None, **SOLVED))

    async with LocalRunner(job, PROGRAMS, tmp_path / "scratch") as here:
        test = await here.run_test()
        package = await here.run_package("a10")
        size = Path(str(package.outputs["big.dat"])).stat().st_size

    assert test.evaluation.accepted, test.evaluation.why
    assert test.is_test
    assert package.evaluation.accepted
    assert package.finished.log.splitlines() == [b"solved a10"]
    assert package.outputs["result.json"] == b'{"x": 3.3333333333333335}'
    assert size == 100_000
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_templates_are_filled_in_and_common_is_read_only(tmp_path: Path) -> None:
    job = a_job(tmp_path, dict(TABLE_SOLVED))
    put(
        job / "common" / "solve.py",
        SOLVE + "c = os.environ['JOBMAN_COMMON']\n"
        "assert sorted(os.listdir(c)) == ['solve.py'] and sys.argv[2] == '6'\n"
        "assert os.name == 'nt' or not os.stat(c).st_mode & 0o222\n"
        "assert not os.stat(c + '/solve.py').st_mode & 0o222\n",
    )

    async with LocalRunner(load_job(job), PROGRAMS, tmp_path / "scratch") as here:
        run = await here.run_package("a")

    assert run.evaluation.accepted, (run.evaluation.why, run.finished.log)
    assert run.outputs["result.json"] == b'{"x": 2.0}'


async def test_a_wrong_answer_of_the_test_is_told(tmp_path: Path) -> None:
    job = a_job(tmp_path, None, **(SOLVED | {"test/expected/result.json": '{"x": 0.34}'}))

    async with LocalRunner(load_job(job), PROGRAMS, tmp_path / "scratch") as here:
        run = await here.run_test()

    assert run.evaluation.judgement is Judgement.WRONG
    assert run.evaluation.why.startswith("result.json: x: expected 0.34, got 0.3333")


async def test_a_program_that_breaks_is_told_with_its_log(tmp_path: Path) -> None:
    job = a_job(tmp_path, None, **{"common/solve.py": "import sys\nsys.exit('no licence')\n"})

    async with LocalRunner(load_job(job), PROGRAMS, tmp_path / "scratch") as here:
        run = await here.run_package("a2")

    assert run.evaluation.judgement is Judgement.FAILED
    assert "1" in run.evaluation.why
    assert run.finished.log.splitlines() == [b"no licence"]


async def test_a_check_judges_packages_here_too(tmp_path: Path) -> None:
    job = a_job(tmp_path, None, **SOLVED)
    put(job / "job.ini", INI + "check = python {job}/check.py\n")
    put(job / "check.py", "import sys\nsys.exit('not in equilibrium')\n")

    async with LocalRunner(load_job(job), PROGRAMS, tmp_path / "scratch") as here:
        run = await here.run_package("a2")

    assert run.evaluation.why == "check: exit code 1: not in equilibrium"


async def test_a_program_of_the_job_itself_runs(tmp_path: Path) -> None:
    job = a_job(tmp_path, None, **SOLVED)
    script = "#!/bin/sh\necho '{\"x\": 0.3333333333}' > result.json\n"
    put(job / "common" / "bin" / "Solve", script)
    text = INI.replace("= python", "= {common}/bin/Solve").replace("{common}/solve.py ", "")
    put(job / "job.ini", text)
    loaded = load_job(job)

    async with LocalRunner(loaded, PROGRAMS, tmp_path / "scratch") as here:
        run = await here.run_test()

    assert loaded.spec.brings_its_program
    assert run.evaluation.accepted, run.evaluation.why


async def test_a_missing_program_or_package_is_told_before_anything_runs(tmp_path: Path) -> None:
    job = a_job(tmp_path, None, **SOLVED)
    with pytest.raises(InputError, match=r"by --software NAME=PATH"):
        async with LocalRunner(load_job(job), Programs([], []), tmp_path / "scratch"):
            pass

    async with LocalRunner(load_job(job), PROGRAMS, tmp_path / "scratch") as here:
        with pytest.raises(InputError, match="has no package 'a3'; there are a2, a10"):
            await here.run_package("a3")
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_a_value_that_pcs_refuse_is_told_here(tmp_path: Path) -> None:
    job = a_job(tmp_path, dict(TABLE_SOLVED))
    put(job / "parameters.csv", "package,height\nb,-1.5\n")

    async with LocalRunner(load_job(job), PROGRAMS, tmp_path / "scratch") as here:
        with pytest.raises(InputError, match=r"would refuse it: the value '-1\.5' begins"):
            await here.run_package("b")


def without_test(job: Path, ini: str = INI) -> Path:
    import shutil

    shutil.rmtree(job / "test")
    put(job / "job.ini", ini.replace("[test]\ncompare = result.json within 1e-6\n", ""))
    return job


async def test_expect_makes_the_test_from_a_package(tmp_path: Path) -> None:
    job = without_test(a_job(tmp_path, None, **SOLVED), "; mine\r\n" + INI)

    done = await expect(job, PROGRAMS, tmp_path / "scratch", package="a10")

    assert done.copied_from == "a10"
    assert done.outputs == ("big.dat", "result.json")
    assert done.section == (
        "[test]\npackage = test\ncompare = result.json within 1e-6, *.dat within 1e-6\n"
    )
    ini = (job / "job.ini").read_bytes()
    assert ini.startswith(b"; mine\r\n[job]\n")
    assert ini.endswith(
        b"\r\n[test]\r\npackage = test\r\n" + done.section[22:-1].encode() + b"\r\n"
    )
    assert (job / "test" / "sub" / "deep.txt").read_text() == "deep\n"
    async with LocalRunner(load_job(job), PROGRAMS, tmp_path / "scratch") as here:
        run = await here.run_test()
    assert run.evaluation.accepted, run.evaluation.why


async def test_expect_makes_the_test_from_a_row(tmp_path: Path) -> None:
    job = without_test(a_job(tmp_path, dict(TABLE_SOLVED)), TABLE_SOLVED["job.ini"])

    done = await expect(job, PROGRAMS, tmp_path / "scratch")

    assert done.copied_from == "b"
    assert (job / "test" / "parameters.csv").read_text() == "package,height\nb,1.5\n"
    async with LocalRunner(load_job(job), PROGRAMS, tmp_path / "scratch") as here:
        assert (await here.run_test()).evaluation.accepted


async def test_expect_runs_a_test_that_is_there_and_replaces_what_it_expected(
    tmp_path: Path,
) -> None:
    job = a_job(tmp_path, None, **SOLVED)
    put(job / "test" / "expected" / "old.dat", "1")
    ini = (job / "job.ini").read_bytes()

    done = await expect(job, PROGRAMS, tmp_path / "scratch")

    assert (done.copied_from, done.section) == (None, "")
    assert (job / "job.ini").read_bytes() == ini
    assert sorted(p.name for p in (job / "test" / "expected").iterdir()) == [
        "big.dat",
        "result.json",
    ]
    with pytest.raises(InputError, match="test is there already: leave a2 out"):
        await expect(job, PROGRAMS, tmp_path / "scratch", package="a2")


async def test_expect_writes_nothing_when_the_run_fails(tmp_path: Path) -> None:
    job = without_test(a_job(tmp_path, None, **{"common/solve.py": "raise SystemExit(3)\n"}))
    before = (job / "job.ini").read_bytes()

    done = await expect(job, PROGRAMS, tmp_path / "scratch")

    assert not done.run.evaluation.accepted
    assert done.outputs == ()
    assert not (job / "test").exists()
    assert (job / "job.ini").read_bytes() == before


async def test_a_new_job_is_complete_and_runs(tmp_path: Path) -> None:
    files = new_job(tmp_path / "My study")

    job = load_job(tmp_path / "My study")
    assert "job.ini" in files
    assert job.spec.title == "My study"
    async with LocalRunner(job, PROGRAMS, tmp_path / "scratch") as here:
        assert (await here.run_test()).evaluation.accepted
        assert (await here.run_package(job.package_names[0])).evaluation.accepted


def test_a_new_job_overwrites_nothing(tmp_path: Path) -> None:
    put(tmp_path / "mine" / "x", "precious")
    put(tmp_path / "file", "precious")
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    (tmp_path / "empty").mkdir()

    for name, told in [("mine", "is not empty"), ("file", "a file or"), ("link", "a link")]:
        with pytest.raises(InputError, match=told):
            new_job(tmp_path / name)
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["x"]
    assert "job.ini" in new_job(tmp_path / "empty")


def test_a_title_that_the_grammar_cannot_hold_stays_as_it_is(tmp_path: Path) -> None:
    new_job(tmp_path / "a ;b")

    assert load_job(tmp_path / "a ;b").spec.title == "Hello"
