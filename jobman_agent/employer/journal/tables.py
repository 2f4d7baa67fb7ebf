"""The journal's tables: one for each kind of row, a column for each field.

Rules that hold here:
1. Columns follow from the fields of the structs in ``records``: there is one truth.
2. A field that is a tuple is JSON; text enums, numbers and booleans are plain.
3. ``received`` holds the workers' own signed messages as they came, so that no result is ever
   taken apart to be kept, and anything can be proven later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from jobman_agent.employer.session.records import (
    JobRow,
    Journalled,
    KeyRow,
    LeaseRow,
    PackageRow,
    Row,
    SessionRow,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

VERSION = 1

_TABLES: dict[type[Row], tuple[str, tuple[str, ...]]] = {
    JobRow: ("job", ()),
    PackageRow: ("package", ("name",)),
    LeaseRow: ("lease", ("package", "attempt")),
    SessionRow: ("session", ("session",)),
    KeyRow: ("worker_key", ("key",)),
}

R = TypeVar("R", JobRow, PackageRow, LeaseRow, SessionRow, KeyRow)


def _is_text(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, str)


def _schema_of(cls: type[Row]) -> str:
    table, key = _TABLES[cls]
    columns = []
    for field in msgspec.structs.fields(cls):
        kind = "REAL" if field.type is float else "INTEGER" if field.type in (int, bool) else "TEXT"
        columns.append(f'"{field.encode_name}" {kind} NOT NULL')
    if not key:
        columns.append("id INTEGER NOT NULL DEFAULT 1 CHECK (id = 1)")
        key = ("id",)
    names = ", ".join(f'"{one}"' for one in key)
    return (
        f"CREATE TABLE IF NOT EXISTS {table} "
        f"({', '.join(columns)}, PRIMARY KEY ({names})) WITHOUT ROWID;"
    )


SCHEMA = "\n".join(
    [
        *(_schema_of(cls) for cls in _TABLES),
        "CREATE TABLE IF NOT EXISTS received (id INTEGER PRIMARY KEY, frame BLOB NOT NULL);",
        "CREATE TABLE IF NOT EXISTS result_in (package TEXT NOT NULL, attempt INTEGER NOT NULL, "
        "received INTEGER NOT NULL REFERENCES received (id), "
        "PRIMARY KEY (package, attempt)) WITHOUT ROWID;",
        "CREATE TABLE IF NOT EXISTS fingerprint "
        "(package TEXT PRIMARY KEY NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID;",
    ]
)


class _Codec:
    """How the rows of one kind are written and read."""

    def __init__(self, cls: type[Row]) -> None:
        self.cls = cls
        fields = msgspec.structs.fields(cls)
        self.names = tuple(field.encode_name for field in fields)
        table = _TABLES[cls][0]
        columns = ", ".join(f'"{name}"' for name in self.names)
        marks = ", ".join("?" for _ in self.names)
        # Names of tables and columns are ours; values are always bound.
        self.write = f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608
        self.read = f"SELECT {columns} FROM {table}"  # noqa: S608
        plain = (int, float, bool)
        self.json = [
            i for i, f in enumerate(fields) if f.type not in plain and not _is_text(f.type)
        ]

    def values(self, row: Row) -> list[object]:
        values = list(msgspec.structs.astuple(row))
        for i in self.json:
            values[i] = msgspec.json.encode(values[i]).decode("ascii")
        return values

    def row(self, values: Iterable[object]) -> dict[str, object]:
        found = list(values)
        for i in self.json:
            found[i] = msgspec.json.decode(str(found[i]))
        return dict(zip(self.names, found, strict=True))


_CODECS: dict[type[Row], _Codec] = {cls: _Codec(cls) for cls in _TABLES}


def write_rows(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Write rows, new ones and changed ones alike."""
    by_kind: dict[type[Row], list[list[object]]] = {}
    for row in rows:
        by_kind.setdefault(type(row), []).append(_CODECS[type(row)].values(row))
    for cls, values in by_kind.items():
        connection.executemany(_CODECS[cls].write, values)


def read_rows(connection: sqlite3.Connection) -> Journalled:
    """All rows."""
    jobs = _read(connection, JobRow)
    return Journalled(
        job=jobs[0] if jobs else JobRow(),
        packages=_read(connection, PackageRow),
        leases=_read(connection, LeaseRow),
        sessions=_read(connection, SessionRow),
        keys=_read(connection, KeyRow),
    )


def _read(connection: sqlite3.Connection, cls: type[R]) -> tuple[R, ...]:
    codec = _CODECS[cls]
    # SQLite knows no booleans: 0 and 1 become them here.
    return tuple(
        msgspec.convert(codec.row(values), cls, strict=False)
        for values in connection.execute(codec.read)
    )
