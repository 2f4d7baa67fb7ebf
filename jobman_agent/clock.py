"""The only place that asks what time it is. Everything else is given the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A wall clock for what people and offers say, and a steady one for what lasts how long."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow, from an unknown start."""
        ...


class SystemClock:
    """The clocks of this PC."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only ever grow, from an unknown start."""
        return time.monotonic()


SYSTEM_CLOCK = SystemClock()
