"""How long packages take: what is usual, and what is known of single ones.

In this order (docs/decisions/0013): a package's own accepted runs, of earlier goes; how long it ran
without coming to its end, where that is longer; else the median of accepted runs; else what the
job says; else the median of what came back and waits to be judged.
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING

from jobman_agent.employer.session.records import Judgement
from jobman_agent.model.messages import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobman_agent.employer.session.live import Package
    from jobman_agent.employer.session.records import LeaseRow

_UNFINISHED = (Outcome.TIMED_OUT, Outcome.HANDED_BACK)
_WORTH_IT = 0.1
"""So much of the usual length must change before packages are weighed anew."""


class Lengths:
    """What is known; sorted seconds.

    Args:
        told_s: What the job says of a run; None: nothing.
    """

    def __init__(self, told_s: float | None) -> None:
        self._told_s = told_s
        self._turnarounds: list[float] = []
        """From hand-out to result, of the accepted ones."""
        self._accepted: list[float] = []
        self._returned: list[float] = []
        """Of all that came back done."""
        self._measured: dict[str, Package] = {}
        """Packages of whose own runs something is known."""
        self._weighed_by: float | None = None

    def usual(self) -> float | None:
        """Seconds that a usual package runs."""
        for seconds in (self._accepted, () if self._told_s else self._returned):
            if seconds:
                return seconds[len(seconds) // 2]
        return self._told_s

    def usual_turnaround(self) -> float | None:
        """The median time from hand-out to result, else what the job says of a run."""
        if self._turnarounds:
            return self._turnarounds[len(self._turnarounds) // 2]
        return self._told_s

    def note(self, lease: LeaseRow, package: Package | None) -> None:
        """A run has come back, or its result was accepted: what its row shows; not of a test."""
        if lease.judgement is Judgement.ACCEPTED:
            insort(self._turnarounds, max(0.0, lease.ended_at - lease.handed_at))
            insort(self._accepted, lease.seconds)
            if package is not None and not package.row.state:
                package.own_s = sorted([*package.own_s, lease.seconds])
                self._measure(package)
        elif lease.outcome == Outcome.DONE:
            insort(self._returned, lease.seconds)
        elif lease.outcome in _UNFINISHED and package is not None:
            package.least_s = max(package.least_s, lease.seconds)
            self._measure(package)

    def weigh_anew(self) -> Iterable[Package]:
        """Weigh the measured packages anew, if the usual length has changed; those it did."""
        before, usual = self._weighed_by, self.usual()
        if usual == before or (before and usual and abs(usual - before) < _WORTH_IT * before):
            return ()
        self._weighed_by = usual
        for package in self._measured.values():
            package.weigh(usual)
        return self._measured.values()

    def _measure(self, package: Package) -> None:
        self._measured[package.row.name] = package
        package.weigh(self._weighed_by)
