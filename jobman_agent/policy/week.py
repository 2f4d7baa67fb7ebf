"""A replayed week in numbers and days: what was gained, who was disturbed, which rule cost what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING

from jobman_agent.model.verdict import ReasonCode
from jobman_agent.policy.hours import local
from jobman_agent.policy.replay import OWNER_CODES, Doing, Stretch
from jobman_agent.settings.week import DAY_MINUTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from whenever import ZonedDateTime

FLAP_S = 300.0
"""Work that lasted no longer was hardly worth its start."""


class Shade(Enum):
    """What a day's row shows; the first that applies. The value says it to people."""

    WORKING = "working"
    FROZEN = "frozen, the work waits"
    HOURS = "outside the hours"
    OWNER = "the owner is here"
    OTHER = "held back by other rules"
    NONE = "no record: off or asleep"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a day, by the clock on the wall."""

    start: float
    """Minutes after midnight."""
    end: float
    shade: Shade


@dataclass(frozen=True, slots=True)
class Day:
    """One row."""

    date: date
    pieces: tuple[Piece, ...]
    """In order; where there is none, nothing is known."""
    gained_s: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a rule held back."""

    code: ReasonCode
    held_s: float
    """How long it did, alone or with others."""
    alone_s: float
    """How long it alone did: so much would be gained without it."""


@dataclass(frozen=True, slots=True)
class Week:
    """A replayed week. Durations in seconds."""

    start: datetime
    end: datetime
    """Both in local time."""
    stretches: tuple[Stretch, ...]
    days: tuple[Day, ...]
    known_s: float
    """Of which something is recorded."""
    gained_s: float
    """In which packages ran."""
    interruptions: int
    """How often somebody came while packages ran."""
    hand_backs: int
    """How often what was held had to be handed back."""
    cut_off: int
    """How often the PC went to sleep, or was switched off, while it held packages."""
    flaps: int
    """How often work ended again within 5 minutes."""
    costs: tuple[Cost, ...]
    """The dearest first."""


def make_week(stretches: Sequence[Stretch], start: float, end: float, zone: str | None) -> Week:
    """The numbers of a time.

    Args:
        stretches: What `replay` found, in order of time; more than the time is no harm.
        start: Of the time, in Unix seconds.
        end: Likewise.
        zone: Of the days; None: this PC's.

    Raises:
        InputError: TZ names no time zone.
    """
    parts = tuple(_clip(stretches, start, end))
    return Week(
        start=_local(start, zone).to_fixed_offset().to_stdlib(),
        end=_local(end, zone).to_fixed_offset().to_stdlib(),
        stretches=parts,
        days=tuple(_days(parts, start, end, zone)),
        known_s=sum(one.seconds for one in parts),
        gained_s=sum(one.seconds for one in parts if one.doing is Doing.WORKING),
        interruptions=sum(_is_interruption(*pair) for pair in _turns(parts)),
        hand_backs=sum(_is_hand_back(*pair) for pair in _turns(parts)),
        cut_off=sum(_is_cut_off(*pair) for pair in pairwise(parts)),
        flaps=sum(_is_flap(parts, number) for number in range(len(parts))),
        costs=tuple(_costs(parts)),
    )


def _clip(stretches: Iterable[Stretch], start: float, end: float) -> Iterator[Stretch]:
    for one in stretches:
        first, last = max(one.start, start), min(one.end, end)
        if first < last:
            yield Stretch(first, last, one.doing, one.reasons)


def _turns(parts: Sequence[Stretch]) -> Iterator[tuple[Stretch, Stretch]]:
    """Neighbours without a gap between them."""
    return (pair for pair in pairwise(parts) if pair[0].end == pair[1].start)


def _is_interruption(one: Stretch, then: Stretch) -> bool:
    return (
        one.doing is Doing.WORKING
        and then.doing is not Doing.WORKING
        and not then.reasons.isdisjoint(OWNER_CODES)
    )


def _is_hand_back(one: Stretch, then: Stretch) -> bool:
    return one.doing is not Doing.OFF and then.doing is Doing.OFF


def _is_cut_off(one: Stretch, then: Stretch) -> bool:
    return one.doing is not Doing.OFF and one.end < then.start


def _is_flap(parts: Sequence[Stretch], number: int) -> bool:
    """Whether work began, and was ended by a rule soon after."""
    one = parts[number]
    between = 0 < number < len(parts) - 1
    if not between or one.doing is not Doing.WORKING or one.seconds >= FLAP_S:
        return False
    return parts[number - 1].end == one.start and one.end == parts[number + 1].start


def _costs(parts: Iterable[Stretch]) -> list[Cost]:
    held: dict[ReasonCode, float] = {}
    alone: dict[ReasonCode, float] = {}
    for one in parts:
        for code in one.reasons:
            held[code] = held.get(code, 0.0) + one.seconds
            if len(one.reasons) == 1:
                alone[code] = alone.get(code, 0.0) + one.seconds
    costs = [Cost(code, seconds, alone.get(code, 0.0)) for code, seconds in held.items()]
    return sorted(costs, key=lambda cost: (-cost.alone_s, -cost.held_s, cost.code.value))


# ---- days
def shade_of(one: Stretch) -> Shade:
    """How a stretch is shown."""
    if one.doing is Doing.WORKING:
        return Shade.WORKING
    if one.doing is Doing.FROZEN:
        return Shade.FROZEN
    if ReasonCode.HOURS in one.reasons:
        return Shade.HOURS
    return Shade.OTHER if one.reasons.isdisjoint(OWNER_CODES) else Shade.OWNER


def _days(parts: Iterable[Stretch], start: float, end: float, zone: str | None) -> Iterator[Day]:
    waiting = list(parts)
    morning = _local(start, zone).start_of("day")
    while morning.timestamp() < end:
        evening = morning.add(days=1, disambiguation="compatible").start_of("day")
        first, last = float(morning.timestamp()), float(evening.timestamp())
        here = list(_clip(waiting, first, last))
        pieces = [_piece(one, last, zone) for one in here]
        gained = sum(one.seconds for one in here if one.doing is Doing.WORKING)
        shown = tuple(piece for piece in pieces if piece.start < piece.end)
        yield Day(morning.date().to_stdlib(), shown, gained)
        waiting = [one for one in waiting if one.end > last]
        morning = evening


def _piece(one: Stretch, midnight: float, zone: str | None) -> Piece:
    end = float(DAY_MINUTES) if one.end == midnight else _minutes(one.end, zone)
    return Piece(_minutes(one.start, zone), end, shade_of(one))


def _minutes(moment: float, zone: str | None) -> float:
    """What the clock on the wall shows, in minutes after midnight."""
    wall = _local(moment, zone)
    return wall.hour * 60 + wall.minute + wall.second / 60


def _local(moment: float, zone: str | None) -> ZonedDateTime:
    return local(datetime.fromtimestamp(moment, UTC), zone)
