"""``[hours]``: on which days of the week a PC may work, from when to when.

Times are local wall-clock times. A window over midnight belongs to the day it starts on: Friday
18:00-07:00 reaches into Saturday. A day that is not named has no window.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_MINUTES = 24 * 60

_WINDOW = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})")
_CODE = re.compile(r"[A-Z]{2,3}(-[A-Z0-9]{1,3})?")
_PLACE = re.compile(r"[^\W\d_][\w .'-]{1,60}")
_RIGHT = "write for example 00:00-07:00, 18:00-24:00, or all day"


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """From when to when, in minutes after the midnight with which its day begins."""

    start: int
    """0 to 1439."""
    end: int
    """Over 1440: it goes on into the next day."""

    def __str__(self) -> str:
        end = self.end if self.end <= DAY_MINUTES else self.end - DAY_MINUTES
        return f"{_clock(self.start)}-{_clock(end)}"


Week = tuple[tuple[Window, ...], ...]
"""The windows of Monday to Sunday, in the order of their start."""


def parse_days(text: str) -> tuple[int, ...]:
    """The days in ``monday-friday`` or ``saturday, sunday``; Monday is 0.

    Raises:
        ValueError: a word that is no day.
    """
    days: list[int] = []
    for part in text.lower().split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        start = _day(first)
        end = _day(last) if dash else start
        # friday-monday goes over the week's end.
        days += [(start + n) % len(DAYS) for n in range((end - start) % len(DAYS) + 1)]
    return tuple(days)


def parse_windows(text: str) -> tuple[Window, ...]:
    """The windows in ``00:00-07:00, 18:00-24:00``, ``all day`` or ``none``.

    Raises:
        ValueError: no such time, an empty window, or two that overlap.
    """
    if " ".join(text.lower().split()) == "all day":
        return (Window(0, DAY_MINUTES),)
    if text.lower() == "none":
        return ()
    windows = sorted(_window(part.strip()) for part in text.split(","))
    for before, after in itertools.pairwise(windows):
        if after.start < before.end:
            raise ValueError(f"{before} and {after} overlap: write one window for both")
    return tuple(windows)


def parse_holidays(text: str) -> str | None:
    """A country's code with or without a region's (``DK``, ``DE-BY``), or ``none``.

    Whether there is such a place is known to `public_holidays` only: a country's name goes there,
    and comes back with the code that would be right.

    Raises:
        ValueError: it cannot be one.
    """
    if text.lower() == "none":
        return None
    if _CODE.fullmatch(text.upper()) is not None:
        return text.upper()
    if _PLACE.fullmatch(text) is None:
        raise ValueError(
            f"{text!r} is no country's code: write for example DK, or DE-BY with a region, or none"
        )
    return text


def make_week(days: dict[str, tuple[tuple[int, ...], tuple[Window, ...]]]) -> Week:
    """The week of all keys that name days: from the key to its days and their windows.

    Raises:
        ValueError: a day is named by two keys.
    """
    week: dict[int, tuple[str, tuple[Window, ...]]] = {}
    for key, (numbers, windows) in days.items():
        for day in numbers:
            if day in week:
                other = week[day][0]
                raise ValueError(f"{DAYS[day]} is named by {other!r} and by {key!r}: remove one")
            week[day] = (key, windows)
    return tuple(week[day][1] if day in week else () for day in range(len(DAYS)))


def unmeant_gaps(week: Week) -> list[str]:
    """Mornings that nobody means to leave out, one sentence each.

    With ``monday-friday = 18:00-07:00`` and ``sunday = all day``, Monday from 00:00 to 07:00 is not
    free, for the window over midnight belongs to the day it starts on.
    """
    gaps = []
    for number, windows in enumerate(week):
        before = week[number - 1]
        nights = [window for window in windows if window.end > DAY_MINUTES]
        goes_on = any(w.end > DAY_MINUTES for w in before) or any(w.start == 0 for w in windows)
        if nights and not goes_on and any(w.end == DAY_MINUTES for w in before):
            gap = Window(0, nights[-1].end - DAY_MINUTES)
            day = DAYS[number]
            gaps.append(
                f"{day} {gap} is not free, though {DAYS[number - 1]} is free up to midnight: if it "
                f"should be, give {day} a line: {', '.join(str(w) for w in (gap, *windows))}"
            )
    return gaps


def _day(word: str) -> int:
    if word not in DAYS:
        raise ValueError(
            f"{word!r} is no day: write monday, monday-friday or saturday, sunday = {_RIGHT[18:]}"
        )
    return DAYS.index(word)


def _window(text: str) -> Window:
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no window: {_RIGHT}")
    start_hour, start_minute, end_hour, end_minute = (int(part) for part in match.groups())
    start = start_hour * 60 + start_minute
    end = end_hour * 60 + end_minute
    if start >= DAY_MINUTES or end > DAY_MINUTES or start_minute > 59 or end_minute > 59:  # noqa: PLR2004 - minutes of an hour
        raise ValueError(f"{text!r}: there is no such time; 00:00 to 24:00 are")
    if start == end:
        raise ValueError(f"{text!r} is empty: for the whole day write all day")
    return Window(start, end if end > start else end + DAY_MINUTES)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
