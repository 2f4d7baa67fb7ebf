"""The employer's journal: what must survive ``kill -9``, in JOBMAN_HOME, never in the job folder.

``JOBMAN_HOME/jobs/<offer>/`` holds ``journal.db`` (SQLite, opened exclusively: a second ``employ``
on the same job is told who has it), ``files/`` (outputs over 64 KiB, by hash), ``folder.json``
(which job folder it is, see ``job_identity``) and ``holder.json`` (who has it open).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec

from jobman_agent.employer.journal.tables import SCHEMA, VERSION, read_rows, write_rows
from jobman_agent.employer.session.records import Journalled, opened_again
from jobman_agent.errors import AlreadyRunning
from jobman_agent.storage.blobs import BlobStore
from jobman_agent.storage.database import Database
from jobman_agent.storage.files import make_private_dir, write_atomic

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from jobman_agent.employer.session.records import Row

JOB_WIDE = ""
"""The fingerprint of what all packages share is kept under this name."""
FRAMES_AT_ONCE = 16


class Holder(msgspec.Struct, frozen=True):
    """Who has a journal open."""

    pid: int
    host: str
    since: str
    """UTC, as it is shown."""


class Kept(msgspec.Struct, frozen=True):
    """A signed message of results, and which results in it are new."""

    frame: bytes
    results: tuple[tuple[str, int], ...]
    """Package and attempt."""


class Journal:
    """One job's journal, open; made by ``open``."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.files = BlobStore(folder / "files")
        self._database = database

    @classmethod
    def open(cls, folder: Path, holder: Holder) -> Self:
        """Open the journal in a folder, and make it where there is none.

        Args:
            folder: ``JOBMAN_HOME/jobs/<offer>``.
            holder: This process, for others that want the same job.

        Raises:
            AlreadyRunning: another ``employ`` has this job; says which.
            StorageError: disk full, damaged and the like.
        """
        make_private_dir(folder)
        try:
            database = Database.open(folder / "journal.db", SCHEMA, exclusive=True, version=VERSION)
        except AlreadyRunning as exc:
            raise AlreadyRunning(_who_has_it(folder)) from exc
        try:
            write_atomic(folder / "holder.json", msgspec.json.encode(holder))
            journal = cls(folder, database)
            journal.files.sweep()
        except BaseException:
            database.close()
            raise
        return journal

    def close(self) -> None:
        """Finish what was begun, and let others have the job."""
        self._database.close()

    # ---- at the start, where no event loop runs
    def load(self) -> Journalled:
        """All rows.

        Raises:
            StorageError: the disk or the file is at fault.
        """
        return self._database.run_sync(read_rows)

    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of every package that was handed out, and the job's own."""
        return self._database.run_sync(_read_fingerprints)

    def open_again(self, names: Collection[str]) -> None:
        """Let packages begin anew; attempts so far, and results under way, do not count.

        Raises:
            StorageError: the disk or the file is at fault; nothing was changed.
        """
        wanted = set(names)

        def change(connection: sqlite3.Connection) -> None:
            rows = read_rows(connection).packages
            write_rows(connection, [opened_again(row) for row in rows if row.name in wanted])
            gone = [(name,) for name in wanted]
            connection.executemany("DELETE FROM fingerprint WHERE package = ?", gone)

        self._database.run_sync(change)

    def forget_job_fingerprint(self) -> None:
        """What all packages share has changed, and that is meant."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM fingerprint WHERE package = ?", (JOB_WIDE,))

        self._database.run_sync(change)

    # ---- while the job runs
    async def save(
        self,
        rows: Sequence[Row],
        received: Sequence[Kept] = (),
        fingerprints: Mapping[str, str] | None = None,
    ) -> None:
        """One transaction: rows, the signed messages that led to them, new fingerprints.

        Raises:
            StorageError: the disk is at fault; nothing was changed.
        """
        prints = dict(fingerprints or {})

        def change(connection: sqlite3.Connection) -> None:
            write_rows(connection, rows)
            for kept in received:
                _keep(connection, kept)
            connection.executemany(
                "INSERT OR REPLACE INTO fingerprint VALUES (?, ?)", list(prints.items())
            )

        await self._database.run(change)

    async def frames(self, after: int) -> list[tuple[int, bytes]]:
        """Some of the signed messages of results, with their numbers; none after the last one."""

        def look(connection: sqlite3.Connection) -> list[tuple[int, bytes]]:
            found = connection.execute(
                "SELECT id, frame FROM received WHERE id > ? ORDER BY id LIMIT ?",
                (after, FRAMES_AT_ONCE),
            )
            return [(int(number), bytes(frame)) for number, frame in found]

        return await self._database.run(look)

    async def frame_with(self, package: str, attempt: int) -> bytes | None:
        """The signed message that holds the result of an attempt."""

        def look(connection: sqlite3.Connection) -> bytes | None:
            found = connection.execute(
                "SELECT frame FROM received JOIN result_in ON received = received.id "
                "WHERE package = ? AND attempt = ?",
                (package, attempt),
            ).fetchone()
            return None if found is None else bytes(found[0])

        return await self._database.run(look)


def _keep(connection: sqlite3.Connection, kept: Kept) -> None:
    number = connection.execute("INSERT INTO received (frame) VALUES (?)", (kept.frame,)).lastrowid
    connection.executemany(
        "INSERT OR IGNORE INTO result_in VALUES (?, ?, ?)",
        [(package, attempt, number) for package, attempt in kept.results],
    )


def _read_fingerprints(connection: sqlite3.Connection) -> dict[str, str]:
    found: Iterable[tuple[str, str]] = connection.execute("SELECT package, digest FROM fingerprint")
    return dict(found)


def _who_has_it(folder: Path) -> str:
    try:
        holder = msgspec.json.decode((folder / "holder.json").read_bytes(), type=Holder)
    except (OSError, ValueError):
        who = "another jobman"
    else:
        who = f"jobman with pid {holder.pid} on {holder.host}, since {holder.since},"
    return f"{who} works on this job already: stop it there first, or watch it there"
