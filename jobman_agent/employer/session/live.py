"""A package, a session and the road to the pool, as they are now: rows, and what goes with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobman_agent.employer.session.records import LeaseRow, LeaseState, PackageRow, SessionRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobman_agent.employer.session.events import Moment

LEASE_SECONDS = 600.0
MAX_LOSSES = 5
ALONE_AFTER_LOSSES = 2
LOST_TOO_OFTEN = f"lost {MAX_LOSSES} times with its PC"

LeaseId = tuple[str, int]


class Package:
    """A package: its row, and what is going on with it."""

    __slots__ = ("guess", "least_s", "open", "order", "own_s", "pending", "row", "size", "weight")

    def __init__(self, row: PackageRow, guess: float, order: int, size: int) -> None:
        self.row = row
        self.guess = self.weight = guess
        """Its length relative to the usual package's; the weight goes by its own runs too."""
        self.own_s: Sequence[float] = ()
        """Sorted seconds of its own accepted runs, which are of earlier goes."""
        self.least_s = 0.0
        """So long it ran at most without coming to its end."""
        self.order = order
        self.size = size
        self.open: dict[int, LeaseRow] = {}
        self.pending: list[LeaseRow] = []
        """Results that wait to be judged; the first one is being judged."""

    @property
    def suspect(self) -> bool:
        """Whether it was lost so often that it goes out alone."""
        return len(self.row.lost) >= ALONE_AFTER_LOSSES

    def weigh(self, usual: float | None) -> None:
        """Reckon its weight anew, from what a usual package takes (seconds)."""
        self.weight = self.guess
        if usual:
            own = self.own_s[len(self.own_s) // 2] / usual if self.own_s else self.guess
            self.weight = max(own, self.least_s / usual)

    def unwelcome(self) -> frozenset[str]:
        """The keys of the PCs that tried or lost it."""
        return frozenset(self.row.tried).union(key for _, key in self.row.lost)


class Session:
    """A session: its row, and what of it a restart may forget."""

    __slots__ = (
        "accepted",
        "asked_for",
        "heard",
        "oldest",
        "open",
        "paused",
        "refill",
        "row",
        "tests_unjudged",
        "unconfirmed",
    )

    def __init__(self, row: SessionRow, heard: float) -> None:
        self.row = row
        self.heard = heard
        """When a word of it last came (steady)."""
        self.paused = False
        """Nothing for it until it says in a beat that it has slots."""
        self.open: dict[LeaseId, LeaseRow] = {}
        """All leases that are open in it, in the order of handing out; tests too."""
        self.oldest = 0.0
        """No lease of it ends before this (lease clock); a bound, renewed when it is reached."""
        self.tests_unjudged = 0
        self.unconfirmed: list[tuple[float, tuple[LeaseId, ...]]] = []
        """What was sent and not confirmed, and when: to be sent once more."""
        self.refill = 0.0
        """Seconds from a hand-out until it is in the worker's hands and back: measured."""
        self.accepted = 0
        """Packages of it that were accepted, since this process came up; for people."""
        self.asked_for = -1e9
        """When another session was last asked to give something back for this one."""


@dataclass(slots=True)
class RoadState:
    """How things stand with the pool, and the lease clock that stands with it."""

    clock: float
    """The lease clock at the last tick."""
    ticked: Moment
    floor: float = 0.0
    """No lease lapses before this (lease clock): every one got its full length anew."""
    connected: bool = False
    settling: bool = True
    """What waits in the boxes is still being read."""
    blocked: bool = False
    withdrawn: bool = False
    """The person wants to stop for now."""

    @property
    def stands(self) -> bool:
        """Whether the lease clock stands: what workers say cannot be heard or answered."""
        return not self.connected or self.settling or self.blocked


def is_running(lease: LeaseRow) -> bool:
    """Whether its worker last said that it runs (frozen by its owner counts)."""
    return lease.state in (LeaseState.RUNNING, LeaseState.SUSPENDED)
