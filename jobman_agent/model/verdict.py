"""What the policy makes of a reading: what this PC may do now, all reasons, and from when on more.

The same codes and texts everywhere: tray, ``jobman why``, log, and the employer's report.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class ReasonCode(Enum):
    """Why a PC does not work; the values are a contract (``status --json``)."""

    HOURS = "hours"
    """Outside the hours, or shortly before they end."""
    INPUT = "input"
    """Somebody used key or mouse not long ago."""
    LOCKED_WAIT = "locked_wait"
    """The screen is locked; the short wait is not over."""
    CPU = "cpu"
    """Other programs use the processor."""
    MEMORY = "memory"
    """Too little memory is free."""
    DISK = "disk"
    """Too little disk space is free."""
    BATTERY = "battery"
    """The PC runs on battery."""
    PROGRAM = "program"
    """A program of ``not_while_running`` runs."""
    SESSION = "session"
    """Somebody is logged in from elsewhere, and active."""
    PRESENTATION = "presentation"
    """A presentation, a film or a call."""
    PAUSED = "paused"
    """The owner said so."""
    OWNER_UNSEEN = "owner_unseen"
    """No proven source says whether the owner is here."""
    POOL_AWAY = "pool_away"
    """The pool cannot be reached."""
    SETTINGS_WRONG = "settings_wrong"
    """``jobman.ini`` holds mistakes; the last good one holds."""
    OTHER_WORKER = "other_worker"
    """Another agent's worker runs on this PC."""
    STARTING = "starting"
    """The agent has just started, the PC has just woken up, or the worker is being started."""
    NO_OFFER = "no_offer"
    """Nobody in the pool has work for this PC."""


class Permit(IntEnum):
    """What a PC may do; each allows what those below it allow."""

    NOTHING = 0
    """What is held must be handed back."""
    HOLD = 1
    """Nothing may run; what is held may wait, frozen."""
    FINISH = 2
    """What runs may go on; nothing new may start."""
    START = 3
    """All is clear."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that holds a PC back."""

    code: ReasonCode
    text: str
    """For people: ``keyboard 4 of 10 min``."""
    until: datetime | None = None
    """When it may be over at the earliest, in local time; None: time alone does not end it."""
    leaves: Permit = Permit.HOLD
    """What a PC may do all the same."""


_ENDLESS = (ReasonCode.PAUSED, ReasonCode.OWNER_UNSEEN, ReasonCode.HOURS)
"""Without an ``until`` these end only when a person does something."""

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a PC may do now, and why not more."""

    at: datetime
    """When it was judged, in local time."""
    reasons: tuple[Reason, ...] = ()
    """All of them; none: everything is allowed."""

    @property
    def permit(self) -> Permit:
        """The least of what the reasons leave."""
        return min((reason.leaves for reason in self.reasons), default=Permit.START)

    @property
    def next(self) -> datetime | None:
        """When packages may start at the earliest, in local time.

        None: they may now, or nobody can say, for only somebody's doing ends a reason.
        """
        if any(reason.until is None and reason.code in _ENDLESS for reason in self.reasons):
            return None
        return max((r.until for r in self.reasons if r.until is not None), default=None)

    @property
    def text(self) -> str:
        """One line: all reasons, and the next possible time."""
        if not self.reasons:
            return "free to work"
        reasons = "; ".join(reason.text for reason in self.reasons)
        if self.next is None:
            return reasons
        return f"{reasons}: earliest {clock_text(self.next, self.at)}"


def clock_text(moment: datetime, now: datetime) -> str:
    """A time as people say it at ``now``: 18:00, Mon 18:00, or with its date. Both local."""
    # Not %a: what it says follows the locale, and the texts are English.
    days = (moment.date() - now.date()).days
    if days == 0:
        return f"{moment:%H:%M}"
    if 0 < days < len(_WEEKDAYS):
        return f"{_WEEKDAYS[moment.weekday()]} {moment:%H:%M}"
    return f"{moment:%Y-%m-%d %H:%M}"
