"""Is a result right? Pure: what was required, and what came back, make a judgement.

Rules that hold here:
1. *Failed* is a run that did not do what its program should: exit code, time, a missing file.
   *Wrong* is a run that did, with an answer that is not right. The two are counted apart.
   *Malformed* is no result at all: files that nobody asked for.
2. A result is a stranger's data: its names are judged before anything is opened (``files_fault``),
   and no content can raise.
3. Where the first difference is, is always said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobman_agent.employer.comparison import difference
from jobman_agent.employer.job.spec import LOG_NAME
from jobman_agent.employer.session.records import Judgement
from jobman_agent.model.messages import Outcome
from jobman_agent.model.names import file_path_fault
from jobman_agent.model.patterns import is_plain, patterns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jobman_agent.employer.job.spec import EvaluateSpec, JobSpec, TestSpec
    from jobman_agent.model.messages import Result

    Read = Callable[[str], bytes]
    """Gives the content of a file by its path."""


_TIMES_LARGER = 8
_BYTES_LARGER = 1 << 20


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The employer's judgement of a result and, unless accepted, one sentence that says why."""

    judgement: Judgement
    """Accepted, failed, wrong or malformed."""
    why: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the result counts."""
        return self.judgement is Judgement.ACCEPTED


ACCEPTED = Evaluation(Judgement.ACCEPTED)


def judge(spec: JobSpec, result: Result) -> Evaluation:
    """Judge by outcome, exit code and names alone: cheap, in the receiving transaction.

    What this accepts may still have to pass ``judge_test`` or the job's ``check``.

    Raises:
        ValueError: the package did not run to its end (refused, handed back, lost): that is no
            result to judge.
    """
    if result.outcome in (Outcome.REFUSED, Outcome.HANDED_BACK, Outcome.LOST):
        raise ValueError(f"an outcome of {result.outcome} is not judged")
    fault = files_fault(spec, result)
    if fault:
        return Evaluation(Judgement.MALFORMED, f"its files are not what was asked for: {fault}")
    why = _ended_badly(spec.evaluate, result)
    if why:
        return Evaluation(Judgement.FAILED, why)
    missing = _missing(spec, {file.path for file in result.files})
    if missing:
        return Evaluation(Judgement.FAILED, f"it left no {' and no '.join(missing)}")
    return ACCEPTED


def judge_test(
    test: TestSpec, expected: Iterable[str], read_expected: Read, result: Result, read: Read
) -> Evaluation:
    """Compare a result of the ability test, which ``judge`` accepted, with the right one.

    Reads whole files and compares pictures: run it outside the event loop.

    Args:
        test: The section ``[test]``.
        expected: The paths in ``expected/``.
        read_expected: Gives the right content of one of them.
        result: What came back.
        read: Gives the content that came back.
    """
    sizes = {file.path: file.size for file in result.files}
    for path in sorted(expected):
        if path not in sizes:
            return Evaluation(Judgement.WRONG, f"{path}: expected, but it did not come back")
        right = read_expected(path)
        # A stranger's file is read whole, so it must not be able to fill the memory.
        if sizes[path] > len(right) * _TIMES_LARGER + _BYTES_LARGER:
            found: str | None = f"{path}: it has {sizes[path]} bytes instead of {len(right)}"
        else:
            found = difference(test.rule_for(path), path, right, read(path))
        if found:
            return Evaluation(Judgement.WRONG, found)
    return ACCEPTED


def files_fault(spec: JobSpec, result: Result) -> str | None:
    """What is wrong with the names of a result's files, or None: then they are safe as paths."""
    wanted = patterns(spec.outputs)
    seen: set[str] = set()
    for file in result.files:
        path = file.path
        fault = file_path_fault(path)
        if fault:
            return f"{path!r}: {fault}"
        folded = path.casefold()
        if folded == LOG_NAME or not wanted.matches(path):
            return f"{path!r} is none of the outputs"
        if folded in seen:
            return f"{path!r} came twice (capital letters make no difference)"
        seen.add(folded)
    for path in seen:
        parent = path
        while "/" in parent:
            parent = parent.rpartition("/")[0]
            if parent in seen:
                return f"{parent!r} is a file and a folder"
    return None


def _ended_badly(evaluate: EvaluateSpec, result: Result) -> str | None:
    if result.outcome is Outcome.TIMED_OUT:
        return result.why or f"it ran longer than its time ({result.seconds:.0f} s)"
    if result.signal is not None:
        return result.why or f"it was ended by signal {result.signal}"
    wanted = evaluate.exit_code
    if result.outcome is Outcome.FAILED and (result.exit_code != wanted or wanted == 0):
        return result.why or f"exit code {result.exit_code}"
    # A worker knows nothing of exit_code: to it 0 is done and all else has failed.
    code = 0 if result.outcome is Outcome.DONE else result.exit_code
    if code != wanted:
        return f"exit code {code}, and {wanted} is right ([evaluate] exit_code)"
    return None


def _missing(spec: JobSpec, returned: set[str]) -> list[str]:
    plain = [pattern for pattern in spec.outputs if is_plain(pattern) and pattern not in returned]
    required = [
        pattern
        for pattern in spec.evaluate.require
        if pattern not in plain and not any(map(patterns((pattern,)).matches, returned))
    ]
    return plain + required
