"""The clock that the session core is given: it never goes back, and it notices a sleep."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from jobman_agent.clock import Clock

SLEPT_S = 60.0
"""A gap of so long means that the PC slept, or that its clock was set."""


class Moment(NamedTuple):
    """What time it is."""

    now: float
    """Seconds, steady; about those since 1970, so that it goes on over the process's death."""
    wall: float
    """Seconds since 1970 by the wall clock."""
    slept: bool


class SteadyTime:
    """Seconds since 1970 as they were at the start, and steady from there on.

    The steady clock of Linux stands still while the PC sleeps; the wall clock tells the difference.
    """

    def __init__(self, clock: Clock, earliest: float = 0.0) -> None:
        self._clock = clock
        self._wall = clock.now().timestamp()
        self._steady = clock.monotonic()
        self._now = max(self._wall, earliest)

    def now(self) -> float:
        """The seconds of `look`, without noticing a sleep."""
        return self._now + max(0.0, self._clock.monotonic() - self._steady)

    def look(self) -> Moment:
        """What time it is now; call it at least every few seconds."""
        wall, steady = self._clock.now().timestamp(), self._clock.monotonic()
        by_steady, by_wall = steady - self._steady, wall - self._wall
        self._wall, self._steady = wall, steady
        slept = max(by_steady, by_wall) > SLEPT_S
        self._now += max(by_steady, by_wall) if slept else max(0.0, by_steady)
        return Moment(self._now, wall, slept)
