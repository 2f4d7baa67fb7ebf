"""How long the agent waits until it looks again: as seldom as the owner's comfort allows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from jobman_agent.agent.states import State
from jobman_agent.model.verdict import Permit, ReasonCode

if TYPE_CHECKING:
    from datetime import datetime

    from jobman_agent.model.verdict import Reason, Verdict

LOOK_S = {
    State.OFF_DUTY: 10.0,
    State.SEEKING: 1.0,
    # Should an event of the first touch be missed, this is what finds it, within a second.
    State.WORKING: 0.5,
    # A bumped mouse is over after a second.
    State.SUSPENDED: 0.25,
    State.LEAVING: 1.0,
    State.GONE: 10.0,
}
FAR_S = 30.0
"""So often it looks while its hours are far: each look wakes several threads. Half of what the
policy takes for a gap."""
NEAR = timedelta(minutes=2)
"""Hours that begin so soon after the wait that they need are not far."""
_SOONEST_S = 0.1
_PENDING_S = 0.5


def tick_seconds(state: State, verdict: Verdict | None, now: datetime, *, pending: bool) -> float:
    """Until it looks again, or looks whether its settings have changed.

    Args:
        state: Where the agent stands.
        verdict: The last one.
        now: The wall clock.
        pending: Whether settings are about to change.
    """
    seconds = LOOK_S[state]
    if verdict is not None and verdict.next is not None:
        left = (verdict.next - now).total_seconds()
        seconds = max(_SOONEST_S, min(seconds, left))
    return min(seconds, _PENDING_S) if pending else seconds


def look_seconds(
    state: State, verdict: Verdict | None, lasting: timedelta | None, now: datetime
) -> float:
    """So long it need not look, whatever its sensors may see: its hours are far.

    Args:
        state: Where the agent stands.
        verdict: The last one.
        lasting: ``[idle] for``: so long before its hours it must have looked.
        now: The wall clock.
    """
    if state is not State.OFF_DUTY or verdict is None or lasting is None:
        return 0.0
    far = any(_is_far(reason, now + lasting + NEAR) for reason in verdict.reasons)
    return FAR_S if far else 0.0


def _is_far(reason: Reason, soon: datetime) -> bool:
    if reason.code is not ReasonCode.HOURS or reason.leaves is not Permit.NOTHING:
        return False
    return reason.until is None or reason.until > soon
