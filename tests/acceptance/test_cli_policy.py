"""``jobman policy``: what the settings alone say of a time, and what a week would have been."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime

import pytest

from tests.acceptance.command import Jobman

INI = """\
[hours]
monday-friday = 00:00-07:00, 18:00-24:00
saturday, sunday = all day
last_start = 15 min
"""


@pytest.fixture
def jobman(tmp_path):
    (tmp_path / "my.ini").write_text(INI, encoding="utf-8")
    pc = Jobman(tmp_path)
    pc.env |= {"JOBMAN_CONFIG": str(tmp_path / "my.ini"), "TZ": "Europe/Copenhagen"}
    return pc


def test_inside_the_hours_it_is_allowed(jobman):
    said = jobman("policy", "--at", "2026-11-28T12:00", "--json")

    assert (said.code, said.err) == (0, "")
    assert said.json == {"allowed": True, "reasons": [], "next": None}


@pytest.mark.parametrize(
    "when", ["2026-11-24T12:00", "2026-11-24T11:00Z", "2026-11-24 06:00-05:00"]
)
def test_outside_the_hours_it_says_why_and_from_when(jobman, when):
    said = jobman("policy", "--at", when, "--json")

    six = "2026-11-24T18:00:00+01:00"
    assert said.json == {
        "allowed": False,
        "reasons": [{"code": "hours", "text": "hours from 18:00", "until": six}],
        "next": six,
    }
    assert jobman("policy", "--at", when).lines == [
        "2026-11-24 12:00+0100  may not: hours from 18:00: earliest 18:00"
    ]


def test_nothing_starts_shortly_before_the_hours_end(jobman):
    said = jobman("policy", "--at", "2026-11-24T06:50", "--json")

    assert not said.json["allowed"]
    assert said.json["reasons"][0]["text"] == "hours end at 07:00"
    assert said.json["next"] == "2026-11-24T18:00:00+01:00"


def test_a_local_time_that_comes_twice_or_never_is_named(jobman):
    twice = jobman("policy", "--at", "2026-10-25T02:30")
    never = jobman("policy", "--at", "2026-03-29T02:30")

    assert twice.err == ("jobman: the clocks show 02:30 twice that night: the first is meant\n")
    assert twice.lines == ["2026-10-25 02:30+0200  may start work"]
    assert "leave 02:30 out that night: 03:30 is meant" in never.err
    assert never.lines == ["2026-03-29 03:30+0200  may start work"]


def test_without_a_time_it_is_now(jobman):
    always = jobman("policy", JOBMAN_HOURS_MONDAY_SUNDAY="all day")

    assert always.code == 0
    assert always.out.endswith("  may start work\n")


def test_a_public_holiday_has_sundays_windows(jobman):
    jobman.env["JOBMAN_HOURS_HOLIDAYS"] = "DK"
    christmas = jobman("policy", "--at", "2026-12-25T12:00")
    day_before = jobman("policy", "--at", "2026-12-24T12:00")
    long_ago = jobman("policy", "--at", "2001-12-25T12:00")

    assert (christmas.err, day_before.err) == ("", "")
    assert christmas.out.endswith("may start work\n")
    assert "may not: hours from 18:00" in day_before.out
    assert long_ago.out.endswith("may start work\n")


def test_a_region_may_have_holidays_that_its_country_has_not(jobman):
    at = ("policy", "--at", "2026-01-06T12:00")
    bavaria = jobman(*at, JOBMAN_HOURS_HOLIDAYS="DE-BY")
    berlin = jobman(*at, JOBMAN_HOURS_HOLIDAYS="DE-BE")

    assert bavaria.out.endswith("may start work\n")
    assert "may not" in berlin.out


def test_a_country_that_there_is_not_is_a_mistake_that_names_near_ones(jobman):
    with (jobman.folder / "my.ini").open("a", encoding="utf-8") as file:
        file.write("holidays = Danmark\n")

    for words in (("policy",), ("config", "check")):
        said = jobman(*words)
        assert said.code == 2
        assert "my.ini, line 5, [hours] holidays: 'Danmark' is no country" in said.err
        assert "did you mean DK (Denmark)?" in said.err


def test_dates_that_nobody_can_look_up_are_judged_as_ordinary_days_and_that_is_said(jobman):
    # The child finds no library: this package has its name, and is found before it.
    (jobman.folder / "broken" / "holidays").mkdir(parents=True)
    (jobman.folder / "broken" / "holidays" / "__init__.py").write_text("raise ImportError('gone')")
    path = f"{jobman.folder / 'broken'}{os.pathsep}{jobman.env['PYTHONPATH']}"

    said = jobman("policy", "--at", "2026-12-25T12:00", JOBMAN_HOURS_HOLIDAYS="DK", PYTHONPATH=path)

    assert said.code == 0
    assert "the public holidays of DK cannot be looked up (ImportError: gone)" in said.err
    assert "may not" in said.out


@pytest.mark.parametrize("when", ["noon", "2026-13-01", "2026-11-24T25:00", ""])
def test_what_is_no_time_is_told(jobman, when):
    said = jobman("policy", "--at", when)

    assert said.code == 2
    assert "is no time: write for example 2026-12-24T18:00" in said.err


@pytest.mark.parametrize("when", ["0001-01-01T00:00Z", "9999-12-31T23:59"])
def test_a_year_that_nobody_can_count_with_is_told(jobman, when):
    said = jobman("policy", "--at", when)

    assert said.code == 2
    assert "only the years 1970 to 9000" in said.err


@pytest.mark.parametrize("words", [(), ("--at", "2026-11-24T12:00"), ("--at", "2026-11-24T12:00Z")])
def test_a_time_zone_that_is_missing_is_told(jobman, words):
    said = jobman("policy", *words, TZ="Europe/Nowhere")

    assert said.code == 2
    assert said.err.startswith("jobman: TZ names no time zone")


def record_a_night(jobman):
    """Since yesterday's evening this PC was left alone, up to a visit an hour ago."""
    folder = jobman.home / "record"
    folder.mkdir(parents=True)
    now = int(time.time())
    lines = [
        {
            "at": now - 20 * 3600, "begin": True, "input": False, "remote": False, "locked": True,
            "cpu": 0, "memory": 40, "disk": 2_000_000_000, "battery": False,
            "presentation": False, "running": [], "listed": ["zoom"],
        },
        {"at": now - 3600, "input": True},
        {"at": now - 3500, "input": False},
        {"at": now - 60},
    ]  # fmt: skip
    text = "".join(json.dumps(line) + "\n" for line in lines)
    for days in (1, 0):
        day = datetime.fromtimestamp(now - days * 86400, UTC).date()
        (folder / f"{day}.jsonl").write_text(text if days else "")
    return folder / f"{day}.jsonl"


ALWAYS = {"JOBMAN_HOURS_MONDAY_SUNDAY": "all day"}


def test_without_a_record_an_example_week_is_judged_and_called_one(jobman):
    said = jobman("policy", "--week", COLUMNS="80")

    assert (said.code, said.err) == (0, "")
    assert said.lines[0].startswith("An example week, Mon ")
    assert sum(line[:3] in ("Mon", "Sat", "Sun") for line in said.lines) == 3
    assert max(map(len, said.lines)) <= 80 + len(str(jobman.folder))


def test_the_recorded_week_is_judged_and_drawn(jobman):
    record_a_night(jobman)
    said = jobman("policy", "--week", "--json", "--png", "week.png", **ALWAYS)

    assert (said.code, said.err) == (0, "drawn: week.png\n")
    assert said.json["source"] == "record"
    assert said.json["hours_known"] == pytest.approx(19.98, abs=0.02)
    assert said.json["hours_gained"] == pytest.approx(19.9, abs=0.03)  # locked: the short wait
    assert (said.json["interruptions"], said.json["flaps"]) == (1, 0)
    assert said.json["stretches"][-1]["state"] == "working"
    assert said.json["png"] == "week.png"
    assert (jobman.folder / "week.png").read_bytes().startswith(b"\x89PNG")


def test_other_settings_are_compared_with_those_that_hold(jobman):
    record_a_night(jobman)
    (jobman.folder / "other.ini").write_text("[hours]\nmonday-sunday = all day\n")
    (jobman.folder / "my.ini").write_text("[hours]\nmonday-sunday = none\n")

    said = jobman("policy", "--week", "--config", "other.ini", "--json")

    assert said.json["before"]["hours_gained"] == 0
    assert said.json["before"]["reasons"][0]["code"] == "hours"
    assert said.json["hours_gained"] > 19
    (jobman.folder / "my.ini").write_text("[hours]\nmonday-sunday = nine to five\n")
    broken = jobman("policy", "--week", "--config", "other.ini", "--json")
    assert broken.json["before"] is None
    assert "no comparison with the settings that hold now" in broken.err


def test_what_the_record_does_not_know_is_told(jobman):
    today = record_a_night(jobman)
    today.write_text('{"at":17953')

    said = jobman("policy", "--week", JOBMAN_IDLE_NOT_WHILE_RUNNING="Zoom, Teams.exe", **ALWAYS)

    assert said.code == 0
    assert "1 line of the record cannot be read (torn by a crash or a full disk)" in said.err
    assert "nobody looked for Teams.exe while this was recorded" in said.err


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--week", "--png", "week.gif"), "write a name that ends in .png"),
        (("--week", "--png", "nowhere/week.png"), "there is no folder"),
        (("--png", "week.png"), "write --week too"),
        (("--example",), "write --week too"),
        (("--week", "--at", "2026-11-24T12:00"), "not allowed with"),
    ],
)
def test_a_week_that_cannot_be_shown_so_is_told(jobman, words, what):
    said = jobman("policy", *words)

    assert said.code == 2
    assert what in said.err


def test_the_example_can_be_had_all_the_same(jobman):
    record_a_night(jobman)
    assert jobman("policy", "--week", "--example", "--json").json["source"] == "example"
