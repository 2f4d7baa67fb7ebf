"""[hours]: what people write, and what they write by mistake."""

from __future__ import annotations

import pytest

from jobman_agent.settings.week import (
    Window,
    make_week,
    parse_days,
    parse_holidays,
    parse_windows,
    unmeant_gaps,
)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("monday", (0,)),
        ("Monday-Friday", (0, 1, 2, 3, 4)),
        ("saturday, sunday", (5, 6)),
        ("friday - monday", (4, 5, 6, 0)),
        ("monday-tuesday, sunday", (0, 1, 6)),
    ],
)
def test_days(text, days):
    assert parse_days(text) == days


@pytest.mark.parametrize("text", ["", "mon", "monday-", "every day", "montag", "monday,,sunday"])
def test_what_is_no_day(text):
    with pytest.raises(ValueError, match="is no day: write monday"):
        parse_days(text)


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("all day", (Window(0, 1440),)),
        ("All  Day", (Window(0, 1440),)),
        ("none", ()),
        ("00:00-07:00, 18:00-24:00", (Window(0, 420), Window(1080, 1440))),
        ("18:00-24:00,0:00-7:00", (Window(0, 420), Window(1080, 1440))),
        ("18:00 - 07:00", (Window(1080, 1440 + 420),)),
        ("00:00-24:00", (Window(0, 1440),)),
    ],
)
def test_windows(text, windows):
    assert parse_windows(text) == windows


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("18-24", "is no window"),
        ("18:00", "is no window"),
        ("", "is no window"),
        ("18:00-24:00,", "is no window"),
        ("25:00-26:00", "no such time"),
        ("24:00-07:00", "no such time"),
        ("18:60-19:00", "no such time"),
        ("18:00-24:01", "no such time"),
        ("09:00-09:00", "is empty.*all day"),
        ("06:00-12:00, 11:00-13:00", "overlap"),
        ("20:00-07:00, 22:00-23:00", "overlap"),
    ],
)
def test_mistakes_in_windows(text, why):
    with pytest.raises(ValueError, match=why):
        parse_windows(text)


def test_a_day_that_is_not_named_has_no_window_and_none_is_named_twice():
    evening = (Window(1080, 1440),)

    assert make_week({"monday": ((0,), evening)}) == (evening, (), (), (), (), (), ())
    with pytest.raises(ValueError, match=r"friday is named by 'monday-friday' and by 'friday'"):
        make_week({"monday-friday": ((0, 1, 2, 3, 4), evening), "friday": ((4,), ())})


def test_a_window_is_shown_as_it_is_written():
    assert [str(w) for w in parse_windows("18:00-07:00")] == ["18:00-07:00"]
    assert [str(w) for w in parse_windows("all day")] == ["00:00-24:00"]


def test_countries_of_holidays():
    assert parse_holidays("dk") == "DK"
    assert parse_holidays("DE-BY") == "DE-BY"
    assert parse_holidays("none") is None
    assert parse_holidays("de-Bayern") == "de-Bayern"
    for text in ("4", "DK, SE", "D", "-BY", "DK/x", "x" * 90):
        with pytest.raises(ValueError, match="write for example DK"):
            parse_holidays(text)


@pytest.mark.parametrize(
    ("days", "gaps"),
    [
        ({"monday-friday": "18:00-07:00", "sunday": "all day"}, ["monday 00:00-07:00"]),
        ({"monday-friday": "18:00-07:00", "saturday, sunday": "all day"}, ["monday 00:00-07:00"]),
        ({"monday-friday": "00:00-07:00, 18:00-24:00", "sunday": "all day"}, []),
        ({"monday-friday": "18:00-07:00", "sunday": "12:00-07:00"}, []),
        ({"monday-friday": "18:00-07:00", "sunday": "08:00-12:00"}, []),
        ({"monday": "00:00-07:00, 18:00-07:00", "sunday": "all day"}, []),
    ],
)
def test_a_morning_that_nobody_means_to_leave_out_is_pointed_at(days, gaps):
    week = make_week({name: (parse_days(name), parse_windows(text)) for name, text in days.items()})

    assert [gap.partition(" is not free")[0] for gap in unmeant_gaps(week)] == gaps
