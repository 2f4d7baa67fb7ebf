"""What the policy goes by: the settings it needs, and limits that nobody sets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from jobman_agent.policy.hours import Calendar

if TYPE_CHECKING:
    from datetime import date

    from jobman_agent.settings.pc import Idle, Settings, Yielding

GAP_SECONDS = 60.0
"""So much missing between two readings: the PC slept, or its clock jumped."""

BUMP_SECONDS = 1.0
"""A bumped mouse moves a few pixels after long quiet, and not again for so long."""
BUMP_PIXELS = 10.0
LONG_QUIET_SECONDS = 60.0
SAME_MOVE_SECONDS = 0.3
"""Input so shortly after other input is the same movement."""

PRESENTATION_CAP = timedelta(hours=4)
"""A film or a call is over by then: what still says so was forgotten."""

MEMORY_TO_START = 0.20
"""Share of all memory that must be free for anything new to start."""
MEMORY_PRESSURE = 0.10
"""Below it, what is held is handed back: frozen packages hold memory."""
DISK_TO_START = 2_000_000_000
DISK_PRESSURE = 500_000_000


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of one PC as the policy needs them."""

    idle: Idle
    yielding: Yielding
    calendar: Calendar


def make_rules(
    settings: Settings, *, holidays: frozenset[date] = frozenset(), zone: str | None = None
) -> Rules:
    """The rules in a PC's settings.

    Args:
        settings: Checked ones: contradictions are refused where they are read.
        holidays: The dates of ``[hours] holidays``, looked up elsewhere.
        zone: A name of the IANA database; None: what TZ says, else the system's.
    """
    hours = settings.hours
    calendar = Calendar(hours.week, hours.last_start, holidays, zone)
    return Rules(settings.idle, settings.yielding, calendar)
