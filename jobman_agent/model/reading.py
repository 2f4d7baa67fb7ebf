"""What the sensors say of a PC at one moment. Each value may be UNKNOWN.

Sensors say UNKNOWN where they should see and do not (a probe that hung, a service that went away).
What a PC cannot have (a battery, another session) is no: a known value. What is no number counts as
UNKNOWN, for a comparison with it would say yes or no by chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Unknown(Enum):
    """The value of what cannot be seen."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


@dataclass(frozen=True, slots=True)
class InputSource:
    """One source that says when key or mouse were last used; any session of this PC counts."""

    name: str
    """What people know it by: ``keyboard and mouse (X11)``."""
    idle_seconds: float | Unknown
    """Since the last key or mouse."""
    proven: bool
    """Whether it was seen to reset on this PC within the last 30 days; only such a one counts."""
    nudge_pixels: float | Unknown | None = UNKNOWN
    """How far the pointer moved since the reading before, if nothing but it was used (0.0: nothing
    was); None: keys or buttons were used; UNKNOWN: this source cannot tell."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "idle_seconds", _seconds(self.idle_seconds))


@dataclass(frozen=True, slots=True)
class RemoteUser:
    """Somebody who is logged in from elsewhere: remote desktop or ssh."""

    name: str
    idle_seconds: float | Unknown
    """Since that user's last input; UNKNOWN counts as active."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "idle_seconds", _seconds(self.idle_seconds))


@dataclass(frozen=True, slots=True)
class Reading:
    """All of it, taken at one moment."""

    taken_at: float
    """The steady clock, in seconds."""
    sources: tuple[InputSource, ...]
    locked: bool | Unknown
    """Whether the screen is locked. UNKNOWN counts as not."""
    remote_users: tuple[RemoteUser, ...] | Unknown
    others_cpu: float | Unknown
    """Per cent of the whole processor that other programs use, over 10 s or more. A sample that
    is skipped, because one of ours ended in it, repeats the one before."""
    memory_free: int | Unknown
    """Bytes that programs can still get."""
    memory_total: int | Unknown
    disk_free: int | Unknown
    """Bytes, where jobman keeps packages."""
    on_battery: bool | Unknown
    running: frozenset[str] | Unknown
    """Those of the ini's ``not_while_running`` that run, as they are written there."""
    presentation: str | Unknown | None
    """A presentation, full screen or held idle inhibitor: what people know it by; None: nothing."""
    engaged: bool = False
    """Whether a worker is at it here (SEEKING, WORKING, SUSPENDED): then the thresholds to go on
    count, not those to start."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "others_cpu", _finite(self.others_cpu))


def _finite(number: float | Unknown) -> float | Unknown:
    return number if not isinstance(number, Unknown) and math.isfinite(number) else UNKNOWN


def _seconds(number: float | Unknown) -> float | Unknown:
    """No time is less than none: input of the future would keep a PC busy until then."""
    finite = _finite(number)
    return finite if isinstance(finite, Unknown) else max(0.0, finite)
