"""How often an inbox in a shared directory is listed: the rhythm of PROTOCOL 3.2, rule 12."""

from __future__ import annotations

from jobman_agent.pool.contract import Pace

SHORTEST_S = 0.02
GROWTH = 1.5
PATIENCE_S = 120.0
"""After so long without an answer nobody expects it at once any more."""

_LONGEST_S = {Pace.ANSWER: 2.0, Pace.LOW: 1.0, Pace.FULL: 5.0, Pace.EMPLOYER: 1.0}
_NO_ANSWER_S = 10.0


class Polling:
    """When to look next. Times are seconds of one monotonic clock."""

    def __init__(self, shortest_s: float = SHORTEST_S) -> None:
        self._shortest_s = shortest_s
        self._pace = Pace.LOW
        self._floor_s = 0.0
        self._wait_s = 0.0
        self._since = 0.0
        self._looked: float | None = None

    def expect(self, pace: Pace, floor_s: float, now: float) -> None:
        """Wait for something else from now on; ANSWER and LOW begin anew when said again."""
        self._floor_s = floor_s
        if pace is self._pace and pace not in (Pace.ANSWER, Pace.LOW):
            return
        self._pace = pace
        self._since = now
        self._wait_s = _LONGEST_S[pace] if pace is Pace.FULL else self._shortest_s

    def looked(self, now: float, *, found: bool, more: bool = False) -> None:
        """A look began at `now`; `more`: there was more than could be taken at once."""
        self._looked = None if more else now
        if self._pace is Pace.FULL:
            return
        if found:
            self._wait_s = self._shortest_s
            return
        longest = _LONGEST_S[self._pace]
        if self._pace is Pace.ANSWER and now - self._since >= PATIENCE_S:
            longest = _NO_ANSWER_S
            self._wait_s = longest
        self._wait_s = min(max(self._wait_s * GROWTH, self._shortest_s), longest)

    def due(self) -> float:
        """When the next look is due; long ago if there was none yet."""
        if self._looked is None:
            return float("-inf")
        return self._looked + max(self._wait_s, self._floor_s)
