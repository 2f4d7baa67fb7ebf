"""Nights from noon to noon, also when the clocks change, and what ran in them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from jobman_agent.agent.nights import Entry, Sum, by_night, last_night, night_of, noon, put_together
from jobman_agent.errors import InputError

HERE = "Europe/Copenhagen"


def at(text):
    return datetime.fromisoformat(text)


def an_entry(ended="2026-11-24T01:00+01:00", **given):
    fields = {"employer": "alice", "title": "Bridge", "package": "a1", "outcome": "done"}
    return Entry(at(ended).astimezone(UTC), **{**fields, **given})


@pytest.mark.parametrize(
    ("moment", "night"),
    [
        ("2026-11-23T12:00+01:00", "2026-11-23"),
        ("2026-11-23T23:59+01:00", "2026-11-23"),
        ("2026-11-24T00:00+01:00", "2026-11-23"),
        ("2026-11-24T11:59:59+01:00", "2026-11-23"),
        ("2026-11-24T12:00+01:00", "2026-11-24"),
        ("2026-11-24T11:00Z", "2026-11-24"),
        # The clocks go back on 25 October at 3, and forward on 29 March at 2.
        ("2026-10-25T02:30+02:00", "2026-10-24"),
        ("2026-10-25T02:30+01:00", "2026-10-24"),
        ("2026-10-25T11:59+01:00", "2026-10-24"),
        ("2026-10-25T12:00+01:00", "2026-10-25"),
        ("2026-03-29T11:59+02:00", "2026-03-28"),
        ("2026-03-29T12:00+02:00", "2026-03-29"),
    ],
)
def test_a_night_runs_from_noon_to_noon_by_the_clock_on_the_wall(moment, night):
    assert night_of(at(moment), HERE) == date.fromisoformat(night)


def test_the_nights_of_a_clock_change_are_an_hour_longer_or_shorter():
    def hours(day):
        return (noon(day + timedelta(days=1), HERE) - noon(day, HERE)) / timedelta(hours=1)

    assert hours(date(2026, 10, 24)) == 25
    assert hours(date(2026, 3, 28)) == 23
    assert hours(date(2026, 11, 23)) == 24


def test_entries_are_sorted_into_their_nights_and_summed():
    nights = by_night(
        [
            an_entry("2026-11-24T13:00+01:00", package="late"),
            an_entry(seconds=90.0, cpu_seconds=80.0, peak_memory=7, packages=4, package=""),
            an_entry("2026-11-23T22:00+01:00", seconds=10.0, peak_memory=9, outcome="failed"),
        ],
        HERE,
    )

    assert [night.date for night in nights] == [date(2026, 11, 23), date(2026, 11, 24)]
    assert nights[0].sum == Sum(5, 100.0, 80.0, 9)
    assert [one.outcome for one in nights[0].entries] == ["failed", "done"]


def test_last_night_is_the_one_up_to_this_noon():
    found = [
        an_entry("2026-11-22T23:00+01:00", package="before"),
        an_entry("2026-11-23T23:00+01:00", package="last"),
        an_entry("2026-11-24T23:00+01:00", package="tonight"),
    ]

    def names(now):
        return [one.package for one in last_night(found, at(now), HERE).entries]

    assert names("2026-11-24T08:00+01:00") == ["last"]
    assert names("2026-11-24T16:00+01:00") == ["last"]
    assert names("2026-11-25T00:10+01:00") == ["tonight"]
    assert names("2026-11-27T16:00+01:00") == []


def test_what_ended_alike_in_one_night_is_put_together():
    one = an_entry(seconds=1.0, cpu_seconds=0.5, peak_memory=5)
    other = an_entry("2026-11-24T02:00+01:00", package="a2", seconds=2.0, peak_memory=3)
    failed = an_entry("2026-11-24T01:30+01:00", outcome="failed")
    before = an_entry("2026-11-23T02:00+01:00")

    found = put_together([one, other, failed, before], HERE)

    assert found[:2] == [before, failed]
    assert found[2] == an_entry(
        "2026-11-24T02:00+01:00",
        package="",
        packages=2,
        seconds=3.0,
        cpu_seconds=0.5,
        peak_memory=5,
    )
    assert put_together(found, HERE) == found


def test_a_time_zone_that_is_missing_is_told():
    with pytest.raises(InputError, match="names no time zone"):
        night_of(at("2026-11-24T01:00Z"), "Nowhere/City")
