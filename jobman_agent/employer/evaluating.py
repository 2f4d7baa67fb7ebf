"""Results are judged outside of any callback: at once where that is cheap, else in their turn.

Outcome, exit code and names are judged at once. What has to be compared (the ability test) or
looked at by the employer's own program (``check``) is judged later, a few at a time.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.employer.checking import Checker
from jobman_agent.employer.evaluation import judge, judge_test
from jobman_agent.employer.session.events import Judged
from jobman_agent.employer.session.records import Judgement
from jobman_agent.errors import InputError, JobmanError
from jobman_agent.model.messages import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobman_agent.employer.evaluation import Evaluation
    from jobman_agent.employer.job.folder import JobFolder
    from jobman_agent.employer.results.contents import Contents, Returned
    from jobman_agent.employer.results.folder import Content
    from jobman_agent.employer.session.events import Judge

_SIDE_BY_SIDE = 2
_AGAIN_SECONDS = 30.0


class Evaluator:
    """Judges the results of one job.

    Args:
        job: The job folder.
        contents: Where results are.
        scratch: A folder for the private folders of checks.
        python: What ``python`` stands for in a check; None: the interpreter that runs jobman.
        tell: Told when the check itself cannot be run.
    """

    def __init__(
        self,
        job: JobFolder,
        contents: Contents,
        scratch: Path,
        python: Path | None,
        tell: Callable[[str], None],
    ) -> None:
        self._job = job
        self._contents = contents
        self._tell = tell
        self._checker = Checker(job, scratch, python=python) if job.spec.evaluate.check else None
        self._turns = asyncio.Semaphore(2 * _SIDE_BY_SIDE)
        self._told = ""

    def at_once(self, action: Judge) -> Judged | None:
        """Judge a result that is in memory, if that takes no time; None: it has to wait."""
        returned = self._contents.fresh((action.package, action.attempt))
        if returned is None:
            return None
        found = self._first(returned)
        if found.accepted and (action.test or self._checker is not None):
            return None
        return Judged(action.package, action.attempt, found.judgement, found.why)

    async def later(self, action: Judge) -> Judged:
        """Judge a result, whatever it takes.

        Raises:
            StorageError: this PC's disk.
        """
        async with self._turns:
            returned = await self._contents.get((action.package, action.attempt))
            found = self._first(returned)
            if found.accepted and action.test:
                found = await asyncio.to_thread(self._compare, returned)
            elif found.accepted and self._checker is not None:
                found = await self._check(action.package, returned)
            return Judged(action.package, action.attempt, found.judgement, found.why)

    async def close(self) -> None:
        """End what is still being checked."""
        if self._checker is not None:
            await self._checker.close()

    def _first(self, returned: Returned) -> Evaluation:
        if returned.result.outcome is Outcome.REFUSED:  # only of an ability test
            from jobman_agent.employer.evaluation import Evaluation

            return Evaluation(Judgement.FAILED, f"refused: {returned.result.why}")
        return judge(self._job.spec, returned.result)

    def _compare(self, returned: Returned) -> Evaluation:
        test, spec = self._job.test, self._job.spec.test
        if test is None or spec is None:
            message = "the job has no ability test any more"
            raise InputError(message)
        expected = {file.path: file.source for file in test.expected_files()}
        outputs = self._contents.outputs(returned)
        return judge_test(
            spec,
            expected,
            lambda path: expected[path].read_bytes(),
            returned.result,
            lambda path: _read(outputs[path]),
        )

    async def _check(self, package: str, returned: Returned) -> Evaluation:
        assert self._checker is not None  # noqa: S101 - the caller looked
        outputs, log = self._contents.outputs(returned), self._contents.log(returned)
        while True:
            try:
                return await self._checker.check(package, outputs, log)
            except JobmanError as exc:
                # No word about the result: it waits until the check can be run.
                if self._told != str(exc):
                    self._told = str(exc)
                    self._tell(f"results wait to be checked: {exc}")
                await asyncio.sleep(_AGAIN_SECONDS)


def _read(content: Content) -> bytes:
    return content.read_bytes() if isinstance(content, Path) else content
