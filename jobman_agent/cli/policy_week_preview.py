"""What ``jobman policy --week`` shows: of one week, in text, as a picture, as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobman_agent.policy.week import Week


@dataclass(frozen=True, slots=True)
class Preview:
    """What is shown."""

    week: Week
    recorded: bool
    settings: str
    """Where the settings come from."""
    before: Week | None = None
    """The same week by the settings that hold now, where others were named."""
    unreadable: int = 0
