"""Until when a PC expects to be free: by its hours, and by how long it was left alone before.

The rule (docs/decisions/0013): the owner is away now. On earlier days of the same weekday (else of
the same kind: working day or weekend), at this time of the day, how much longer was the PC left
alone, where it had been alone for as long as now? The expectation is what four in five of these
times reached. With fewer than three such times nothing is known, and the hours alone count.
Alone is a PC until somebody stays so long that packages are handed back, or until it sleeps.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from jobman_agent.policy.hours import local, opening_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from whenever import ZonedDateTime

    from jobman_agent.policy.recorded import Span
    from jobman_agent.policy.rules import Rules

SHARE_EARLIER = 0.2
"""So many of the known times may have ended earlier than what is expected."""
FEWEST = 3
LOOK_BACK_DAYS = 42
LONG_ALONE_S = 3600.0
"""Whoever has been away for so long is away: how much longer says nothing more."""
_FRESH_S = 600.0
"""The record is told at least every five minutes."""
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Alone:
    """A time in which nobody needed the PC for long, in Unix seconds."""

    start: float
    end: float


def times_alone(spans: Iterable[Span], rules: Rules) -> list[Alone]:
    """When a recorded PC was left alone, in order of time.

    Args:
        spans: In order of time.
        rules: Its ``resume_after`` and ``give_back_after`` say after which visits packages go on.
    """
    found = []
    for span in spans:
        since = span.start
        for came, went in _long_visits(span, rules):
            if came > since:
                found.append(Alone(since, came))
            since = went
        if span.end > since:
            found.append(Alone(since, span.end))
    return found


def alone_until(history: Sequence[Alone], now: datetime, zone: str | None) -> datetime | None:
    """Until when the owner is expected to stay away; None: too little is known.

    Args:
        history: What `times_alone` found.
        now: With its offset.
        zone: Of the owner's days; None: this PC's.

    Raises:
        InputError: TZ names no time zone.
    """
    here = local(now, zone)
    waited = _waited(history, now.timestamp())
    today = _weekday(here)
    same_day: list[float] = []
    same_kind: list[float] = []
    for days in range(1, LOOK_BACK_DAYS + 1):
        then = here.subtract(days=days, disambiguation="compatible")
        left = _left(history, then.timestamp(), waited)
        if left is None:
            continue
        if _weekday(then) == today:
            same_day.append(left)
        if (_weekday(then) >= _SATURDAY) is (today >= _SATURDAY):
            same_kind.append(left)
    for known in (same_day, same_kind):
        if len(known) >= FEWEST:
            return now + timedelta(seconds=sorted(known)[int(SHARE_EARLIER * len(known))])
    return None


def free_until(rules: Rules, now: datetime, history: Sequence[Alone] = ()) -> datetime | None:
    """Until when this PC expects to be free, by hours and record; None: no end in sight.

    Never after the hours end, never before ``now``.

    Raises:
        InputError: TZ names no time zone.
    """
    ends = opening_at(rules.calendar, now).ends
    if not rules.idle.owner_watched:
        return ends
    alone = alone_until(history, now, rules.calendar.zone)
    return min((one for one in (ends, alone) if one is not None), default=None)


def _long_visits(span: Span, rules: Rules) -> Iterator[tuple[float, float]]:
    """From when to when somebody needed the PC for so long that packages were handed back."""
    quiet = rules.yielding.resume_after.total_seconds()
    frozen = rules.yielding.give_back_after.total_seconds()
    came: float | None = None
    went = span.start
    here = False
    for at, seen in [*span.steps, (span.end, None)]:
        # Who cannot be seen counts as here, as in the policy.
        comes = seen is not None and not (seen.input is False and seen.remote is False)
        if comes and not here:
            if came is None or at - went >= quiet:
                if came is not None and went - came + quiet >= frozen:
                    yield came, went
                came = at
        elif here and not comes:
            went = at
        here = comes
    if came is not None and went - came + quiet >= frozen:
        yield came, went


def _waited(history: Sequence[Alone], now: float) -> float:
    """For how long the PC has been alone by now, as far as that says something; 0: not known."""
    if not history or not history[-1].start <= now <= history[-1].end + _FRESH_S:
        return 0.0
    return min(now - history[-1].start, LONG_ALONE_S)


def _left(history: Sequence[Alone], then: float, waited: float) -> float | None:
    """How much longer it was alone at a moment, if it had been for as long as now."""
    index = bisect_right(history, then, key=lambda one: one.start) - 1
    if index < 0:
        return None
    one = history[index]
    return one.end - then if one.start + waited <= then < one.end else None


def _weekday(day: ZonedDateTime) -> int:
    return day.date().day_of_week().value - 1
