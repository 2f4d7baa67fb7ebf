"""The hours of a PC on the real time line: is it free now, until when, and when again?

A moment is free if its local wall-clock time lies in a window of its day, or in one over midnight
of the day before. So in the doubled hour of the autumn night both passes count, and the hour that
the spring night leaves out never comes. A public holiday has Sunday's windows instead of its own.

How it is found: freedom changes only where a window begins or ends, at either pass of that local
time, or where the clocks change. These moments are walked in order, and each is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from whenever import (
    SYSTEM_TZ,
    Date,
    Instant,
    PlainDateTime,
    Time,
    TimeZoneNotFoundError,
    ZonedDateTime,
)

from jobman_agent.errors import InputError
from jobman_agent.settings.week import DAY_MINUTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from jobman_agent.settings.week import Week, Window

_SUNDAY = 6
_END_IN_SIGHT_DAYS = 10
"""Whoever is free for longer than a week without a break is free without an end."""
_LOOK_AHEAD_DAYS = 62
"""How far the next window is sought: longer than any row of public holidays."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a PC may work."""

    week: Week
    last_start: timedelta = timedelta(0)
    """Nothing new starts so shortly before the hours end."""
    holidays: frozenset[date] = field(default=frozenset())
    """Public holidays, given in: this room looks nothing up."""
    zone: str | None = None
    """A name of the IANA database; None: what TZ says, else the system's."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What the hours say of one moment."""

    free: bool
    """Whether packages may run."""
    may_start: bool
    """Whether new ones may start."""
    ends: datetime | None
    """When the hours end, if free; None: no end in sight."""
    next_start: datetime | None
    """The first moment from now on at which new ones may start; None: none in sight."""


def opening_at(calendar: Calendar, now: datetime) -> Opening:
    """What the hours say of ``now``, which must carry its offset; answers are in local time.

    Raises:
        InputError: TZ, or the calendar's zone, names no time zone.
    """
    moment = local(now, calendar.zone)
    ends: ZonedDateTime | None = None
    free = _is_free(calendar, moment)
    if free:
        _, ends = next(_spans(calendar, moment, _END_IN_SIGHT_DAYS))
        if _long_enough(calendar, moment, ends):
            return Opening(True, True, _offset_time(ends), _offset_time(moment))
    found = None
    for start, end in _spans(calendar, moment, _LOOK_AHEAD_DAYS):
        if start > moment and _long_enough(calendar, start, end):
            found = start
            break
    return Opening(free, False, _offset_time(ends), _offset_time(found))


def local(now: datetime, zone: str | None) -> ZonedDateTime:
    """A moment with its offset as local time.

    Raises:
        InputError: TZ, or ``zone``, names no time zone.
    """
    try:
        return Instant(now).to_tz(SYSTEM_TZ if zone is None else zone)
    except TimeZoneNotFoundError as exc:
        raise _no_zone(zone, exc) from exc


def read_local(wall: datetime, zone: str | None) -> tuple[datetime, str | None]:
    """A local time without an offset as a moment; and what had to be chosen, if anything.

    Raises:
        InputError: TZ, or ``zone``, names no time zone.
    """
    plain = PlainDateTime(wall)
    earlier, later = _on_wall(plain, zone, later=False), _on_wall(plain, zone, later=True)
    if earlier == later:
        return earlier.to_fixed_offset().to_stdlib(), None
    if earlier.to_plain() == plain:
        what = f"the clocks show {wall:%H:%M} twice that night: the first is meant"
        return earlier.to_fixed_offset().to_stdlib(), what
    moment = later.to_fixed_offset().to_stdlib()
    return moment, f"the clocks leave {wall:%H:%M} out that night: {moment:%H:%M} is meant"


def _spans(
    calendar: Calendar, now: ZonedDateTime, days: int
) -> Iterator[tuple[ZonedDateTime, ZonedDateTime | None]]:
    """The free times from ``now`` on, adjoining windows as one; the last may have no end yet."""
    if not any(calendar.week):
        return
    start = now if _is_free(calendar, now) else None
    for moment in _turns(calendar, now, days):
        free = _is_free(calendar, moment)
        if free and start is None:
            start = moment
        elif not free and start is not None:
            yield start, moment
            start = None
    if start is not None:
        yield start, None


def _turns(calendar: Calendar, after: ZonedDateTime, days: int) -> Iterator[ZonedDateTime]:
    """Every moment after ``after`` at which freedom may change, in order."""
    found: set[ZonedDateTime] = set()
    change = after.next_transition()
    for number in range(-1, days):
        day = after.date().add(days=number)
        for minute in _edges(calendar, day):
            found |= _passes(calendar, day, minute)
        # Where the clocks go back over midnight, a day's last moments come after its morrow's
        # first: only what lies before the day that was just looked at is complete.
        complete = _on_wall(day.at(Time(0)), calendar.zone, later=False)
        while change is not None and change < complete:
            found.add(change)
            change = change.next_transition()
        ready = {moment for moment in found if moment < complete}
        yield from sorted(moment for moment in ready if after < moment)
        found -= ready


def _edges(calendar: Calendar, day: Date) -> set[int]:
    """The minutes of a day at which a window begins or ends, by the clock on the wall."""
    edges = {window.start for window in _windows(calendar, day)}
    edges |= {w.end for w in _windows(calendar, day) if w.end < DAY_MINUTES}
    before = _windows(calendar, day.subtract(days=1))
    return edges | {w.end - DAY_MINUTES for w in before if w.end >= DAY_MINUTES}


def _passes(calendar: Calendar, day: Date, minute: int) -> set[ZonedDateTime]:
    """When the clock on the wall shows that minute: twice in the doubled hour.

    For a minute that is left out, two moments around it: asking there does no harm.
    """
    wall = day.at(Time(minute // 60, minute % 60))
    return {_on_wall(wall, calendar.zone, later=later) for later in (False, True)}


def _on_wall(wall: PlainDateTime, zone: str | None, *, later: bool) -> ZonedDateTime:
    try:
        return wall.assume_tz(
            SYSTEM_TZ if zone is None else zone, disambiguation="later" if later else "earlier"
        )
    except TimeZoneNotFoundError as exc:
        raise _no_zone(zone, exc) from exc


def _no_zone(zone: str | None, why: Exception) -> InputError:
    name = "TZ" if zone is None else repr(zone)
    return InputError(f"{name} names no time zone ({why}): write for example Europe/Copenhagen")


def _is_free(calendar: Calendar, moment: ZonedDateTime) -> bool:
    minute = moment.hour * 60 + moment.minute
    day = moment.date()
    return any(w.start <= minute < w.end for w in _windows(calendar, day)) or any(
        minute + DAY_MINUTES < w.end for w in _windows(calendar, day.subtract(days=1))
    )


def _windows(calendar: Calendar, day: Date) -> tuple[Window, ...]:
    holiday = day.to_stdlib() in calendar.holidays
    return calendar.week[_SUNDAY if holiday else day.day_of_week().value - 1]


def _long_enough(calendar: Calendar, start: ZonedDateTime, end: ZonedDateTime | None) -> bool:
    """Whether new packages may start then: more than ``last_start`` before the end."""
    if end is None:
        return True
    return end.to_instant().to_stdlib() - start.to_instant().to_stdlib() > calendar.last_start


def _offset_time(moment: ZonedDateTime | None) -> datetime | None:
    return None if moment is None else moment.to_fixed_offset().to_stdlib()
