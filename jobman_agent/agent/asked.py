"""What faces ask for, as events of the agent's states and as rules of the policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from jobman_agent.agent.states import Event, What
from jobman_agent.control.messages import PauseKind, PauseWork
from jobman_agent.model.pause import Pause
from jobman_agent.policy.forecast import free_until
from jobman_agent.policy.hours import local
from jobman_agent.settings.week import DAY_MINUTES, Window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from jobman_agent.policy import Rules
    from jobman_agent.policy.forecast import Alone

_ALL_DAY = ((Window(0, DAY_MINUTES),),) * 7


def pause_event(asked: PauseWork, now: datetime, zone: str | None) -> Event:
    """The event that a pause is.

    Args:
        asked: For how long.
        now: The wall clock.
        zone: In which the next day begins; None: this PC's.

    Raises:
        InputError: TZ names no time zone.
    """
    match asked.kind:
        case PauseKind.DURATION:
            return Event(What.PAUSE, Pause(now + timedelta(seconds=asked.seconds or 0.0)))
        case PauseKind.TOMORROW:
            morning = local(now, zone).add(days=1).start_of("day")
            return Event(What.PAUSE, Pause(morning.to_fixed_offset().to_stdlib()))
        case PauseKind.LOCK:
            return Event(What.PAUSE, Pause(until_locked=True))
        case PauseKind.PACKAGE:
            return Event(What.PAUSE_AFTER_PACKAGE)
        case PauseKind.RESUME:
            return Event(What.PAUSE)


def whatever_the_hours(rules: Rules) -> Rules:
    """The same rules for ``jobman work-now``: every hour is free, all else holds."""
    return replace(rules, calendar=replace(rules.calendar, week=_ALL_DAY, holidays=frozenset()))


def willing_until(
    rules: Rules, now: datetime, work_until: datetime | None, history: Sequence[Alone] = ()
) -> str | None:
    """Until when this PC expects to be free, as it travels.

    Args:
        rules: Of this PC.
        now: The wall clock.
        work_until: What ``work-now`` said; the hours do not count then.
        history: When this PC was left alone before.
    """
    if work_until is None:
        ends = free_until(rules, now, history)
    else:
        alone = free_until(whatever_the_hours(rules), now, history)
        ends = work_until if alone is None else min(work_until, alone)
    return None if ends is None else ends.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
