"""Times of the processor, as each system's file tells them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Total:
    """The processor as a whole, in seconds of all cores since some start."""

    busy: float
    all: float


@dataclass(frozen=True, slots=True)
class Used:
    """What one process used, in seconds."""

    itself: float
    children: float
    """Of children that ended and that it waited for; their children too."""
    started: float
    """With the pid it names a process for good."""
