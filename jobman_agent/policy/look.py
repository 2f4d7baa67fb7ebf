"""One look at one reading: what every rule is given, and what a rule answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from jobman_agent.model.verdict import Permit

if TYPE_CHECKING:
    from datetime import datetime

    from jobman_agent.model.reading import Reading
    from jobman_agent.policy.memory import Memory
    from jobman_agent.policy.rules import Rules


@dataclass(frozen=True, slots=True)
class Look:
    """What is known at this moment."""

    reading: Reading
    rules: Rules
    memory: Memory
    now: datetime
    """Local time."""

    def since(self, moment: float) -> float:
        """Seconds since a moment of the steady clock."""
        return self.reading.taken_at - moment

    def after(self, seconds: float) -> datetime:
        """Local time so many seconds from now; to the next full second."""
        return self.now + timedelta(seconds=max(0.0, seconds))


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that fails now."""

    text: str
    leaves: Permit = Permit.HOLD
    """What it allows where packages are held."""


def progress_text(seconds: float, total: timedelta) -> str:
    """How much of a wait is over: ``4 of 10 min``, ``40 s of 2 min``."""
    done, unit = _amount(max(0.0, seconds))
    whole, whole_unit = _amount(total.total_seconds())
    if unit == whole_unit or done == 0:
        return f"{done} of {whole} {whole_unit}"
    return f"{done} {unit} of {whole} {whole_unit}"


def duration_text(seconds: float) -> str:
    """A duration as people say it, rounded down: ``40 s``, ``2 min``, ``3 h``."""
    amount, unit = _amount(max(0.0, seconds))
    return f"{amount} {unit}"


def _amount(seconds: float) -> tuple[int, str]:
    whole = int(seconds)
    if whole < 60 or (whole < 120 and whole != 60):  # noqa: PLR2004 - up to two minutes
        return whole, "s"
    if whole < 2 * 3600 and whole != 3600:  # noqa: PLR2004 - up to two hours
        return whole // 60, "min"
    return whole // 3600, "h"
