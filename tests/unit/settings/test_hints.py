"""What nobody is likely to mean is pointed at, and what people do mean is not."""

from __future__ import annotations

import pytest

from jobman_agent.settings.hints import hints, longest_window
from jobman_agent.settings.layers import load_settings
from jobman_agent.settings.places import Places
from jobman_agent.settings.week import make_week, parse_days, parse_windows


def said(tmp_path, text="", **environ):
    (tmp_path / "my.ini").write_text(text, encoding="utf-8")
    places = Places(tmp_path, tmp_path / "my.ini", tmp_path / "no.ini", tmp_path)
    return hints(load_settings(places, environ={}), environ)


def test_the_defaults_are_meant(tmp_path):
    assert said(tmp_path, JOBMAN_HOME="/x", JOBMAN_POOL_URL="dir:/x", JOBMAN_TEST_X="1") == []


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[hours]\nmonday-sunday = none\n", "no day has a window, so this PC never works: write"),
        (
            "[hours]\nmonday-friday = 18:00-07:00\nsunday = all day\n",
            "monday 00:00-07:00 is not free",
        ),
        (
            "[hours]\nmonday = 12:00-13:00\nlast_start = 1 h\n",
            "no window is longer than last_start = 1 h, so nothing ever starts: make it shorter",
        ),
        (
            "[yield]\ngive_back_after = 2 min\n",
            "give_back_after = 2 min is no longer than resume_after = 2 min",
        ),
        ("[idle]\nlocked_away = 1 h\n", "locked_away = 1 h is longer than user_away = 10 min"),
    ],
)
def test_what_nobody_means_is_pointed_at(tmp_path, text, hint):
    [found] = said(tmp_path, text)

    assert hint in found


def test_a_variable_that_counts_for_nothing_is_named(tmp_path):
    assert said(tmp_path, JOBMAN_IDEL_USER_AWAY="1 s", JOBMAN_HOEM="/x", JOBMANIA="x") == [
        "variable JOBMAN_HOEM is not known, and counts for nothing: did you mean JOBMAN_HOME?",
        "variable JOBMAN_IDEL_USER_AWAY is not known, and counts for nothing: did you mean "
        "JOBMAN_IDLE_USER_AWAY?",
    ]


@pytest.mark.parametrize(
    ("days", "minutes"),
    [
        ({"monday": "12:00-13:00", "tuesday": "12:00-12:30"}, 60),
        ({"monday": "18:00-24:00", "tuesday": "00:00-07:00"}, 13 * 60),
        ({"monday-friday": "18:00-07:00"}, 13 * 60),
        ({"sunday": "20:00-24:00", "monday": "00:00-01:00"}, 5 * 60),
        ({"monday-sunday": "all day"}, 7 * 24 * 60),
        ({"monday": "none"}, 0),
    ],
)
def test_the_longest_window_goes_over_midnight_and_the_weeks_end(days, minutes):
    week = {name: (parse_days(name), parse_windows(text)) for name, text in days.items()}

    assert longest_window(make_week(week)) == minutes
