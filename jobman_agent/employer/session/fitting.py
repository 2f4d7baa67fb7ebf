"""What can end in time: `willing_until` of a worker beside the length of packages.

Rules that hold here (docs/decisions/0013):
1. Nothing goes to a worker that cannot end there before it must leave, unless the job has
   checkpoints; not even where it then goes to nobody.
2. So the person is told which packages wait for a PC that is free for longer, and what would help.
3. A worker says once until when it is free, when it asks. One that has nothing to do, and for which
   nothing that waits is short enough, is asked to ask anew: it may know better by then.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from jobman_agent.employer.session.turn import counted
from jobman_agent.model.messages import Goodbye

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobman_agent.employer.session.live import Session
    from jobman_agent.employer.session.state import State
    from jobman_agent.employer.session.turn import Turn

ASK_ANEW_SECONDS = 300.0
TELL_SECONDS = 60.0
TELL_AGAIN_SECONDS = 12 * 3600.0
_FEW_LEASES = 64


def most_weight(state: State, session: Session) -> float:
    """The heaviest package that can end before this worker must leave."""
    until, usual = session.row.willing_until, state.usual()
    if not until or not usual or state.plan.checkpointed:
        return math.inf
    return (until - state.now.wall) / usual - _ahead(state, session)


def _ahead(state: State, session: Session) -> float:
    """The weight of what each slot has before it already."""
    slots = max(1, session.row.slots)
    if len(session.open) < slots:
        return 0.0
    if len(session.open) > _FEW_LEASES:
        return float(len(session.open) // slots)
    packages = (state.packages.get(one.package) for one in session.open.values() if not one.test)
    return sum(package.weight for package in packages if package is not None) / slots


class Fitting:
    """What is known of packages that fit nowhere; nothing of it need survive."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._told_at: float | None = None

    def tick(self, turn: Turn, sessions: Sequence[Session]) -> None:
        """Tell of packages that no worker has time for, and have idle workers ask anew.

        Args:
            turn: The step.
            sessions: Those that may get packages.
        """
        state, usual = turn.state, turn.state.usual()
        if not sessions or not state.waiting or not usual or state.plan.checkpointed:
            self._since = None
            return
        self._tell(turn, sessions, usual)
        lightest = state.waiting.lightest()
        for session in sessions:
            old = state.now.wall - session.row.asked_at >= ASK_ANEW_SECONDS
            idle = not session.open and not session.tests_unjudged
            if old and idle and most_weight(state, session) < lightest:
                turn.send_bye(session, Goodbye.NO_WORK, "nothing that waits is short enough")

    def _tell(self, turn: Turn, sessions: Sequence[Session], usual: float) -> None:
        state, now = turn.state, turn.state.now
        untils = [one.row.willing_until for one in sessions]
        freest = max(until or math.inf for until in untils) - now.wall
        count, weight = state.waiting.heavier(freest / usual)
        if not count:
            self._since = None
            return
        if self._since is None:
            self._since = now.steady
        told = self._told_at
        if now.steady - self._since < TELL_SECONDS:
            return
        if told is not None and now.steady - told < TELL_AGAIN_SECONDS:
            return
        self._told_at = now.steady
        take, wait = ("takes", "it waits") if count == 1 else ("take", "they wait")
        turn.tell(
            f"{counted(count, 'package')} {take} about {_lasting(weight * usual)}, and no PC here "
            f"is free for so long (the freest: {_lasting(max(freest, 0.0))}): {wait} for one that "
            "is, at night or over a weekend. With checkpoint in job.ini, or in smaller packages, "
            "it could be done here"
        )


def _lasting(seconds: float) -> str:
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
