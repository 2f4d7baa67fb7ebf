"""Reasons that the policy cannot know: the settings, the pool, the worker, other agents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from jobman_agent.model.verdict import Permit, Reason, ReasonCode

if TYPE_CHECKING:
    from datetime import datetime

    from jobman_agent.control.pipe_messages import Snapshot

AGAIN_FIRST_S = 2.0
AGAIN_MOST_S = 300.0
LIVED_S = 60.0
"""A worker that lived so long has not failed at once."""


@dataclass
class Failures:
    """Workers that ended by themselves: another one is started, but not without end at once."""

    count: int = 0
    text: str = ""
    again_at: float = 0.0
    """The steady clock."""

    def note(self, text: str, now: float, lived: float) -> None:
        """One has ended."""
        self.count = 1 if lived >= LIVED_S else self.count + 1
        self.text = text
        self.again_at = now + min(AGAIN_MOST_S, AGAIN_FIRST_S * 2 ** min(self.count - 1, 20))

    def reasons(self, now: float, at: datetime) -> list[Reason]:
        """Why no worker is started yet."""
        if now >= self.again_at:
            return []
        until = at + timedelta(seconds=self.again_at - now)
        return [Reason(ReasonCode.STARTING, self.text, until, Permit.NOTHING)]


def settings_reasons(wrong: str, *, some_hold: bool) -> list[Reason]:
    """The settings hold mistakes; the last good ones, if there are any, still hold."""
    if not wrong:
        return []
    leaves = Permit.START if some_hold else Permit.NOTHING
    kept = "; the last good settings hold" if some_hold else ""
    return [Reason(ReasonCode.SETTINGS_WRONG, f"settings: {wrong}{kept}", None, leaves)]


def worker_reasons(snapshot: Snapshot | None) -> list[Reason]:
    """What keeps a worker that may work from doing so; it goes on trying."""
    if snapshot is None:
        text = "the worker is being started"
        return [Reason(ReasonCode.STARTING, text, None, Permit.START)]
    if not snapshot.connected:
        text = "the pool cannot be reached"
        return [Reason(ReasonCode.POOL_AWAY, text, None, Permit.START)]
    if not snapshot.held:
        text = "nobody in the pool has work for this PC"
        return [Reason(ReasonCode.NO_OFFER, text, None, Permit.START)]
    return []


def outdated_reasons(*, outdated: bool) -> list[Reason]:
    """The worker began with other settings: it finishes what it has, then another one starts."""
    if not outdated:
        return []
    text = "settings have changed: the worker finishes what it has, and starts anew"
    return [Reason(ReasonCode.STARTING, text, None, Permit.FINISH)]


def other_worker_reasons(text: str) -> list[Reason]:
    """Another agent's worker runs on this PC; empty: none does."""
    return [Reason(ReasonCode.OTHER_WORKER, text, None, Permit.NOTHING)] if text else []


def asleep_reasons(text: str) -> list[Reason]:
    """The PC is about to sleep, or asleep."""
    return [Reason(ReasonCode.STARTING, text, None, Permit.HOLD)]
