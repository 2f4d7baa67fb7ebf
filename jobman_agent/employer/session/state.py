"""What the employer knows, in memory: the journal's rows, and indexes that follow each change.

Rules that hold here:
1. Everything durable is in a row; what was touched in a step is saved at its end.
2. All counts are kept as they change: nothing here looks at all packages, except at the start.
3. A package waits exactly when it has not ended, is not spent, no lease of it is open, and no
   complete result of it waits to be judged (PROTOCOL 3.4); ``place`` is the only judge of that.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from jobman_agent.employer.session.lengths import Lengths
from jobman_agent.employer.session.live import (
    LOST_TOO_OFTEN,
    MAX_LOSSES,
    LeaseId,
    Package,
    RoadState,
    Session,
    is_running,
)
from jobman_agent.employer.session.records import (
    Journalled,
    Judgement,
    KeyRow,
    LeaseEnd,
    LeaseRow,
    PackageEnd,
    PackageRow,
    Row,
    SessionRow,
)
from jobman_agent.employer.session.waiting import Shelf, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobman_agent.employer.session.events import JobPlan, Moment
    from jobman_agent.model.messages import RefuseCode


class State:
    """All that the core knows."""

    def __init__(self, plan: JobPlan, journalled: Journalled, now: Moment) -> None:
        self.plan = plan
        self.now = now
        self.job = copy.copy(journalled.job)
        self.packages: dict[str, Package] = {}
        self.leases: dict[LeaseId, LeaseRow] = {}
        self.sessions: dict[str, Session] = {}
        self.keys: dict[str, KeyRow] = {}
        self.names_taken = frozenset(spec.name.lower() for spec in plan.packages)
        self.waiting = Waiting()
        self.waiting_grew = False
        """Something began to wait since the last look at who could take it."""
        self.singles: dict[LeaseId, LeaseRow] = {}
        """Open leases whose package has no other, in the order of handing out."""
        self.ghosts: dict[LeaseId, float] = {}
        """Lapsed while running: they count as running (at_once) until this time (wall)."""
        self.open_leases = 0
        self.asked = 0
        """Open leases that were asked back."""
        self.suspects = 0
        self.unjudged = 0
        self.judging: set[str] = set()
        """Packages with nothing out, whose result is being judged."""
        self.failures: dict[str, str] = {}
        """Packages that failed for good, and why."""
        self.accepted = 0
        self.failed = 0
        self.lengths = Lengths(plan.usual_s)
        self.refused: dict[str, RefuseCode] = {}
        """Why the last ask of a key was refused; so that it is told once."""
        self.junk = 0
        self.workers = 0
        """Sessions that were live at the last tick, and those opened since."""
        self.road = RoadState(clock=now.wall, ticked=now)
        self._dirty: dict[int, Row] = {}
        self._load(journalled)

    @property
    def left(self) -> int:
        """Packages that have not ended."""
        return len(self.packages) - self.accepted - self.failed

    def usual(self) -> float | None:
        """Seconds that a usual package runs; None: nothing is known."""
        return self.lengths.usual()

    # ---- rows
    def touch(self, row: Row) -> None:
        """A row has changed, and is to be saved at the end of this step."""
        self._dirty[id(row)] = row

    def take_changes(self) -> tuple[Row, ...]:
        """Copies of the rows that changed since the last call."""
        rows = tuple(copy.copy(row) for row in self._dirty.values())
        self._dirty.clear()
        return rows

    def key(self, key: str) -> KeyRow:
        """What is known of a worker's key."""
        row = self.keys.get(key)
        if row is None:
            row = self.keys[key] = KeyRow(key=key)
        return row

    def add_session(self, row: SessionRow) -> Session:
        """A new session."""
        session = self.sessions[row.session] = Session(row, self.now.steady)
        self.workers += 1
        self.touch(row)
        return session

    # ---- leases
    def add_lease(self, lease: LeaseRow) -> None:
        """A package (or a test) is handed out."""
        self.leases[lease.package, lease.attempt] = lease
        self._open(lease)
        self.touch(lease)

    def reopen(self, lease: LeaseRow) -> None:
        """A lease that had ended goes on: its worker was heard after all."""
        lease.ended = LeaseEnd.OPEN
        self._open(lease)
        self.touch(lease)

    def move(self, lease: LeaseRow, session: str) -> None:
        """The worker holds it in another session now."""
        if not lease.ended:
            key = (lease.package, lease.attempt)
            self.sessions[lease.session].open.pop(key, None)
            self.sessions[session].oldest = 0.0
            self.sessions[session].open[key] = lease
        lease.session = session
        self.touch(lease)

    def ask_back(self, lease: LeaseRow, asked: bool) -> None:
        """Ask the worker to give it back, or not any more."""
        if lease.asked != asked:
            lease.asked = asked
            self.asked += (1 if asked else -1) if not lease.ended else 0
            self.touch(lease)

    def end(self, lease: LeaseRow, how: LeaseEnd) -> None:
        """A lease ends; one that had lapsed can still be returned."""
        key = (lease.package, lease.attempt)
        self.ghosts.pop(key, None)
        if lease.ended:
            if lease.ended is LeaseEnd.LAPSED and how is LeaseEnd.RETURNED:
                lease.ended = how
                self.touch(lease)
            return
        lease.ended = how
        self.open_leases -= 1
        self.asked -= lease.asked
        session = self.sessions.get(lease.session)
        if session is not None:
            session.open.pop(key, None)
        package = self.packages.get(lease.package) if not lease.test else None
        if package is not None:
            package.open.pop(lease.attempt, None)
            self._note_single(package)
            self.singles.pop(key, None)
            self.place(package)
        self.touch(lease)

    def _open(self, lease: LeaseRow) -> None:
        key = (lease.package, lease.attempt)
        self.ghosts.pop(key, None)
        self.open_leases += 1
        self.asked += lease.asked
        session = self.sessions.get(lease.session)
        if session is not None:
            bound = min(session.oldest, lease.until) if session.open else lease.until
            session.oldest = bound
            session.open[key] = lease
        package = self.packages.get(lease.package) if not lease.test else None
        if package is not None:
            package.open[lease.attempt] = lease
            self._note_single(package)
            self.place(package)

    def _note_single(self, package: Package) -> None:
        single = len(package.open) == 1
        for lease in package.open.values():
            key = (lease.package, lease.attempt)
            if single:
                self.singles.setdefault(key, lease)
            else:
                self.singles.pop(key, None)

    # ---- packages
    def place(self, package: Package) -> None:
        """Let a package wait, or not, by the one rule; called after every change of it."""
        row = package.row
        if package.pending and not package.open and not row.state:
            self.judging.add(row.name)
        else:
            self.judging.discard(row.name)
        if row.state or row.spent or package.open or package.pending:
            self.waiting.discard(row.name)
            return
        self.waiting_grew = True
        shelf = Shelf(package.unwelcome(), package.suspect)
        self.waiting.add(row.name, package.weight, package.order, shelf)

    def note_lost(self, package: Package, lease: LeaseRow) -> None:
        """A PC was lost while it ran this package."""
        before = package.suspect
        package.row.lost = (*package.row.lost, (lease.attempt, lease.key))
        if len(package.row.lost) >= MAX_LOSSES and not package.row.spent:
            package.row.spent = LOST_TOO_OFTEN
        self._losses_changed(package, before)

    def take_back_loss(self, package: Package, lease: LeaseRow) -> None:
        """The PC was heard after all."""
        before = package.suspect
        kept = tuple(loss for loss in package.row.lost if loss[0] != lease.attempt)
        if len(kept) == len(package.row.lost):
            return
        package.row.lost = kept
        if package.row.spent == LOST_TOO_OFTEN and not package.row.state:
            package.row.spent = ""
        self._losses_changed(package, before)

    def _losses_changed(self, package: Package, before: bool) -> None:
        if not package.row.state:
            self.suspects += package.suspect - before
        self.touch(package.row)
        self.place(package)

    def set_pending(self, lease: LeaseRow) -> None:
        """A complete result waits to be judged."""
        lease.judgement = Judgement.PENDING
        self._pending(lease)
        self.touch(lease)

    def _pending(self, lease: LeaseRow) -> None:
        self.unjudged += 1
        if lease.test:
            session = self.sessions.get(lease.session)
            if session is not None:
                session.tests_unjudged += 1
            return
        package = self.packages.get(lease.package)
        if package is not None:
            package.pending.append(lease)
            self.place(package)

    def set_judged(self, lease: LeaseRow, judgement: Judgement, why: str) -> None:
        """A result was judged."""
        lease.judgement, lease.why = judgement, why
        self.unjudged -= 1
        self.touch(lease)
        if lease.test:
            session = self.sessions.get(lease.session)
            if session is not None:
                session.tests_unjudged -= 1
            return
        package = self.packages.get(lease.package)
        if package is not None:
            package.pending.remove(lease)
            self.place(package)

    def set_ended(self, package: Package, state: PackageEnd, why: str) -> None:
        """A package has ended, for good."""
        package.row.state, package.row.why = state, why
        self.suspects -= package.suspect
        if state is PackageEnd.ACCEPTED:
            self.accepted += 1
        else:
            self.failed += 1
            self.failures[package.row.name] = why
        self.touch(package.row)
        self.place(package)

    def learn_length(self, lease: LeaseRow) -> None:
        """A run has come back, or its result was accepted: that shows how long packages take."""
        if lease.test:
            return
        self.lengths.note(lease, self.packages.get(lease.package))
        for package in self.lengths.weigh_anew():
            if package.row.name in self.waiting:
                self.place(package)

    # ---- from the journal
    def _load(self, journalled: Journalled) -> None:
        self.keys = {row.key: copy.copy(row) for row in journalled.keys}
        for session in journalled.sessions:
            self.sessions[session.session] = Session(copy.copy(session), self.now.steady)
        self._load_packages({row.name: row for row in journalled.packages})
        leases = sorted((copy.copy(row) for row in journalled.leases), key=lambda r: r.handed_at)
        self._load_leases(leases)
        for package in self.packages.values():
            self.place(package)
            if not package.row.state:
                self.suspects += package.suspect
        self.waiting_grew = True

    def _load_packages(self, rows: dict[str, PackageRow]) -> None:
        guesses = sorted(spec.guess for spec in self.plan.packages)
        usual = guesses[len(guesses) // 2] if guesses else 1.0
        for order, spec in enumerate(self.plan.packages):
            row = copy.copy(rows.get(spec.name)) or PackageRow(name=spec.name)
            guess = spec.guess / usual if usual > 0 else 1.0
            self.packages[spec.name] = Package(row, guess, order, spec.size)
            if spec.name not in rows:
                self.touch(row)
            self.accepted += row.state is PackageEnd.ACCEPTED
            if row.state is PackageEnd.FAILED:
                self.failed += 1
                self.failures[row.name] = row.why

    def _load_leases(self, rows: Iterable[LeaseRow]) -> None:
        for lease in rows:
            key = (lease.package, lease.attempt)
            self.leases[key] = lease
            package = self.packages.get(lease.package)
            if not lease.test and (package is None or lease.attempt <= package.row.since):
                self._load_outdated(lease)
            elif not lease.ended:
                self._open(lease)
            elif lease.ended is LeaseEnd.LAPSED and is_running(lease):
                self.ghosts[key] = self.ghost_until(lease)
            if lease.judgement is Judgement.PENDING:
                self._pending(lease)
            self.learn_length(lease)

    def _load_outdated(self, lease: LeaseRow) -> None:
        """A lease of inputs, or of a package, that the job does not have any more."""
        if not lease.ended:
            lease.ended = LeaseEnd.STOPPED
            self.touch(lease)
        if lease.judgement is Judgement.PENDING:
            lease.judgement = Judgement.DROPPED
            self.touch(lease)

    def ghost_until(self, lease: LeaseRow) -> float:
        """Until when a lapsed lease that was running counts as running (wall)."""
        return lease.ended_at + self.plan.time_s
