"""A transaction is all or nothing, in order, and survives the process's sudden end."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

from jobman_agent.errors import AlreadyRunning, StorageError
from jobman_agent.storage.database import Database

SCHEMA = "CREATE TABLE IF NOT EXISTS package (name TEXT PRIMARY KEY)"


def _insert(name):
    return lambda c: c.execute("INSERT INTO package VALUES (?)", (name,)).rowcount


def _names(connection):
    return [row[0] for row in connection.execute("SELECT name FROM package ORDER BY rowid")]


@pytest.fixture
def database(tmp_path):
    with Database.open(tmp_path / "journal.db", SCHEMA, exclusive=True) as opened:
        yield opened


async def test_what_was_written_is_read_again_after_reopening(tmp_path):
    with Database.open(tmp_path / "new" / "journal.db", SCHEMA, exclusive=True) as first:
        assert await first.run(_insert("a1")) == 1

    with Database.open(tmp_path / "new" / "journal.db", SCHEMA, exclusive=True) as second:
        assert await second.run(_names) == ["a1"]


async def test_transactions_run_in_the_order_asked_for_and_in_one_thread(database):
    threads = set()

    def note_thread(name):
        def transaction(connection):
            threads.add(threading.current_thread())
            _insert(name)(connection)

        return transaction

    await asyncio.gather(*(database.run(note_thread(f"p{n:02}")) for n in range(30)))

    assert database.run_sync(_names) == [f"p{n:02}" for n in range(30)]
    assert len(threads) == 1
    assert threading.current_thread() not in threads


async def test_an_error_rolls_everything_back_and_the_database_goes_on(database):
    def half(connection):
        _insert("a1")(connection)
        raise KeyError("the caller's own error")

    with pytest.raises(KeyError, match="own error"):
        await database.run(half)

    assert await database.run(_names) == []
    await database.run(_insert("a2"))
    assert await database.run(_names) == ["a2"]


async def test_a_doubled_key_is_the_callers_affair_and_rolls_back(database):
    def twice(connection):
        _insert("a1")(connection)
        _insert("a1")(connection)

    with pytest.raises(sqlite3.IntegrityError):
        await database.run(twice)

    assert await database.run(_names) == []


def test_a_second_opener_of_an_exclusive_file_is_told_quickly_and_which_file(database):
    with pytest.raises(AlreadyRunning, match=r"journal\.db"):
        Database.open(database.path, SCHEMA, exclusive=True)


async def test_a_full_disk_is_told_nothing_is_half_written_and_room_heals_it(database):
    await database.run(_insert("before"))
    pages = database.run_sync(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    # SQLite itself says SQLITE_FULL at this limit, as it does when the disk has no room.
    database._thread.submit(
        database._connection.execute, f"PRAGMA max_page_count={pages + 2}"
    ).result()

    with pytest.raises(StorageError, match=r"journal\.db: the disk is full"):
        await database.run(lambda c: [_insert(f"{n}" * 3000)(c) for n in range(20)])

    assert await database.run(_names) == ["before"]
    database._thread.submit(database._connection.execute, "PRAGMA max_page_count=1000000").result()
    await database.run(_insert("after"))
    assert await database.run(_names) == ["before", "after"]


def test_a_file_that_is_no_database_is_named_with_what_to_do(tmp_path):
    path = tmp_path / "journal.db"
    path.write_bytes(b"This was once a letter. " * 100)

    with pytest.raises(StorageError, match=r"journal\.db.*not a database.*move it away"):
        Database.open(path, SCHEMA, exclusive=True)


def test_the_file_of_another_version_is_refused(tmp_path):
    path = tmp_path / "journal.db"
    Database.open(path, SCHEMA, exclusive=True, version=2).close()

    with pytest.raises(StorageError, match="another version"):
        Database.open(path, SCHEMA, exclusive=True, version=1)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StorageError, match="cannot make the folder"):
        Database.open(tmp_path / "file" / "journal.db", SCHEMA, exclusive=True)


async def test_a_closed_database_says_so_and_closes_twice(database):
    database.close()
    database.close()

    with pytest.raises(StorageError, match="closed already"):
        await database.run(_names)


_WRITER = """
import sys
from pathlib import Path
from jobman_agent.storage.database import Database
db = Database.open(Path(sys.argv[1]), sys.argv[2], exclusive=True)
n = 0
while True:
    db.run_sync(lambda c: c.execute("INSERT INTO package VALUES (?)", (f"p{n}",)))
    print(n, flush=True)
    n += 1
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 on this system")
def test_every_transaction_that_returned_survives_kill_9_and_the_lock_is_free(tmp_path):
    path = tmp_path / "journal.db"
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path), SCHEMA], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        said = [int(writer.stdout.readline()) for _ in range(20)]
        with pytest.raises(AlreadyRunning):
            Database.open(path, SCHEMA, exclusive=True)
        os.kill(writer.pid, signal.SIGKILL)
        said += [int(line) for line in writer.stdout if line.endswith("\n")]

    with Database.open(path, SCHEMA, exclusive=True) as after:
        kept = after.run_sync(_names)

    assert kept[: len(said)] == [f"p{n}" for n in said]
    assert len(kept) - len(said) in (0, 1)
