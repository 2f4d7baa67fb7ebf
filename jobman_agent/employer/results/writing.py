"""results/ and failed/ are written in a thread of their own, behind the job and never ahead of it.

They are derived: what a full disk or an open spreadsheet keeps from being written is told, and
written once more at the end, or by the next ``employ``.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from jobman_agent.errors import JobmanError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from jobman_agent.clock import Clock
    from jobman_agent.employer.results.folder import ResultsFolder, SummaryRow

_SUMMARY = ""
_TELL_SECONDS = 60.0


class Writer:
    """Writes the derived folders of one job.

    Args:
        folder: Where.
        tell: Told of what could not be written: of each fault once, of one fault a minute.
        clock: What a minute is.
    """

    def __init__(self, folder: ResultsFolder, tell: Callable[[str], None], clock: Clock) -> None:
        self.folder = folder
        self._tell = tell
        self._clock = clock
        self._told_at = -_TELL_SECONDS
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="results")
        self._told: set[str] = set()
        self.unwritten: set[str] = set()
        """Packages whose folder could not be written."""

    async def write(self, jobs: Sequence[tuple[str, Callable[[], object]]]) -> None:
        """Write the folders of some packages, by name."""
        loop = asyncio.get_running_loop()
        faults = await loop.run_in_executor(self._thread, _do_all, jobs)
        for (package, _), fault in zip(jobs, faults, strict=True):
            self.note(package, fault)

    async def write_summary(self, rows: Iterable[SummaryRow]) -> None:
        """Write results/summary.csv."""
        listed = list(rows)
        await self.write([(_SUMMARY, lambda: self.folder.write_summary(listed))])

    async def close(self) -> None:
        """End the thread."""
        await asyncio.to_thread(self._thread.shutdown)

    def note(self, package: str, fault: str) -> None:
        """What went wrong with a package's folder; an empty text if nothing did."""
        if not fault:
            self.unwritten.discard(package)
            return
        if package:
            self.unwritten.add(package)
        now = self._clock.monotonic()
        if fault not in self._told and now - self._told_at >= _TELL_SECONDS:
            self._told.add(fault)
            self._told_at = now
            self._tell(f"not written yet, but safe: {fault}")


def _do_all(jobs: Sequence[tuple[str, Callable[[], object]]]) -> list[str]:
    """Do each; return what went wrong with it, or nothing."""
    faults = []
    for _, write in jobs:
        try:
            write()
        except JobmanError as exc:
            faults.append(str(exc))
        else:
            faults.append("")
    return faults
