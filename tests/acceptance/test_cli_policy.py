"""``jobman policy --at``: what the settings alone say of a time."""

from __future__ import annotations

import os

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
