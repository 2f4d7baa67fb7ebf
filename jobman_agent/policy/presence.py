"""Is the owner here? Key and mouse, lock, people from elsewhere, presentations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jobman_agent.model.reading import UNKNOWN, Unknown
from jobman_agent.model.verdict import Permit, Reason, ReasonCode
from jobman_agent.policy.look import Fault, Look, progress_text
from jobman_agent.policy.rules import (
    BUMP_PIXELS,
    BUMP_SECONDS,
    LONG_QUIET_SECONDS,
    PRESENTATION_CAP,
    SAME_MOVE_SECONDS,
)

if TYPE_CHECKING:
    from datetime import timedelta

    from jobman_agent.model.reading import InputSource, Reading
    from jobman_agent.policy.memory import Memory

NOTHING_TELLS = "nothing here tells when key or mouse are used"


def note_input(memory: Memory, reading: Reading) -> Memory:
    """Remember the last touch, and whether it was a return or perhaps only a bump.

    Only proven sources count: one that never resets would say that the owner is always away.
    """
    seen = [(s, s.idle_seconds) for s in reading.sources if s.proven]
    touches = {s: reading.taken_at - idle for s, idle in seen if not isinstance(idle, Unknown)}
    if not touches:
        return memory
    touch = max(touches.values())
    before, bump = memory.touched_at, memory.bumped_at
    if before is None:
        return replace(memory, touched_at=touch, returned_at=touch)
    fresh = [s for s, when in touches.items() if when > before + SAME_MOVE_SECONDS]
    if fresh:
        quiet = touch - before
        if bump is None and quiet >= LONG_QUIET_SECONDS and _is_bump(fresh):
            memory = replace(memory, touched_at=touch, bumped_at=touch)
        else:
            memory = replace(memory, touched_at=touch, returned_at=touch, bumped_at=None)
    elif bump is not None and any(_is_more(s) for s in touches):
        memory = replace(memory, touched_at=touch, returned_at=touch, bumped_at=None)
    elif memory.returned_at == before and touch > before:
        memory = replace(memory, touched_at=touch, returned_at=touch)
    bump = memory.bumped_at
    if bump is not None and reading.taken_at - bump >= BUMP_SECONDS:
        memory = replace(memory, bumped_at=None)
    return memory


def owner_reasons(look: Look) -> list[Reason]:
    """Why the owner counts as here, or cannot be seen."""
    unseen = unseen_why(look.reading)
    if unseen is not None:
        return [Reason(ReasonCode.OWNER_UNSEEN, unseen)]
    waiting = _waiting(look)
    bump = look.memory.bumped_at
    if bump is None:
        return waiting
    if waiting:
        return [replace(waiting[0], leaves=Permit.HOLD)]
    text = "mouse moved a few pixels: looking whether it moves again"
    return [Reason(ReasonCode.INPUT, text, look.after(BUMP_SECONDS - look.since(bump)))]


def unseen_why(reading: Reading) -> str | None:
    """Why nobody can say whether the owner is here; None: it can be said."""
    proven = [source for source in reading.sources if source.proven]
    if not reading.sources:
        return f"owner unseen: {NOTHING_TELLS}"
    if not proven:
        names = ", ".join(source.name for source in reading.sources)
        verb = "has" if len(reading.sources) == 1 else "have"
        return f"owner unseen: {names} {verb} not yet been seen to notice a key or the mouse"
    # One of several that were proven is not enough: it may see another session only.
    blind = [source.name for source in proven if source.idle_seconds is UNKNOWN]
    return f"owner unseen: {', '.join(blind)} does not answer" if blind else None


def session_fault(look: Look) -> Fault | None:
    """People who are logged in from elsewhere, and active."""
    users = look.reading.remote_users
    if isinstance(users, Unknown):
        return Fault("who is logged in from elsewhere cannot be seen")
    to_start, to_go_on = _waits(look)
    wait = to_go_on if look.reading.engaged else to_start
    active = sorted(
        {
            user.name
            for user in users
            if isinstance(user.idle_seconds, Unknown) or user.idle_seconds < wait.total_seconds()
        }
    )
    if not active:
        return None
    verb = "is" if len(active) == 1 else "are"
    return Fault(f"{', '.join(active)} {verb} logged in from elsewhere")


def note_presentation(memory: Memory, reading: Reading) -> Memory:
    """Remember since when something has been shown."""
    if isinstance(reading.presentation, Unknown):
        return memory
    if reading.presentation is None:
        return replace(memory, presentation_since=None)
    since = memory.presentation_since
    return replace(memory, presentation_since=reading.taken_at if since is None else since)


def presentation_fault(look: Look) -> Fault | None:
    """A presentation, a film or a call: present without a touch, but not for ever."""
    shown = look.reading.presentation
    if isinstance(shown, Unknown):
        return Fault("whether something is presented cannot be seen")
    since = look.memory.presentation_since
    if shown is None or since is None or look.since(since) >= PRESENTATION_CAP.total_seconds():
        return None
    return Fault(f"presentation: {shown}")


def _waiting(look: Look) -> list[Reason]:
    """The wait after the last key or mouse, while it is not over."""
    returned = look.memory.returned_at
    idle = 0.0 if returned is None else look.since(returned)
    to_start, to_go_on = _waits(look)
    if idle >= to_start.total_seconds():
        return []
    locked = look.reading.locked is True
    code = ReasonCode.LOCKED_WAIT if locked else ReasonCode.INPUT
    text = f"{'locked' if locked else 'keyboard'} {progress_text(idle, to_start)}"
    goes_on = idle >= to_go_on.total_seconds()
    until = look.after(to_start.total_seconds() - idle)
    return [Reason(code, text, until, Permit.FINISH if goes_on else Permit.HOLD)]


def _is_bump(fresh: list[InputSource]) -> bool:
    """Whether a source saw the pointer move a little, and none saw more."""
    told = [source for source in fresh if source.nudge_pixels is not UNKNOWN]
    return bool(told) and not any(_is_more(source) for source in told)


def _is_more(source: InputSource) -> bool:
    moved = source.nudge_pixels
    return moved is None or (not isinstance(moved, Unknown) and moved > BUMP_PIXELS)


def _waits(look: Look) -> tuple[timedelta, timedelta]:
    """How long it must be quiet for new packages to start, and for those held to go on."""
    idle, yielding = look.rules.idle, look.rules.yielding
    # A locked screen means away. It never makes the wait longer.
    locked = look.reading.locked is True
    to_start = min(idle.user_away, idle.locked_away) if locked else idle.user_away
    return to_start, min(to_start, yielding.resume_after) if look.reading.engaged else to_start
