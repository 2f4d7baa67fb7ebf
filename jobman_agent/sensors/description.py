"""What ``jobman doctor`` shows of each source: value, age, whether it counts, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobman_agent.model.reading import Unknown
from jobman_agent.sensors.hardware import Room
from jobman_agent.sensors.probe import People

if TYPE_CHECKING:
    from datetime import datetime

    from jobman_agent.sensors.station import Outcome

PRESS_A_KEY = (
    "press a key, pause for half a minute, and press one again: from then on it counts "
    "(at once with jobman doctor --watch)"
)


@dataclass(frozen=True, slots=True)
class Description:
    """One source, live."""

    source: str
    value: str
    """For people; where it is unknown, why."""
    known: bool
    age_seconds: float | None
    """Since it last answered; None: it never did."""
    proven: bool | None
    """Whether it was seen to reset within 30 days; None: of this one nobody asks that."""
    advice: str = ""
    """What to do; empty: nothing."""
    reset_at: datetime | None = None
    """When it was last seen to reset, in UTC; None: never."""


def value_text(outcome: Outcome[object]) -> str:
    """An outcome for people."""
    value = outcome.value
    if isinstance(value, Unknown):
        return outcome.reason
    if isinstance(value, Room):
        return f"{value.free / 1e9:.1f} of {value.total / 1e9:.1f} GB free"
    if isinstance(value, People):
        return _people_text(value)
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "nothing" if value is None else str(value)


def _people_text(people: People) -> str:
    if isinstance(people.locked, Unknown):
        lock = "whether the screen is locked cannot be seen"
    else:
        lock = "screen locked" if people.locked else "screen not locked"
    elsewhere = ", ".join(sorted({person.name for person in people.remote})) or "nobody"
    return f"{lock}; from elsewhere: {elsewhere}"
