"""The spool: all that a worker holds, on disk, so that nothing is lost however it ends.

One folder for each worker process of a JOBMAN_HOME, claimed by a lock that is free again however
its holder dies: ``spool/<n>/`` with ``spool.db`` (rows and signed messages), ``files/`` (large
files by hash) and one folder for each runner. A second worker takes the next number.

Rules that hold here:

1. `commit` is one transaction; when it returns, it is on the disk.
2. A work message is kept as it came, signed; a list of results as it is sent, signed.
3. What certainly had not begun when the process died is loaded as waiting, all else of the runner
   as given (`execution.progress` says how far the runner had come).
"""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from jobman_agent.errors import StorageError
from jobman_agent.execution.progress import Progress
from jobman_agent.storage.blobs import BlobStore
from jobman_agent.storage.database import Database
from jobman_agent.storage.files import explain
from jobman_agent.worker.session.rows import Loaded
from jobman_agent.worker.spool import tables as sql

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from jobman_agent.worker.session.actions import Save
    from jobman_agent.worker.spool.extra import Extra

MOST_WORKERS = 64
"""Workers in one JOBMAN_HOME at a time."""


class Spool:
    """One worker's folder; made by `open`, closed by `close` or as a context manager."""

    def __init__(self, folder: Path, number: int, lock: FileLock, database: Database) -> None:
        self.folder = folder
        self.number = number
        self.files = BlobStore(folder / "files")
        self.outputs: frozenset[str] = frozenset()
        """Stored files that the loaded results name."""
        self._lock = lock
        self._database = database

    @classmethod
    def open(cls, home: Path) -> Self:
        """Claim the first spool of a JOBMAN_HOME that no other worker has.

        Raises:
            StorageError: the folder cannot be made or written, or all spools are taken.
        """
        for number in range(MOST_WORKERS):
            folder = home / "spool" / str(number)
            try:
                folder.mkdir(parents=True, exist_ok=True)
                lock = FileLock(folder / "lock")
                lock.acquire(blocking=False)
            except Timeout:
                continue
            except OSError as exc:
                raise StorageError(explain(exc, "make the folder", folder)) from exc
            try:
                database = Database.open(folder / "spool.db", sql.SCHEMA, exclusive=True)
            except BaseException:
                lock.release()
                raise
            return cls(folder, number, lock, database)
        message = f"{home / 'spool'}: {MOST_WORKERS} workers use this folder already"
        raise StorageError(message)

    def close(self) -> None:
        """Let go of the folder; a second time does nothing."""
        self._database.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # ---- the process comes up
    def load(self, open_work: Callable[[bytes], sql.WorkFiles]) -> tuple[Loaded, tuple[str, ...]]:
        """All that was kept, under a new start number; and the runs that may still be alive.

        Litter of dead processes is removed: work that nothing waits for, files that nothing names.

        Args:
            open_work: Reads the files of a kept work message.

        Raises:
            StorageError: the disk or the file is at fault.
        """
        begun = self._begun()
        found = self._database.run_sync(lambda c: sql.load(c, begun))
        missing: dict[tuple[int, int], Mapping[str, int]] = {}
        for number, places in found.waiting.items():
            files = open_work(self.work_frame_sync(number))
            for place in places:
                lacking = {
                    sha: size for sha, size in files.of(place).items() if not self.files.has(sha)
                }
                if lacking:
                    missing[number, place] = lacking
        self._sweep(found.named, {sha for files in missing.values() for sha in files})
        self.outputs = found.outputs
        loaded = Loaded(
            start=found.start,
            sessions=found.sessions,
            items=found.items,
            batches=found.batches,
            missing=missing,
            last_number=found.last_number,
        )
        return loaded, found.runs

    def _sweep(self, named: frozenset[str], coming: set[str]) -> None:
        """Remove files that nothing names, whole or in part."""
        self.files.sweep()
        for name in set(self.files.names()) - named:
            self.files.remove(name)
        for part in self.files.folder.glob("*.part"):
            if part.stem not in coming:
                part.unlink(missing_ok=True)

    def _begun(self) -> dict[str, int]:
        begun: dict[str, int] = {}
        for root in self.folder.glob("r*"):
            with contextlib.suppress(OSError, ValueError):  # no count: all may have begun
                progress = Progress.open(root)
                begun[root.name] = progress.begun
                progress.close()
        return begun

    def new_runner_folder(self, start: int, count: int) -> Path:
        """Where the runner number `count` of this start has its folder."""
        return self.folder / f"r{start}-{count}"

    def remove_runner_folders(self, keep: Path | None = None) -> None:
        """Remove what dead runners left; call it when nothing of them runs any more."""
        for root in self.folder.glob("r*"):
            if root != keep:
                shutil.rmtree(root, ignore_errors=True)

    # ---- while it works
    async def commit(self, saves: Sequence[Save], extra: Extra) -> set[str]:
        """Keep what a step of the core says, all of it or nothing.

        Returns the stored files that nothing names any more; they have been removed.

        Raises:
            StorageError: the disk or the file is at fault; nothing was changed, try again.
        """

        def transaction(connection: sqlite3.Connection) -> set[str]:
            return sql.apply(connection, saves, extra)

        orphans = await self._database.run(transaction)
        for name in orphans:
            self.files.remove(name)
        return orphans

    async def work_frame(self, number: int) -> bytes:
        """The signed work message of a number.

        Raises:
            StorageError: it is not here, or the disk is at fault.
        """
        return await self._database.run(lambda c: sql.work_frame(c, number))

    def work_frame_sync(self, number: int) -> bytes:
        """The same as `work_frame`, where no event loop runs."""
        return self._database.run_sync(lambda c: sql.work_frame(c, number))

    async def batch_frame(self, number: int) -> tuple[bytes, str]:
        """A signed list of results, and the session that it was signed for.

        Raises:
            StorageError: it is not here, or the disk is at fault.
        """
        return await self._database.run(lambda c: sql.batch_frame(c, number))

    async def batch_outputs(self, number: int) -> frozenset[str]:
        """The stored files that a list of results names.

        Raises:
            StorageError: the disk is at fault.
        """
        return await self._database.run(lambda c: sql.batch_outputs(c, number))
