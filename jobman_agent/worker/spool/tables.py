"""The spool's tables, and each action of class `Save` as SQL. Called in the database's thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from jobman_agent.errors import StorageError
from jobman_agent.worker.session import actions as do
from jobman_agent.worker.session.rows import BatchRow, ItemRow, SessionRow, Stage, Standing

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from jobman_agent.worker.session.actions import Save
    from jobman_agent.worker.spool.extra import Extra

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS session (
    id TEXT PRIMARY KEY, offer TEXT NOT NULL, key TEXT NOT NULL, employer TEXT NOT NULL,
    name TEXT NOT NULL, work_box TEXT NOT NULL, result_box TEXT NOT NULL, slots INTEGER NOT NULL,
    standing INTEGER NOT NULL, since REAL NOT NULL, start INTEGER NOT NULL, count INTEGER NOT NULL,
    orphan INTEGER NOT NULL, code INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS item (
    session TEXT NOT NULL, package TEXT NOT NULL, attempt INTEGER NOT NULL,
    stage INTEGER NOT NULL, work INTEGER NOT NULL, place INTEGER NOT NULL, run TEXT, batch INTEGER,
    root TEXT, number INTEGER, PRIMARY KEY (session, package, attempt)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS work (
    number INTEGER PRIMARY KEY, session TEXT NOT NULL, frame BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS batch (
    number INTEGER PRIMARY KEY, session TEXT NOT NULL, size INTEGER NOT NULL, made REAL NOT NULL,
    signed_for TEXT NOT NULL, frame BLOB NOT NULL);
-- which stored file is named by what: by a work message, by a list of results (numbers,
-- else 0), or by a session as a whole
CREATE TABLE IF NOT EXISTS uses (
    sha256 TEXT NOT NULL, session TEXT NOT NULL, work INTEGER NOT NULL, batch INTEGER NOT NULL,
    PRIMARY KEY (sha256, session, work, batch)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class WorkFiles:
    """The files of a work message that did not come with it, with their sizes."""

    common: Mapping[str, int]
    places: tuple[Mapping[str, int], ...]

    def of(self, place: int) -> dict[str, int]:
        """What one of its packages needs."""
        return {**self.common, **self.places[place]}


@dataclass(frozen=True, slots=True)
class Found:
    """What stood in the tables."""

    start: int
    sessions: tuple[SessionRow, ...]
    items: tuple[ItemRow, ...]
    batches: tuple[BatchRow, ...]
    last_number: int
    waiting: Mapping[int, tuple[int, ...]]
    """Work messages with the places of their packages that still wait."""
    runs: tuple[str, ...]
    """Tokens of all runs that the dead process had given to a runner."""
    named: frozenset[str]
    """Stored files that something names."""
    outputs: frozenset[str]
    """Those of them that a list of results names."""


# ---- read
def load(connection: sqlite3.Connection, begun: Mapping[str, int]) -> Found:
    """Raise the start number, settle what had begun, drop litter, and read everything.

    Args:
        connection: The spool's database.
        begun: By runner's folder: so many of its orders may have begun.
    """
    start = _raise_start(connection)
    runs = tuple(r for (r,) in connection.execute("SELECT run FROM item WHERE run IS NOT NULL"))
    _settle_given(connection, begun)
    connection.execute(
        "DELETE FROM work WHERE number NOT IN (SELECT work FROM item WHERE stage IN (0, 1))"
    )
    connection.execute(
        "DELETE FROM batch WHERE number NOT IN"
        " (SELECT batch FROM item WHERE stage = 2 AND batch > 0)"
    )
    connection.execute(
        "DELETE FROM uses WHERE work > 0 AND work NOT IN (SELECT number FROM work)"
        " OR batch > 0 AND batch NOT IN (SELECT number FROM batch)"
    )
    items = tuple(_item(row) for row in connection.execute(_ITEMS))
    waiting: dict[int, tuple[int, ...]] = {}
    for item in items:
        if item.stage is Stage.WAITING:
            waiting[item.work] = (*waiting.get(item.work, ()), item.place)
    return Found(
        start=start,
        sessions=tuple(_session(row) for row in connection.execute("SELECT * FROM session")),
        items=items,
        batches=tuple(
            BatchRow(*row)
            for row in connection.execute(
                "SELECT number, session, size, made FROM batch ORDER BY number"
            )
        ),
        last_number=_meta(connection, "number"),
        waiting=waiting,
        runs=runs,
        named=frozenset(s for (s,) in connection.execute("SELECT sha256 FROM uses")),
        outputs=frozenset(
            s for (s,) in connection.execute("SELECT sha256 FROM uses WHERE batch > 0")
        ),
    )


_ITEMS = """SELECT session, package, attempt, stage, work, place, run, batch FROM item
    ORDER BY work, place"""


def _meta(connection: sqlite3.Connection, name: str) -> int:
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row is not None else 0


def _raise_start(connection: sqlite3.Connection) -> int:
    start = _meta(connection, "start") + 1
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('start', ?)", (start,))
    return start


def _settle_given(connection: sqlite3.Connection, begun: Mapping[str, int]) -> None:
    """What a runner had certainly not begun waits again; if in doubt it had begun."""
    rows = connection.execute("SELECT DISTINCT root FROM item WHERE stage = 1").fetchall()
    for (root,) in rows:
        if root is None:  # never handed to a runner
            connection.execute(
                "UPDATE item SET stage = 0, run = NULL WHERE stage = 1 AND root IS NULL"
            )
        elif root in begun:
            connection.execute(
                "UPDATE item SET stage = 0, run = NULL, root = NULL, number = NULL"
                " WHERE stage = 1 AND root = ? AND number > ?",
                (root, begun[root]),
            )


def _session(row: tuple[object, ...]) -> SessionRow:
    fields = dict(zip(_SESSION, row, strict=True))
    start, count = fields.pop("start"), fields.pop("count")
    fields["standing"] = Standing(fields["standing"])  # type: ignore[arg-type]
    fields["orphan"], fields["code"] = bool(fields["orphan"]), bool(fields["code"])
    return SessionRow(**fields, heard=(start, count))  # type: ignore[arg-type]


_SESSION = (
    "id", "offer", "key", "employer", "name", "work_box", "result_box", "slots", "standing",
    "since", "start", "count", "orphan", "code",
)  # fmt: skip


def _item(row: tuple[object, ...]) -> ItemRow:
    session, package, attempt, stage, work, place, run, batch = row
    return ItemRow(session, package, attempt, Stage(stage), work, place, run, batch)  # type: ignore[arg-type]


def work_frame(connection: sqlite3.Connection, number: int) -> bytes:
    """The signed work message of a number."""
    row = connection.execute("SELECT frame FROM work WHERE number = ?", (number,)).fetchone()
    if row is None:
        message = f"the spool has no work message {number}"
        raise StorageError(message)
    return bytes(row[0])


def batch_frame(connection: sqlite3.Connection, number: int) -> tuple[bytes, str]:
    """A signed list of results, and the session that it was signed for."""
    row = connection.execute(
        "SELECT frame, signed_for FROM batch WHERE number = ?", (number,)
    ).fetchone()
    if row is None:
        message = f"the spool has no list of results {number}"
        raise StorageError(message)
    return bytes(row[0]), str(row[1])


def batch_outputs(connection: sqlite3.Connection, number: int) -> frozenset[str]:
    """The stored files that a list of results names."""
    rows = connection.execute("SELECT sha256 FROM uses WHERE batch = ?", (number,))
    return frozenset(sha for (sha,) in rows)


# ---- write
def apply(connection: sqlite3.Connection, saves: Sequence[Save], extra: Extra) -> set[str]:
    """Perform saves in their order; returns the stored files that nothing names any more."""
    orphans: set[str] = set()
    number = 0
    for save in saves:
        match save:
            case do.SaveSession(row):
                _save_session(connection, row)
            case do.SaveItems(rows):
                _save_items(connection, rows, extra)
            case do.SaveWork():
                number = max(number, save.number)
                _save_work(connection, save, extra)
            case do.SaveBatch():
                number = max(number, save.number)
                _save_batch(connection, save, extra)
            case do.MoveSession():
                _move(connection, save)
            case do.DropWork() | do.DropBatch() | do.DropSession():
                orphans |= _drop(connection, save)
            case _ as never:
                assert_never(never)
    if number:
        connection.execute(
            "INSERT INTO meta VALUES ('number', ?)"
            " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
            (number,),
        )
    return {sha for sha in orphans if not _named(connection, sha)}


def _named(connection: sqlite3.Connection, sha256: str) -> bool:
    found = connection.execute("SELECT 1 FROM uses WHERE sha256 = ? LIMIT 1", (sha256,))
    return found.fetchone() is not None


def _save_session(connection: sqlite3.Connection, row: SessionRow) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (row.id, row.offer, row.key, row.employer, row.name, row.work_box, row.result_box,
         row.slots, int(row.standing), row.since, *row.heard, int(row.orphan), int(row.code)),
    )  # fmt: skip


def _save_items(connection: sqlite3.Connection, rows: Sequence[ItemRow], extra: Extra) -> None:
    nowhere = (None, None)
    connection.executemany(
        "INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (r.session, r.package, r.attempt, int(r.stage), r.work, r.place, r.run, r.batch,
             *(extra.given.get(r.run, nowhere) if r.run is not None else nowhere))
            for r in rows
        ],
    )  # fmt: skip


def _save_work(connection: sqlite3.Connection, save: do.SaveWork, extra: Extra) -> None:
    connection.execute("INSERT INTO work VALUES (?, ?, ?)", (save.number, save.session, save.frame))
    own, common = extra.inputs.get(save.number, (frozenset(), frozenset()))
    uses = [(sha, save.session, save.number, 0) for sha in own]
    uses += [(sha, save.session, 0, 0) for sha in common]
    connection.executemany("INSERT OR IGNORE INTO uses VALUES (?, ?, ?, ?)", uses)


def _save_batch(connection: sqlite3.Connection, save: do.SaveBatch, extra: Extra) -> None:
    connection.execute(
        "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?)",
        (save.number, save.session, save.size, save.made, save.session, extra.frames[save.number]),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO uses VALUES (?, ?, 0, ?)",
        [(sha, save.session, save.number) for sha in extra.outputs.get(save.number, ())],
    )


def _move(connection: sqlite3.Connection, save: do.MoveSession) -> None:
    both = (save.new, save.old)
    connection.execute("UPDATE OR REPLACE item SET session = ? WHERE session = ?", both)
    connection.execute("UPDATE work SET session = ? WHERE session = ?", both)
    connection.execute("UPDATE batch SET session = ? WHERE session = ?", both)
    connection.execute("UPDATE OR REPLACE uses SET session = ? WHERE session = ?", both)


def _drop(
    connection: sqlite3.Connection, save: do.DropWork | do.DropBatch | do.DropSession
) -> set[str]:
    match save:
        case do.DropWork(number):
            connection.execute("DELETE FROM work WHERE number = ?", (number,))
            where, what = "work = ?", number
        case do.DropBatch(number):
            connection.execute("DELETE FROM batch WHERE number = ?", (number,))
            where, what = "batch = ?", number
        case do.DropSession(session, whole):
            for table in ("item", "work", "batch"):
                connection.execute(f"DELETE FROM {table} WHERE session = ?", (session,))  # noqa: S608 - our own words
            if whole:
                connection.execute("DELETE FROM session WHERE id = ?", (session,))
            return _forget(connection, "session = ?", session)
        case _ as never:
            assert_never(never)
    return _forget(connection, where, what)


def _forget(connection: sqlite3.Connection, where: str, what: int | str) -> set[str]:
    found = connection.execute(f"SELECT DISTINCT sha256 FROM uses WHERE {where}", (what,))  # noqa: S608 - our own words
    names = {sha for (sha,) in found}
    if names:
        connection.execute(f"DELETE FROM uses WHERE {where}", (what,))  # noqa: S608 - our own words
    return names
