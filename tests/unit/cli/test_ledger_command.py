"""``jobman ledger``: what ran here, for a person in 80 columns and for programs."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest

from jobman_agent.agent.nights import FILE, Entry, as_line
from jobman_agent.cli.main import main
from jobman_agent.clock import SYSTEM_CLOCK, SystemClock
from jobman_agent.policy import hours

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def an_entry(hours_ago=3.0, **given):
    fields = {
        "employer": "alice",
        "title": "Bridge study",
        "package": "a1",
        "outcome": "done",
        "seconds": 600.0,
        "cpu_seconds": 540.0,
        "peak_memory": 512_000_000,
    }
    return Entry(NOW - timedelta(hours=hours_ago), **{**fields, **given})


@pytest.fixture
def ledger(tmp_path, monkeypatch, capsys):
    """Runs the command on a PC whose clock stands, in UTC; says code, stdout and stderr."""
    monkeypatch.setattr(SystemClock, "now", lambda _self: NOW)
    monkeypatch.setattr(hours, "SYSTEM_TZ", "UTC")
    monkeypatch.setenv("JOBMAN_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words, entries=(), tty=False, more=b""):
        assert SYSTEM_CLOCK.now() == NOW
        (tmp_path / FILE).write_bytes(b"".join(map(as_line, entries)) + more)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: tty, raising=False)
        code = main(["ledger", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


NIGHTS = [
    an_entry(27, package="", packages=48, seconds=28_000.0, title="A very long title " * 5),
    an_entry(26, package="a17", outcome="failed", title="A very long title " * 5),
    an_entry(5, package="", packages=12, seconds=7200.0),
    an_entry(4, package="a3", outcome="handed_back", seconds=60.0),
    an_entry(
        3, employer="bob", title="Wind", outcome="lost", seconds=0.0, cpu_seconds=0.0, peak_memory=0
    ),
]


def test_a_person_sees_it_night_by_night_in_80_columns(ledger):
    code, out, err = ledger(entries=NIGHTS, tty=True)

    assert (code, err) == (0, "")
    assert all(len(line) <= 80 for line in out.splitlines())
    assert out.splitlines() == [
        "                                   how it ended        time         CPU  memory",
        "night of Sunday 22 November",
        "  alice: A very long title A v…         48 done  7 h 47 min       9 min  512 MB",
        "    a17                                1 failed      10 min       9 min  512 MB",
        "  in all                            49 packages  7 h 57 min      18 min  512 MB",
        "night of Monday 23 November, last night",
        "  alice: Bridge study                   12 done         2 h       9 min  512 MB",
        "    a3                            1 interrupted        60 s       9 min  512 MB",
        "  bob: Wind, a1                          1 lost           ?           ?       ?",
        "  in all                            14 packages   2 h 1 min      18 min  512 MB",
        "2 nights                            63 packages  9 h 58 min      36 min  512 MB",
    ]


def test_each_package_has_its_line_with_v(ledger):
    _, out, _ = ledger("-v", "--nights", "1", entries=NIGHTS, tty=True)

    assert "alice: a3 of Bridge" in out
    assert "22 November" not in out
    assert [line[2:7] for line in out.splitlines()[2:5]] == [
        f"{(NOW - timedelta(hours=ago)).astimezone():%H:%M}" for ago in (5, 4, 3)
    ]


def test_programs_get_lines_with_tabs_or_json(ledger):
    _, out, _ = ledger(entries=NIGHTS)
    rows = [line.split("\t") for line in out.splitlines()]
    assert rows[0][:3] == ["night", "ended", "employer"]
    assert rows[4] == ["2026-11-23", "2026-11-24T05:30:00Z", "alice", "Bridge study", "a3",
                       "interrupted", "1", "60.0", "540.0", "512000000"]  # fmt: skip

    code, out, _ = ledger("--json", "--nights", "1", entries=NIGHTS)
    said = json.loads(out)
    assert code == 0
    assert [night["night"] for night in said["nights"]] == ["2026-11-23"]
    assert (said["nights"][0]["begins"], said["nights"][0]["ends"]) == (
        "2026-11-23T12:00:00Z",
        "2026-11-24T12:00:00Z",
    )
    assert (said["packages"], said["seconds"], said["damaged"]) == (14, 7260.0, 0)
    assert said["nights"][0]["entries"][1] == {
        "ended": "2026-11-24T05:30:00Z",
        "employer": "alice",
        "title": "Bridge study",
        "package": "a3",
        "outcome": "handed_back",
        "packages": 1,
        "seconds": 60.0,
        "cpu_seconds": 540.0,
        "peak_memory": 512_000_000,
    }


def test_where_nothing_ran_it_says_so_and_when_something_did(ledger):
    code, out, err = ledger()
    assert (code, out) == (0, "")
    assert err.startswith("nothing has run on this PC yet")

    code, out, err = ledger(entries=[an_entry(24 * 30)])
    assert (code, out) == (0, "")
    assert "nothing has run in the last 7 nights; the last time was the night of 2026-10-24" in err
    code, out, err = ledger("--nights", "31", entries=[an_entry(24 * 30)])
    assert (len(out.splitlines()), err) == (2, "")


def test_damaged_lines_are_told_and_the_others_are_shown(ledger):
    code, out, err = ledger(entries=NIGHTS, more=b"junk\nmore junk\n{")

    assert code == 0
    assert err == "jobman: 2 damaged lines of the ledger left out\n"
    assert len(out.splitlines()) == 6


@pytest.mark.parametrize("number", ["0", "-1", "401", "many", "1.5", ""])
def test_a_number_of_nights_that_is_none_is_told(ledger, number):
    code, _, err = ledger("--nights", number)

    assert code == 2
    assert "write a whole number from 1 to 400" in err or "expected one argument" in err


def test_what_strangers_wrote_does_not_move_the_cursor(ledger):
    _, out, _ = ledger(entries=[an_entry(title="\x1b[2J", package="a\tb")], tty=True)

    assert "\x1b" not in out
