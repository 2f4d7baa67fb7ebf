"""What the icon says at a glance. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What the icon shows; each has a shape of its own."""

    OFF_BY_HOURS = "off duty: outside the hours"
    OFF_BY_OWNER = "off duty: you are here"
    OFF_BY_LOAD = "off duty: the PC is busy, or not ready"
    LOOKING = "looking for work"
    WORKING = "working"
    FROZEN = "frozen, because you are back"
    PAUSED = "paused"
    TROUBLE = "something is wrong"


class Badge(Enum):
    """What stands in the picture's corner."""

    TROUBLE = "something is wrong besides"
    QUESTION = "somebody asks you something"


@dataclass(frozen=True, slots=True)
class Picture:
    """One icon."""

    kind: Kind
    share: float | None = None
    """WORKING: how much of what packages usually take has passed; PAUSED: what is left of it, at
    most an hour. From 0 to 1; None: nobody can say."""
    badge: Badge | None = None
