"""The ledger: what the agent writes of packages, what is put together, and what a bad disk does."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobman_agent.agent import ledger as room
from jobman_agent.agent.ledger import EACH_S, Ledger
from jobman_agent.agent.nights import FILE, as_line, by_night, read_ledger
from jobman_agent.control.pipe_messages import ComingRun, Ended
from jobman_agent.model.messages import Outcome

NOW = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)


def at_once(function):
    function()


class Book:
    """A ledger whose disk's thread is this one."""

    def __init__(self, home, do=at_once):
        self.home = home
        self.ledger = Ledger(home, do, "UTC")

    def ended(self, package="a1", outcome=Outcome.DONE, seconds=60.0, at=NOW, title="Bridge"):
        run = ComingRun(run="r1", package=package, employer="alice", title=title)
        done = Ended("r1", outcome, seconds, seconds / 2, 500_000_000)
        self.ledger.enter(at, run, done)

    @property
    def entries(self):
        return read_ledger(self.home)[0]

    def many(self, count, title="Bridge", nights=1):
        """So many that come at once, over some nights up to this one."""
        for number in range(count):
            self.ledger._written = -EACH_S
            self.ended(f"p{number}", at=NOW - timedelta(days=number % nights), title=title)


@pytest.fixture
async def book(tmp_path):
    return Book(tmp_path)


async def test_a_line_says_who_what_how_long_and_how_it_ended(book):
    book.ended()

    assert json.loads((book.home / FILE).read_bytes()) == {
        "ended": "2026-11-24T01:30:00+00:00",
        "employer": "alice",
        "title": "Bridge",
        "package": "a1",
        "outcome": "done",
        "seconds": 60.0,
        "cpu_seconds": 30.0,
        "peak_memory": 500_000_000,
    }
    [entry] = book.entries
    assert as_line(entry) == (book.home / FILE).read_bytes()


async def test_what_never_ran_is_no_entry_and_what_a_dead_worker_held_is_lost(book):
    book.ended(outcome=Outcome.REFUSED, seconds=0.0)
    book.ended(outcome=Outcome.HANDED_BACK, seconds=0.0)
    book.ended(outcome=Outcome.HANDED_BACK, seconds=3.0)
    book.ledger.lost(NOW, [ComingRun("r2", "a2", "alice", "Bridge")])
    book.ledger.close()

    assert [(one.package, one.outcome, one.seconds) for one in book.entries] == [
        ("a1", "handed_back", 3.0),
        ("a2", "lost", 0.0),
    ]


async def test_packages_of_milliseconds_are_written_together(book):
    for number in range(500):
        book.ended(
            f"p{number}", seconds=0.01, outcome=Outcome.FAILED if number == 7 else Outcome.DONE
        )
    assert len(book.entries) == 1

    await asyncio.sleep(EACH_S + 0.1)

    assert [(one.package, one.outcome, one.packages) for one in book.entries] == [
        ("p0", "done", 1),
        ("", "done", 498),
        ("p7", "failed", 1),
    ]
    [night] = by_night(book.entries, "UTC")
    assert night.sum.packages == 500
    assert night.sum.seconds == pytest.approx(5.0)


async def test_a_line_that_was_torn_costs_no_other_line(book):
    book.ended("a1")
    whole = (book.home / FILE).read_bytes()
    (book.home / FILE).write_bytes(whole + whole[:40])
    assert read_ledger(book.home) == (book.entries, 0)
    assert len(book.entries) == 1

    Book(book.home).ended("a2")

    entries, damaged = read_ledger(book.home)
    assert [one.package for one in entries] == ["a1", "a2"]
    assert damaged == 1


@pytest.mark.parametrize(
    "junk",
    [
        b"\x00\x00\x00",
        b"[]",
        b"[" * 9999,
        b'{"ended": 1}',
        b'{"ended": "2026-11-24T01:30:00", "outcome": "done", "seconds": 1, "cpu_seconds": 1, '
        b'"peak_memory": 1}',
        b'{"ended": "2026-11-24T01:30:00Z", "seconds": NaN, "cpu_seconds": 1, "peak_memory": 1}',
        b'{"ended": "2026-11-24T01:30:00Z", "seconds": 1e999, "cpu_seconds": 1, "peak_memory": 1}',
        b'{"ended": "0001-01-01T00:00:00+10:00", "seconds": 1, "cpu_seconds": 1, "peak_memory": 1}',
        b'{"ended": "2026-11-24T01:30:00Z", "employer": 3, "seconds": 1, "cpu_seconds": 1, '
        b'"peak_memory": 1}',
        b'{"ended": "2026-11-24T01:30:00Z", "packages": -1, "seconds": 1, "cpu_seconds": 1, '
        b'"peak_memory": 1}',
        "ø".encode("latin-1"),
    ],
)
async def test_a_damaged_line_is_counted_and_the_others_are_read(book, junk):
    book.ended("a1")
    line = (book.home / FILE).read_bytes()
    (book.home / FILE).write_bytes(line + junk + b"\n" + line)

    entries, damaged = read_ledger(book.home)

    assert [one.package for one in entries] == ["a1", "a1"]
    assert damaged == 1


async def test_a_ledger_that_has_grown_is_put_together_and_its_sums_stay(book, monkeypatch):
    monkeypatch.setattr(room, "MOST_BYTES", 20_000)
    monkeypatch.setattr(room, "NEW_BYTES", 4_000)

    book.many(600, nights=5)

    assert (book.home / FILE).stat().st_size <= 20_000
    nights = by_night(book.entries, "UTC")
    assert [night.sum.packages for night in nights] == [120] * 5
    assert nights[-1].sum.seconds == 120 * 60
    assert nights[-1].entries[-1].package == "p595"


async def test_ever_new_jobs_do_not_make_it_grow(book, monkeypatch):
    monkeypatch.setattr(room, "MOST_BYTES", 20_000)
    monkeypatch.setattr(room, "NEW_BYTES", 4_000)

    for number in range(400):
        book.ledger._written = -EACH_S
        book.ended(title=f"job {number}")

    assert (book.home / FILE).stat().st_size <= 20_000
    assert read_ledger(book.home)[1] == 0
    assert book.entries[-1].title == "job 399"


async def test_what_is_older_than_a_year_goes(book):
    for days in (800, 500, 300, 1):
        Book(book.home).ended(f"d{days}", at=NOW - timedelta(days=days))
    assert [one.package for one in book.entries] == ["d800", "d500", "d300", "d1"][
        -len(book.entries) :
    ]

    Book(book.home).ended("now")

    assert [one.package for one in book.entries] == ["d300", "d1", "now"]


async def test_a_full_disk_is_told_once_and_nothing_is_lost(book, caplog):
    book.home.chmod(0o700)
    path = book.home / FILE
    path.mkdir()  # nothing can be written there, by anybody
    caplog.set_level(logging.INFO, "jobman_agent")
    for number in range(30):
        book.ledger._written = -EACH_S
        book.ended(f"p{number}")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "cannot be written" in caplog.text

    path.rmdir()
    book.ledger.close()

    assert sum(one.packages for one in book.entries) == 30
    assert "the ledger is written again" in caplog.text


async def test_what_waits_for_a_disk_for_long_stays_small(book):
    (book.home / FILE).mkdir()
    book.many(3000, nights=3)
    (book.home / FILE).rmdir()
    book.ledger.close()

    assert sum(one.packages for one in book.entries) == 3000
    assert len(book.entries) <= room.WAITING_MOST


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full (Linux)")
async def test_a_disk_that_fills_in_the_middle_of_a_line_tears_only_that_one(book):
    (book.home / FILE).symlink_to("/dev/full")
    book.ended("a1")
    (book.home / FILE).unlink()
    (book.home / FILE).write_bytes(b'{"ended": "2026')
    book.ledger._written = -EACH_S
    book.ended("a2")

    assert [one.package for one in book.entries] == ["a1", "a2"]


async def test_a_missing_time_zone_costs_no_line(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "APART_MOST", 2)
    book = Book(tmp_path)
    book.ledger._file._zone = "Nowhere/City"
    (tmp_path / FILE).mkdir()
    book.many(5)
    (tmp_path / FILE).rmdir()
    book.ledger.close()

    assert len(book.entries) == 5
