"""An office week as it may be, for `jobman policy --week` where nothing is recorded yet.

Made up, and the same every time: five days at the desk with breaks, a presentation, a backup every
night, one evening visit, a short one of the cleaners, an hour on Saturday, a login on Sunday.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobman_agent.policy.hours import local, read_local
from jobman_agent.policy.recorded import Span, span_of

if TYPE_CHECKING:
    from collections.abc import Iterator

DAYS = 7
_WORKING_DAYS = 5
_ARRIVES = (470, 485, 462, 478, 500)
_LEAVES = (1005, 1030, 990, 1045, 915)
"""Minutes after midnight, Monday to Friday."""
_LUNCH = (720, 755)
_AT_THE_DESK = (38, 52, 27, 45)
_BREAKS = (6, 14, 4, 9)
"""Minutes, over and over."""
_BUSY_CPU = (10, 25, 15, 60)
"""Per cent, while somebody works."""
_BACKUP = (1320, 1345)
_SEEN_AT_FIRST: dict[str, Any] = {
    "input": False,
    "remote": False,
    "locked": True,
    "cpu": 0,
    "memory": 45,
    "disk": 2_000_000_000,
    "battery": False,
    "presentation": False,
    "running": (),
}

Change = tuple[int, int, dict[str, Any]]
"""Day, minute, what is different from then on."""
_HERE: dict[str, Any] = {"input": True, "locked": False}
_AWAY: dict[str, Any] = {"input": False, "locked": True, "cpu": 0}


def office_week(now: datetime, zone: str | None) -> Span:
    """Readings of the week in which a moment lies, from Monday's to Monday's midnight.

    Raises:
        InputError: TZ names no time zone.
    """
    today = local(now, zone).date()
    monday = today.subtract(days=today.day_of_week().value - 1).to_stdlib()

    def moment(day: int, minute: int) -> float:
        wall = datetime(monday.year, monday.month, monday.day)  # noqa: DTZ001 - on the wall
        return read_local(wall + timedelta(days=day, minutes=minute), zone)[0].timestamp()

    told = sorted(_changes(), key=lambda change: change[:2])
    changes = [(moment(day, minute), fields) for day, minute, fields in told]
    return span_of(moment(DAYS, 0), [(moment(0, 0), _SEEN_AT_FIRST), *changes])


def _changes() -> Iterator[Change]:
    for day in range(_WORKING_DAYS):
        yield from _at_work(day, _ARRIVES[day], _LUNCH[0], 0)
        yield from _at_work(day, _LUNCH[1], _LEAVES[day], 2)
    for day in range(DAYS):
        yield day, _BACKUP[0], {"cpu": 55}
        yield day, _BACKUP[1], {"cpu": 0}
    yield 1, 600, {"presentation": True}
    yield 1, 660, {"presentation": False}
    yield from _visit(2, 1210, 1238)
    yield from _visit(3, 1140, 1142)
    yield from _visit(5, 630, 668)
    yield 6, 960, {"remote": True}
    yield 6, 983, {"remote": False}


def _at_work(day: int, start: int, end: int, turn: int) -> Iterator[Change]:
    """Somebody works, with breaks, from one minute to another."""
    yield day, start, _HERE
    minute = start
    while minute < end:
        yield day, minute, {"input": True, "cpu": _BUSY_CPU[turn % len(_BUSY_CPU)]}
        minute += _AT_THE_DESK[turn % len(_AT_THE_DESK)]
        if minute < end:
            yield day, minute, {"input": False, "cpu": 5}
        minute += _BREAKS[turn % len(_BREAKS)]
        turn += 1
    yield day, end, _AWAY


def _visit(day: int, start: int, end: int) -> Iterator[Change]:
    yield day, start, _HERE
    yield day, end, _AWAY
