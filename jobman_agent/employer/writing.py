"""results/ and failed/ are written in a thread of their own, behind the job and never ahead of it.

They are derived: what a crash, a full disk or an open spreadsheet keeps from being written is
written later, at the latest by the next ``employ``.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from jobman_agent.errors import JobmanError
from jobman_agent.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from jobman_agent.employer.results import ResultsFolder, SummaryRow

_log = get_logger(__name__)


class Writer:
    """Writes the derived folders of one job.

    Args:
        folder: Where.
        tell: Told of what could not be written.
    """

    def __init__(self, folder: ResultsFolder, tell: Callable[[str], None]) -> None:
        self.folder = folder
        self._tell = tell
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="results")
        self._tasks: set[asyncio.Task[None]] = set()
        self._told: set[str] = set()
        self.unwritten: set[str] = set()
        """Packages whose folder could not be written."""

    def begin(self, package: str, work: Coroutine[None, None, None]) -> None:
        """Write a package's folder, side by side with the job."""
        task = asyncio.create_task(self._guard(package, work), name=f"write {package}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def call(self, write: Callable[[], object]) -> None:
        """Do something in the writing thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, write)

    async def write_summary(self, rows: Iterable[SummaryRow]) -> None:
        """Write results/summary.csv; what keeps it from being written is told once."""
        listed = list(rows)
        await self._guard("", self.call(lambda: self.folder.write_summary(listed)))

    async def drained(self) -> None:
        """Wait until all that was begun has been done."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Finish, and end the thread."""
        await self.drained()
        await asyncio.to_thread(self._thread.shutdown)

    async def _guard(self, package: str, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except JobmanError as exc:
            if package:
                self.unwritten.add(package)
            if str(exc) not in self._told:
                self._told.add(str(exc))
                self._tell(f"not written: {exc}")
        except Exception as exc:  # noqa: BLE001 - a task's boundary: results/ can be written again
            _log.exception("writing %s", package or "the summary")
            self.unwritten.add(package)
            self._tell(f"not written: {exc!r} (a bug; the log has more)")
        else:
            self.unwritten.discard(package)
