"""What an owner asks for with ``jobman pause``; it survives restart and sleep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobman_agent.model.verdict import clock_text

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Pause:
    """No work until then; without an end: until the owner says ``jobman resume``."""

    until: datetime | None = None
    """A moment with its offset."""
    until_locked: bool = False
    """It ends when the screen is seen locked."""

    def text(self, now: datetime) -> str:
        """For people; ``now`` and ``until`` are local times."""
        if self.until_locked:
            return "paused until you lock the screen"
        if self.until is None:
            return "paused until you resume"
        return f"paused until {clock_text(self.until, now)}"
