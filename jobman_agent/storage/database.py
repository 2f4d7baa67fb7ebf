"""SQLite in its one thread: every transaction is one function, and is on the disk when it returns.

Rules that hold here:

1. One thread owns the connection; transactions run one after the other, in the order asked for.
2. A transaction is all or nothing: whatever the function raises, everything is rolled back.
3. When ``run`` has returned, the transaction survives ``kill -9`` and a power cut (WAL with
   ``synchronous=FULL``: https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NoReturn, Self, TypeVar

from jobman_agent.errors import AlreadyRunning, StorageError
from jobman_agent.storage.files import explain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

# An exclusive holder keeps its lock for its whole life, so waiting for it is in vain; a second is
# for one that is just ending. Holders that share give way between transactions.
EXCLUSIVE_WAIT_SECONDS = 1.0
SHARED_WAIT_SECONDS = 10.0

_WHAT_TO_DO = {
    "SQLITE_FULL": "the disk is full: free some space, nothing that was written before is lost",
    "SQLITE_READONLY": "it cannot be written: its file or folder is read-only for this user",
    "SQLITE_CANTOPEN": "it cannot be opened: its folder must exist and be writable for this user",
    "SQLITE_CORRUPT": "the file is damaged: move it away (it may help to find out why) and go on",
    "SQLITE_NOTADB": "the file is not a database of jobman: move it away and go on",
    "SQLITE_BUSY": "another process holds it",
    "SQLITE_IOERR": "the disk reports an error",
}


class Database:
    """One SQLite file and the one thread that talks to it.

    Made by ``open``; closed by ``close`` or as a context manager.
    """

    def __init__(
        self, path: Path, connection: sqlite3.Connection, thread: ThreadPoolExecutor
    ) -> None:
        self.path = path
        self._connection = connection
        self._thread = thread
        self._closed = False

    @classmethod
    def open(cls, path: Path, schema: str, *, exclusive: bool, version: int = 1) -> Self:
        """Open the file, make it where there is none, and run ``schema`` on it.

        Blocks for as long as the disk takes, and at most a second where another process holds the
        file exclusively.

        Args:
            path: The file; its folder is made if need be.
            schema: SQL with ``CREATE TABLE IF NOT EXISTS`` and the like; run at every opening.
            exclusive: Nobody else may open the file, to read or to write, until it is closed or
                this process ends, however it ends.
            version: What the schema is called in the file (``PRAGMA user_version``).

        Raises:
            AlreadyRunning: another process holds the file; the caller adds who that may be.
            StorageError: the disk is full or read-only, the file is damaged or of a newer jobman.
        """
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"sqlite-{path.stem}")
        try:
            connection = thread.submit(_connect, path, schema, exclusive, version).result()
        except BaseException:
            thread.shutdown()
            raise
        return cls(path, connection, thread)

    async def run(self, transaction: Callable[[sqlite3.Connection], T]) -> T:
        """Run one transaction in the database's thread; return what the function returns.

        The commit is durable before this returns. When the waiting task is cancelled, the
        transaction happens all the same or not at all. ``sqlite3.IntegrityError`` and
        ``ProgrammingError`` pass through, for they are about the SQL and not about the disk.

        Raises:
            StorageError: the disk or the file is at fault; nothing was changed.
        """
        loop = asyncio.get_running_loop()
        self._check_open()
        return await loop.run_in_executor(self._thread, self._transact, transaction)

    def run_sync(self, transaction: Callable[[sqlite3.Connection], T]) -> T:
        """Do what ``run`` does, where no event loop runs (at start-up).

        Raises:
            StorageError: the disk or the file is at fault; nothing was changed.
        """
        self._check_open()
        return self._thread.submit(self._transact, transaction).result()

    def close(self) -> None:
        """Wait for what was asked for, then close the file; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            message = f"{self.path}: the database was closed already"
            raise StorageError(message)

    def _transact(self, transaction: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                value = transaction(connection)
                connection.execute("COMMIT")
            except BaseException:
                # After a full disk SQLite has already rolled back by itself.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise
        except sqlite3.Error as exc:
            _translate(exc, self.path)
        return value


def _connect(path: Path, schema: str, exclusive: bool, version: int) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StorageError(explain(exc, "make the folder", path.parent)) from exc
    wait = EXCLUSIVE_WAIT_SECONDS if exclusive else SHARED_WAIT_SECONDS
    try:
        connection = sqlite3.connect(path, timeout=wait, isolation_level=None)
    except sqlite3.Error as exc:
        _translate(exc, path)
    try:
        if exclusive:
            # Before the first look into the file, so that WAL needs no shared memory either.
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        _check_version(connection, path, version)
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{schema}\n;PRAGMA user_version={version:d};COMMIT;"
        )
    except sqlite3.Error as exc:
        connection.close()
        if exclusive and _name(exc) == "SQLITE_BUSY":
            message = f"{path}: another jobman process holds this file"
            raise AlreadyRunning(message) from exc
        _translate(exc, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_version(connection: sqlite3.Connection, path: Path, version: int) -> None:
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found not in (0, version):
        message = (
            f"{path}: written by another version of jobman (layout {found}, this one knows "
            f"{version}): use that version to finish, or move the file away"
        )
        raise StorageError(message)


def _name(exc: sqlite3.Error) -> str:
    # Extended codes (SQLITE_IOERR_FSYNC, SQLITE_BUSY_RECOVERY) start with the plain one.
    full = getattr(exc, "sqlite_errorname", "") or ""
    return "_".join(full.split("_")[:2])


def _translate(exc: sqlite3.Error, path: Path) -> NoReturn:
    advice = _WHAT_TO_DO.get(_name(exc), "")
    message = f"{path}: {advice} ({exc})" if advice else f"{path}: {exc}"
    raise StorageError(message) from exc
