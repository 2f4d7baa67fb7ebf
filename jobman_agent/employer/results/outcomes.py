"""What becomes of packages that have ended: results/ and failed/ follow the journal."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from jobman_agent.employer.progress import Facts, summary_rows
from jobman_agent.employer.results.folder import FAILED, WHY, ResultsFolder
from jobman_agent.employer.results.writing import Writer
from jobman_agent.employer.session.events import Ended
from jobman_agent.employer.session.leases import last_result
from jobman_agent.employer.session.records import PackageEnd
from jobman_agent.errors import StorageError
from jobman_agent.model.messages import Results
from jobman_agent.trust.frames import open_frame

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobman_agent.employer.hiring.tools import Tools
    from jobman_agent.employer.journal.journal import Journal
    from jobman_agent.employer.progress import Progress
    from jobman_agent.employer.results.folder import Content
    from jobman_agent.employer.session.live import LeaseId

_SUMMARY_SECONDS = 30.0
_LIST = 200


class Outcomes:
    """Writes what has ended, and knows what summary.csv says of each package.

    Args:
        root: The job folder.
        tools: What the job is worked with.
        journal: Its journal.
        tell: Told of what could not be written.
    """

    def __init__(
        self, root: Path, tools: Tools, journal: Journal, tell: Callable[[str], None]
    ) -> None:
        self._root = root
        self._tools = tools
        self._journal = journal
        self._writer = Writer(ResultsFolder(root), tell, tools.clock)
        self._facts: dict[str, Facts] = {}
        self._written_at = 0.0
        self._changed = False
        self._ended: deque[Ended] = deque()
        self._task: asyncio.Task[None] | None = None

    def write(self, ended: Ended) -> None:
        """A package has ended: write its folder, side by side with the job."""
        self._changed = True
        self._ended.append(ended)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_all(), name="write results")

    async def begin(self) -> None:
        """After a start: write what the last run had no time to write.

        Raises:
            StorageError: something is in the way of results/, or the journal cannot be read.
        """
        await asyncio.to_thread(self._writer.folder.check)
        await self._catch_up()

    async def _catch_up(self) -> None:
        state = self._tools.core.state
        ended = {(p.row.name, p.row.accepted) for p in state.packages.values() if p.row.accepted}
        after = 0
        while ended and (found := await self._journal.frames(after)):
            for after, frame in found:  # noqa: B007 - the last one is where to go on
                self._look_at(frame, ended)
        for package in state.packages.values():
            if package.row.state is PackageEnd.FAILED:
                self._restore_failed(package.row.name, package.row.why)

    async def refresh_summary(self, now: float) -> None:
        """Write summary.csv anew, now and then."""
        if self._changed and now - self._written_at >= _SUMMARY_SECONDS:
            self._written_at, self._changed = now, False
            await self._writer.write_summary(summary_rows(self._tools.core.state, self._facts))

    async def close(self) -> None:
        """Write all that is left to be written.

        Raises:
            StorageError: the journal cannot be read.
        """
        if self._task is not None:
            await self._task
        if self._writer.unwritten:
            await self._catch_up()  # there may be room by now
            if self._task is not None:
                await self._task
        if self._changed or self._tools.core.state.job.ended:
            await self._writer.write_summary(summary_rows(self._tools.core.state, self._facts))
        await self._writer.close()

    def add_to(self, progress: Progress) -> Progress:
        """What could not be written belongs to how the job stands."""
        return replace(progress, unwritten=tuple(sorted(self._writer.unwritten)))

    def _look_at(self, frame: bytes, ended: set[LeaseId]) -> None:
        """Learn what a signed message says of accepted packages; write what is not there."""
        opened = open_frame(frame)
        if not isinstance(opened.message, Results):
            return
        for result in opened.message.results:
            key = (result.package, result.attempt)
            if key not in ended:
                continue
            ended.discard(key)
            self._facts[result.package] = Facts.of(result)
            sizes = {file.path: file.size for file in result.files}
            if not self._writer.folder.holds(result.package, sizes):
                self._tools.contents.keep(result, opened.attachments)
                self.write(Ended(*key, accepted=True, why=""))

    def _restore_failed(self, name: str, why: str) -> None:
        if not (self._root / FAILED / name / WHY).exists():
            state = self._tools.core.state
            attempt = last_result(state, state.packages[name])
            self.write(Ended(name, attempt, accepted=False, why=why))

    async def _write_all(self) -> None:
        """Write what has ended, in lists, until nothing is left."""
        while self._ended:
            listed = [self._ended.popleft() for _ in range(min(_LIST, len(self._ended)))]
            jobs: list[tuple[str, Callable[[], object]]] = []
            for ended in listed:
                try:
                    jobs.append((ended.package, await self._prepare(ended)))
                except StorageError as exc:
                    self._writer.note(ended.package, str(exc))
            await self._writer.write(jobs)
            for ended in listed:
                for attempt in range(1, ended.attempt + 1):
                    self._tools.contents.forget((ended.package, attempt))

    async def _prepare(self, ended: Ended) -> Callable[[], object]:
        """What is to be done in the writing thread."""
        contents, folder = self._tools.contents, self._writer.folder
        name = ended.package
        returned = await contents.get((name, ended.attempt)) if ended.attempt else None
        log: Content = b""
        outputs: dict[str, Content] = {}
        if returned is not None:
            self._facts[name] = Facts.of(returned.result)
            outputs, log = contents.present(returned), contents.log(returned)
        if ended.accepted:
            return lambda: folder.accept(name, outputs, log)
        return lambda: folder.fail(name, outputs, log, ended.why)
