"""Hours where a person can check them: both nights of a clock change, midnight, holidays."""

from __future__ import annotations

import os
import time
from datetime import UTC, date, datetime, timedelta

import pytest
import whenever

from jobman_agent.errors import InputError
from jobman_agent.policy.hours import Calendar, local, opening_at, read_local
from jobman_agent.settings.week import Week, Window, make_week, parse_days, parse_windows

COPENHAGEN = "Europe/Copenhagen"


def a_week(**days: str) -> Week:
    return make_week(
        {
            name.replace("_", "-"): (parse_days(name.replace("_", "-")), parse_windows(text))
            for name, text in days.items()
        }
    )


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def free(calendar: Calendar, *moments: str) -> list[bool]:
    return [opening_at(calendar, at(moment)).free for moment in moments]


def test_a_window_over_midnight_belongs_to_the_day_it_starts_on():
    nights = Calendar(a_week(monday_friday="18:00-07:00", sunday="all day"), zone=COPENHAGEN)

    # Friday evening reaches into Saturday; Monday's first hours are Sunday's, and it has none.
    assert free(nights, "2026-11-27T23:00+01:00", "2026-11-28T06:59+01:00") == [True, True]
    assert free(nights, "2026-11-28T07:00+01:00", "2026-11-28T20:00+01:00") == [False, False]
    assert free(nights, "2026-11-29T23:59+01:00", "2026-11-30T00:00+01:00") == [True, False]


def test_in_the_doubled_hour_both_passes_count():
    early = Calendar(a_week(sunday="00:00-02:30"), zone=COPENHAGEN)
    moments = [f"2026-10-25T{t}" for t in ("02:29+02:00", "02:31+02:00", "02:00+01:00")]

    assert free(early, *moments, "2026-10-25T02:30+01:00") == [True, False, True, False]
    first = opening_at(early, at("2026-10-25T01:00+02:00"))
    assert first.ends == at("2026-10-25T02:30+02:00")
    again = opening_at(early, at("2026-10-25T02:40+02:00"))
    assert again.next_start == at("2026-10-25T02:00+01:00")


def test_the_night_when_clocks_go_back_has_an_hour_more():
    night = Calendar(a_week(saturday="22:00-07:00"), zone=COPENHAGEN)

    opening = opening_at(night, at("2026-10-24T22:00+02:00"))

    assert opening.ends == at("2026-10-25T07:00+01:00")
    assert opening.ends - at("2026-10-24T22:00+02:00") == timedelta(hours=10)


def test_the_hour_that_is_left_out_never_comes():
    gone = Calendar(a_week(sunday="02:10-02:50"), zone=COPENHAGEN)
    begins = Calendar(a_week(sunday="02:30-05:00"), zone=COPENHAGEN)
    before = at("2026-03-29T01:00+01:00")

    assert opening_at(gone, before).next_start == at("2026-04-05T02:10+02:00")
    assert opening_at(begins, before).next_start == at("2026-03-29T03:00+02:00")


def test_adjoining_windows_are_one_so_that_midnight_stops_nothing():
    week = Calendar(
        a_week(monday_friday="00:00-07:00, 18:00-24:00"), timedelta(minutes=15), zone="UTC"
    )

    opening = opening_at(week, at("2026-11-24T23:55+00:00"))

    assert opening.may_start
    assert opening.ends == at("2026-11-25T07:00+00:00")


def test_nothing_new_starts_shortly_before_the_end():
    evening = Calendar(a_week(tuesday="18:00-20:00"), timedelta(minutes=15), zone="UTC")

    assert opening_at(evening, at("2026-11-24T19:44:59+00:00")).may_start
    late = opening_at(evening, at("2026-11-24T19:45+00:00"))

    assert (late.free, late.may_start) == (True, False)
    assert late.next_start == at("2026-12-01T18:00+00:00")


def test_a_window_too_short_to_start_anything_is_passed_over():
    week = a_week(tuesday="12:00-12:10, 14:00-15:00")

    opening = opening_at(Calendar(week, timedelta(minutes=15), zone="UTC"), at("2026-11-24T11:00Z"))

    assert opening.next_start == at("2026-11-24T14:00Z")


def test_a_public_holiday_has_sundays_windows():
    christmas = Calendar(
        a_week(monday_friday="18:00-24:00", sunday="all day"),
        holidays=frozenset({date(2026, 12, 25)}),
        zone=COPENHAGEN,
    )

    # Friday the 25th; the Thursday before it ends at midnight as always, and joins it.
    assert free(christmas, "2026-12-24T12:00+01:00", "2026-12-25T12:00+01:00") == [False, True]
    assert opening_at(christmas, at("2026-12-24T20:00+01:00")).ends == at("2026-12-26T00:00+01:00")


def test_a_holiday_without_sunday_windows_is_not_free_at_all():
    workdays = Calendar(
        a_week(monday_friday="00:00-07:00"), holidays=frozenset({date(2026, 12, 25)}), zone="UTC"
    )

    assert free(workdays, "2026-12-25T03:00Z") == [False]
    assert opening_at(workdays, at("2026-12-24T08:00Z")).next_start == at("2026-12-28T00:00Z")


def test_all_day_every_day_has_no_end():
    always = Calendar(a_week(monday_sunday="all day"), timedelta(hours=3), zone=COPENHAGEN)
    now = at("2026-10-24T12:00+02:00")

    opening = opening_at(always, now)

    assert (opening.free, opening.may_start, opening.ends, opening.next_start) == (
        True,
        True,
        None,
        now,
    )


@pytest.mark.parametrize("week", [((),) * 7, ((Window(0, 5),), *((),) * 6)])
def test_without_a_window_that_is_long_enough_there_is_no_next_time(week):
    opening = opening_at(Calendar(week, timedelta(minutes=15), zone="UTC"), at("2026-11-24T12:00Z"))

    assert (opening.may_start, opening.next_start) == (False, None)


def test_answers_are_in_local_time():
    evening = Calendar(a_week(tuesday="18:00-24:00"), zone=COPENHAGEN)

    opening = opening_at(evening, at("2026-11-24T12:00+00:00"))

    assert opening.next_start is not None
    assert opening.next_start.isoformat() == "2026-11-24T18:00:00+01:00"


@pytest.fixture
def _zone_of_the_system():
    """TZ counts when it is read anew; afterwards everything is as it was."""
    before = os.environ.get("TZ")
    yield
    if before is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = before
    if hasattr(time, "tzset"):
        time.tzset()
    whenever.reset_system_tz()


@pytest.mark.usefixtures("_zone_of_the_system")
def test_without_a_zone_that_of_tz_counts():
    os.environ["TZ"] = "America/New_York"
    whenever.reset_system_tz()

    moment = local(datetime(2026, 11, 24, 12, 0, tzinfo=UTC), None)

    assert moment.to_fixed_offset().to_stdlib().isoformat() == "2026-11-24T07:00:00-05:00"


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "../x", ""])
def test_a_zone_that_does_not_exist_is_told(zone):
    with pytest.raises(InputError, match=r"names no time zone .*: write for example Europe/Copen"):
        local(datetime(2026, 11, 24, tzinfo=UTC), zone)


@pytest.mark.parametrize(
    ("wall", "moment", "note"),
    [
        ("2026-11-24T18:00", "2026-11-24T18:00:00+01:00", None),
        ("2026-10-25T02:30", "2026-10-25T02:30:00+02:00", "02:30 twice that night: the first"),
        ("2026-03-29T02:30", "2026-03-29T03:30:00+02:00", "leave 02:30 out that night: 03:30 is"),
    ],
)
def test_a_time_without_an_offset_is_a_local_one(wall, moment, note):
    read, said = read_local(datetime.fromisoformat(wall), COPENHAGEN)

    assert read.isoformat() == moment
    assert (note is None) == (said is None)
    assert note is None or note in (said or "")


def test_a_time_without_an_offset_in_no_zone_is_told():
    with pytest.raises(InputError, match="names no time zone"):
        read_local(datetime.fromisoformat("2026-11-24T00:00"), "Europe/Nowhere")
