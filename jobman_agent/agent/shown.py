"""What ``jobman status`` and the tray are told, from where the agent stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobman_agent.control.messages import ShownReason, Status

if TYPE_CHECKING:
    from jobman_agent.agent.states import Standing
    from jobman_agent.control.pipe_messages import Snapshot
    from jobman_agent.model.pause import Pause
    from jobman_agent.model.verdict import Verdict

_TEXT_MOST = 2000


def make_status(
    standing: Standing,
    verdict: Verdict | None,
    pause: Pause | None,
    snapshot: Snapshot | None,
    pid: int,
) -> Status:
    """What the agent does now, for people and programs; times are local, in whole seconds."""
    reasons = () if verdict is None else verdict.reasons
    zone = None if verdict is None else verdict.at.tzinfo
    paused_until = None if pause is None or pause.until is None else pause.until.astimezone(zone)
    following = None if verdict is None else verdict.next
    return Status(
        state=standing.state.value,
        reasons=tuple(
            ShownReason(
                code=one.code,
                text=one.text[:_TEXT_MOST],
                until=None if one.until is None else one.until.replace(microsecond=0),
            )
            for one in reasons
        ),
        next=None if following is None else following.replace(microsecond=0),
        paused_until=None if paused_until is None else paused_until.replace(microsecond=0),
        pid=pid,
        packages=() if snapshot is None else snapshot.packages,
    )
