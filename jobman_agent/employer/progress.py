"""How a job stands: a snapshot for the live display, for ``--json`` and for summary.csv."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from jobman_agent.employer.results.folder import SummaryRow
from jobman_agent.employer.session.handing import is_live, may_get
from jobman_agent.employer.session.records import PackageEnd
from jobman_agent.employer.session.turn import wall_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobman_agent.employer.session.live import Package
    from jobman_agent.employer.session.offering import Offering
    from jobman_agent.employer.session.state import State
    from jobman_agent.model.messages import Result

_RATE_SECONDS = 60.0
_MANY = 10
"""So many accepted in that time say how it goes on."""
_FAILURES_SHOWN = 100


@dataclass(frozen=True, slots=True)
class WorkerNow:
    """One worker that is in session."""

    name: str
    slots: int
    held: int
    """Packages that it holds: running, waiting there, or on the road."""
    paused: bool
    heard_s: float
    """Seconds since its last word."""
    accepted: int = 0
    """Packages of it that were accepted, since this ``employ`` began."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How a job stands at a moment."""

    packages: int
    waiting: int
    leased: int
    judging: int
    """Packages whose result is being judged."""
    accepted: int
    failed: int
    connected: bool
    pool: str
    """Why the pool is not there; empty while it is."""
    workers: tuple[WorkerNow, ...]
    rate: float
    """Accepted packages a second, over the last minute."""
    left_s: float | None
    """Estimated seconds until the end; None: cannot be said."""
    usual_s: float | None
    failures: tuple[tuple[str, str], ...]
    """Packages that failed for good, and why; the last hundred, the last first."""
    refusals: str
    """One line on the workers that passed the offer over; empty if none did."""
    unwritten: tuple[str, ...] = ()
    """Packages whose folder could not be written (yet)."""


class Pacer:
    """Measures how many packages are accepted a second."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()

    def note(self, now: float, accepted: int) -> None:
        """Called every few seconds."""
        self._marks.append((now, accepted))
        while self._marks and now - self._marks[0][0] > _RATE_SECONDS:
            self._marks.popleft()

    def rate(self, now: float, accepted: int) -> float:
        """Packages a second over the last minute."""
        if not self._marks or now - self._marks[0][0] < 1.0:
            return 0.0
        begun, before = self._marks[0]
        return (accepted - before) / (now - begun)


@dataclass(frozen=True, slots=True)
class Facts:
    """What summary.csv says of a package's last result."""

    version: str
    seconds: float
    cpu_seconds: float
    peak_memory: int

    @classmethod
    def of(cls, result: Result) -> Facts:
        """Of one result."""
        return cls(result.version, result.seconds, result.cpu_seconds, result.peak_memory)


def snapshot(state: State, offering: Offering, pacer: Pacer, *, pool: str) -> Progress:
    """How the job stands now."""
    now = state.now.steady
    rate = pacer.rate(now, state.accepted)
    leased = state.left - len(state.waiting) - len(state.judging)
    return Progress(
        packages=len(state.packages),
        waiting=len(state.waiting),
        leased=max(0, leased),
        judging=len(state.judging),
        accepted=state.accepted,
        failed=state.failed,
        connected=state.road.connected,
        pool=pool,
        workers=tuple(_workers(state)),
        rate=rate,
        left_s=_left_seconds(state, rate),
        usual_s=state.usual(),
        failures=tuple(islice(reversed(state.failures.items()), _FAILURES_SHOWN)),
        refusals=offering.summary(state.plan.key, state.plan.employer, state.plan.program),
    )


def summary_rows(state: State, facts: dict[str, Facts]) -> Iterator[SummaryRow]:
    """The rows of results/summary.csv, failed packages too."""
    for package in state.packages.values():
        yield _summary_row(state, package, facts.get(package.row.name))


def _summary_row(state: State, package: Package, facts: Facts | None) -> SummaryRow:
    row = package.row
    attempt = row.accepted or row.attempt
    lease = state.leases.get((row.name, attempt)) if row.state else None
    worker = state.sessions[lease.session].row.worker if lease is not None else ""
    finished = wall_text(lease.ended_at) if lease is not None and lease.ended_at else ""
    known = facts if lease is not None and lease.judgement else None
    return SummaryRow(
        package=row.name,
        state=package_state(state, package),
        attempts=row.failed + row.wrong + (row.state is PackageEnd.ACCEPTED),
        worker=worker,
        program_version=known.version if known else "",
        seconds=known.seconds if known else None,
        cpu_seconds=known.cpu_seconds if known else None,
        peak_memory=known.peak_memory if known else None,
        finished=finished,
        wrong=row.wrong,
        failed=row.failed,
        interrupted=row.interrupted,
        lost=len(row.lost),
        why=row.why,
    )


def package_state(state: State, package: Package) -> str:
    """One of the four words: waiting, leased, accepted, failed."""
    if package.row.state:
        return str(package.row.state)
    return "waiting" if package.row.name in state.waiting else "leased"


def _workers(state: State) -> Iterator[WorkerNow]:
    for session in state.sessions.values():
        if session.open or is_live(state, session):
            yield WorkerNow(
                name=session.row.worker,
                slots=session.row.slots,
                held=len(session.open),
                paused=session.paused,
                heard_s=max(0.0, state.now.steady - session.heard),
                accepted=session.accepted,
            )


def _left_seconds(state: State, rate: float) -> float | None:
    """By the rate where many were accepted of late, else by what a package takes."""
    if not state.left:
        return 0.0
    usual = state.usual()
    if rate * _RATE_SECONDS >= _MANY or (usual is None and rate > 0):
        return state.left / rate
    slots = sum(s.row.slots for s in state.sessions.values() if may_get(state, s))
    if not slots or usual is None:
        return None
    if state.left > slots:
        return state.left * usual / slots
    youngest = next(reversed(state.singles.values()), None)
    begun = 0.0 if youngest is None else state.now.wall - youngest.handed_at
    return max(0.0, usual - begun)
