"""Hours against a model that looks at the wall clock minute by minute, over odd clock changes."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from jobman_agent.policy.hours import Calendar, opening_at
from jobman_agent.settings.week import DAY_MINUTES, Window

MINUTE = timedelta(minutes=1)
CHANGES = [
    # zone, and what happens there
    ("Europe/Copenhagen", "2026-03-29T01:00"),
    ("Europe/Copenhagen", "2026-10-25T01:00"),
    ("America/New_York", "2027-03-14T07:00"),
    ("America/New_York", "2027-11-07T06:00"),
    ("Australia/Lord_Howe", "2026-10-03T15:30"),  # half an hour
    ("Australia/Lord_Howe", "2027-04-03T15:00"),
    ("America/Havana", "2026-11-01T05:00"),  # 01:00 back to midnight
    ("America/Sao_Paulo", "2018-11-04T03:00"),  # midnight is left out
    ("America/Sao_Paulo", "2018-02-18T02:00"),  # midnight back to 23:00
    ("America/Santiago", "2024-09-08T04:00"),  # midnight is left out
    ("America/Santiago", "2024-04-07T03:00"),  # midnight back to 23:00
    ("America/St_Johns", "2010-11-07T02:31"),  # 00:01 back to 23:01 of the day before
    ("Antarctica/Troll", "2026-10-25T01:00"),  # two hours
    ("Pacific/Apia", "2011-12-30T10:00"),  # a whole day is left out
    ("Africa/Casablanca", "2026-02-15T02:00"),
    ("Asia/Kathmandu", "2026-06-01T00:00"),  # none; 5:45 from UTC
]


class MinuteModel:
    """The hours, a minute at a time."""

    def __init__(self, calendar: Calendar, start: datetime, days: int):
        self.calendar = calendar
        self.start = start
        self.zone = ZoneInfo(calendar.zone or "UTC")
        self.count = days * DAY_MINUTES
        self.free = [self._free(start + n * MINUTE) for n in range(self.count)]
        # For each minute, how many free ones come from it on without a break.
        self.left = [0] * (self.count + 1)
        for n in reversed(range(self.count)):
            self.left[n] = self.left[n + 1] + 1 if self.free[n] else 0

    def _free(self, moment: datetime) -> bool:
        wall = moment.astimezone(self.zone)
        minute = wall.hour * 60 + wall.minute
        today, before = wall.date(), wall.date() - timedelta(days=1)
        return any(w.start <= minute < w.end for w in self._windows(today)) or any(
            w.start <= minute + DAY_MINUTES < w.end for w in self._windows(before)
        )

    def _windows(self, day: date) -> tuple[Window, ...]:
        return self.calendar.week[6 if day in self.calendar.holidays else day.weekday()]

    def ends_after(self, n: int) -> int | None:
        """The minute at which the free time around minute n is over; None: not within sight."""
        return n + self.left[n] if n + self.left[n] < self.count else None

    def may_start(self, n: int) -> bool | None:
        """None: cannot be said, for the end is out of sight."""
        if not self.free[n]:
            return False
        if self.left[n] * MINUTE > self.calendar.last_start:
            return True
        return None if self.ends_after(n) is None else False

    def next_start(self, n: int) -> int | None:
        return next((m for m in range(n, self.count) if self.may_start(m)), None)


def a_window(rng: random.Random) -> Window:
    start = rng.choice(
        [0, 30, 60, 90, 119, 120, 150, 180, 1080, 1380, 1410, 1439, rng.randrange(1440)]
    )
    return Window(
        start, start + rng.choice([1, 15, 30, 45, 60, 90, 180, 480, rng.randrange(1, 1440)])
    )


def a_calendar(rng: random.Random, zone: str, around: date) -> Calendar:
    week = []
    for _ in range(7):
        kind = rng.random()
        if kind < 0.25:
            week.append(())
        elif kind < 0.45:
            week.append((Window(0, 1440),))
        else:
            first = a_window(rng)
            second = a_window(rng)
            apart = second.start >= first.end
            week.append((first, second) if apart else (first,))
    holidays = {around + timedelta(days=rng.randrange(-3, 8)) for _ in range(rng.randrange(3))}
    last_start = timedelta(minutes=rng.choice([0, 1, 15, 60, 200]))
    return Calendar(tuple(week), last_start, frozenset(holidays), zone)


def check(calendar: Calendar, start: datetime, rng: random.Random, looks: int) -> None:
    model = MinuteModel(calendar, start, days=12)
    edges = [n for n in range(1, 2 * DAY_MINUTES) if model.free[n] != model.free[n - 1]]
    near = [n + d for n in edges for d in (-1, 0) if n + d >= 0]
    for n in [*near[:8], *(rng.randrange(3 * DAY_MINUTES) for _ in range(looks))]:
        now = start + n * MINUTE

        seen = opening_at(calendar, now)

        what = f"{calendar} at {now.isoformat()}"
        assert seen.free == model.free[n], what
        ends = model.ends_after(n)
        if seen.free and ends is not None and ends - n < 8 * DAY_MINUTES:
            assert seen.ends == start + ends * MINUTE, what
        may_start = model.may_start(n)
        if may_start is not None:
            assert seen.may_start == may_start, what
        following = model.next_start(n)
        if following is not None:
            assert seen.next_start == start + following * MINUTE, what
        elif seen.next_start is not None:
            assert seen.next_start > start + 10 * timedelta(days=1), what


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_hours_around_a_change_of_the_clocks_are_those_of_the_minutes(zone, change):
    rng = random.Random(f"{zone} {change}")
    moment = datetime.fromisoformat(change).replace(tzinfo=UTC)
    for _ in range(5):
        calendar = a_calendar(rng, zone, moment.date())

        check(calendar, moment - timedelta(days=1), rng, looks=12)


@pytest.mark.parametrize("zone", sorted({zone for zone, _ in CHANGES}))
def test_hours_in_weeks_of_many_years_are_those_of_the_minutes(zone):
    rng = random.Random(zone)
    for _ in range(3):
        day = date(2008, 1, 1) + timedelta(days=rng.randrange(9000))
        start = datetime(day.year, day.month, day.day, rng.randrange(24), tzinfo=UTC)

        check(a_calendar(rng, zone, day), start, rng, looks=15)


QUARTER = timedelta(minutes=15)
YEARS = [
    ("Europe/Copenhagen", 2026),
    ("America/New_York", 2027),
    ("Australia/Lord_Howe", 2026),
    ("Pacific/Apia", 2011),
    ("America/Santiago", 2024),
    ("America/Sao_Paulo", 2018),
    ("Africa/Casablanca", 2026),
]


def a_calendar_in_quarters(rng: random.Random, zone: str, year: int) -> Calendar:
    """Some day is not free, so that every free time has an end."""
    week = [
        tuple(
            Window(start, start + 15 * rng.randrange(1, 90)) for start in [15 * rng.randrange(96)]
        )
        for _ in range(6)
    ]
    holidays = {date(year, 1, 1) + timedelta(days=rng.randrange(366)) for _ in range(10)}
    return Calendar((*week, ()), timedelta(0), frozenset(holidays), zone)


def turns_by_asking(calendar: Calendar, start: datetime, end: datetime) -> list[datetime]:
    """When it becomes free and busy, as an agent learns it: each time asked for the next."""
    found, now = [], start
    while now < end:
        seen = opening_at(calendar, now)
        turn = seen.ends if seen.free else seen.next_start
        assert turn is not None, f"{calendar} at {now.isoformat()}"
        assert turn > now, f"{calendar} at {now.isoformat()}"
        found.append(turn)
        now = turn
    return [turn for turn in found if turn < end]


@pytest.mark.parametrize(("zone", "year"), YEARS)
def test_a_whole_year_walked_from_turn_to_turn_is_that_of_the_wall_clock(zone, year):
    calendar = a_calendar_in_quarters(random.Random(f"{zone} {year}"), zone, year)
    start = datetime(year, 1, 1, tzinfo=UTC)
    steps = 366 * 96
    wall = MinuteModel(calendar, start, days=0)

    free = [wall._free(start + n * QUARTER) for n in range(steps)]

    turns = [start + n * QUARTER for n in range(1, steps) if free[n] != free[n - 1]]
    assert turns_by_asking(calendar, start, start + steps * QUARTER) == turns
