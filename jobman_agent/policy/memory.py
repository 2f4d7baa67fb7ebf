"""What one judgement hands on to the next. Nothing else is remembered anywhere."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jobman_agent.policy.rules import GAP_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from jobman_agent.model.pause import Pause
    from jobman_agent.model.reading import Reading
    from jobman_agent.model.verdict import Permit, ReasonCode


@dataclass(frozen=True, slots=True)
class Memory:
    """A new one knows nothing: every wait begins. Times are the steady clock's, in seconds."""

    pause: Pause | None = None
    """What the owner asked for; `decide` removes it when it is over."""
    taken_at: float | None = None
    """When the last reading was taken, on the steady clock."""
    judged_at: datetime | None = None
    """The same on the wall clock."""
    waiting_since: float = 0.0
    """When the first reading came, or the first after a gap."""
    woke: bool = False
    """Whether that was after a gap."""
    touched_at: float | None = None
    """The last key or mouse."""
    returned_at: float | None = None
    """The last one that was no bump."""
    bumped_at: float | None = None
    """A bump that may still turn out to be a return."""
    failed_at: Mapping[ReasonCode, tuple[float, Permit]] = field(default_factory=dict)
    """When each rule last failed, and what it left then."""
    cpu_stopped: bool = False
    """Others went over ``cpu_above`` while packages were held; over when it was low for long."""
    cpu_over_since: float | None = None
    presentation_since: float | None = None
    resting_since: float | None = None
    """Since when packages have been held that may not run."""


def turn_page(memory: Memory, reading: Reading, now: datetime) -> Memory:
    """Note the time of a reading; after a gap every wait begins anew.

    The two clocks tell different things: the steady one of Linux and macOS stands while the PC
    sleeps, that of Windows does not; the wall clock goes on, and can be set.
    """
    noted = replace(memory, taken_at=reading.taken_at, judged_at=now)
    if memory.taken_at is None or memory.judged_at is None:
        return replace(noted, waiting_since=reading.taken_at)
    passed = reading.taken_at - memory.taken_at
    jumped = abs((now - memory.judged_at).total_seconds() - passed)
    if 0 <= passed <= GAP_SECONDS and jumped <= GAP_SECONDS:
        return noted
    # What the sources say of the time of the gap is not believed: somebody may have been here.
    return replace(
        noted,
        waiting_since=reading.taken_at,
        woke=True,
        touched_at=reading.taken_at,
        returned_at=reading.taken_at,
        bumped_at=None,
        failed_at={},
        cpu_over_since=None,
        resting_since=None,
    )
