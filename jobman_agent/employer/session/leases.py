"""Leases: their clock, their end, and the comparison of the two lists (PROTOCOL 3.3 and 3.4).

What a worker says that it holds is laid beside the journal; every difference has one answer. So
renewed leases, lost receipts, stale spools and stopped copies are one mechanism.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobman_agent.employer.session.events import Ended
from jobman_agent.employer.session.live import LEASE_SECONDS, Package, Session, is_running
from jobman_agent.employer.session.records import LeaseEnd, LeaseRow, LeaseState, PackageEnd
from jobman_agent.model.messages import Held, HeldState, Say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobman_agent.employer.session.state import State
    from jobman_agent.employer.session.turn import Turn

GAP_SECONDS = 90.0
"""Ticks so far apart mean that this PC slept, or its clock was set."""

_STATE_OF = {
    HeldState.WAITING: LeaseState.WAITING,
    HeldState.RUNNING: LeaseState.RUNNING,
    HeldState.SUSPENDED: LeaseState.SUSPENDED,
}


# ---------------------------------------------------------------- the clock


def lease_until(state: State) -> float:
    """Until when a lease lasts that begins, or is renewed, now."""
    road = state.road
    since_tick = 0.0 if road.stands else state.now.steady - road.ticked.steady
    return road.clock + since_tick + LEASE_SECONDS


def advance_clock(state: State) -> bool:
    """Let the lease clock go on by the time since the last tick; True after a gap."""
    road, now = state.road, state.now
    passed = now.steady - road.ticked.steady
    gap = max(passed, now.wall - road.ticked.wall) > GAP_SECONDS
    if not road.stands and not gap:
        road.clock += passed
    road.ticked = now
    return gap


def renew_all(state: State) -> None:
    """Give every open lease its full length: all that waited has been read."""
    state.road.floor = state.road.clock + LEASE_SECONDS


def lapse_old(turn: Turn) -> None:
    """End the leases of which nothing was heard for their whole length."""
    state = turn.state
    clock = state.road.clock
    if state.road.stands or clock <= state.road.floor:
        return
    for session in state.sessions.values():
        if not session.open or clock <= session.oldest:
            continue
        silent = [one for one in session.open.values() if one.until < clock]
        for lease in silent:
            _lapse(turn, session, lease)
        if silent:
            turn.tell(
                f"no word from {session.row.worker}: others may take its {len(silent)} packages"
            )
        if session.open:
            session.oldest = min(lease.until for lease in session.open.values())


def _lapse(turn: Turn, session: Session, lease: LeaseRow) -> None:
    state = turn.state
    # It gets nothing more until it is heard: else packages go round for ever.
    session.paused = True
    running = is_running(lease)
    lease.ended_at = state.now.wall
    end_lease(turn, lease, LeaseEnd.LAPSED)
    package = state.packages.get(lease.package)
    if running and not lease.test and package is not None:
        state.ghosts[lease.package, lease.attempt] = state.ghost_until(lease)
        state.note_lost(package, lease)
        give_up(turn, package)


# ---------------------------------------------------------------- endings


def end_lease(turn: Turn, lease: LeaseRow, how: LeaseEnd) -> None:
    """End a lease; its package may be lost for good by that."""
    turn.state.end(lease, how)
    package = turn.state.packages.get(lease.package)
    if package is not None and not lease.test:
        give_up(turn, package)


def give_up(turn: Turn, package: Package) -> None:
    """Fail a package that is spent, once no copy of it is out and no result unjudged."""
    row = package.row
    if row.spent and not row.state and not package.open and not package.pending:
        end_package(turn, package, PackageEnd.FAILED, row.spent)


def end_package(turn: Turn, package: Package, state: PackageEnd, why: str) -> None:
    """A package has ended: stop what still runs of it."""
    turn.state.set_ended(package, state, why)
    if state is PackageEnd.FAILED:
        turn.tell(f"{package.row.name} failed: {why}")
    accepted = state is PackageEnd.ACCEPTED
    attempt = package.row.accepted if accepted else last_result(turn.state, package)
    turn.do(Ended(package.row.name, attempt, accepted, why))
    for lease in list(package.open.values()):
        turn.state.end(lease, LeaseEnd.STOPPED)
        turn.say(lease.session, lease.package, lease.attempt, Say.STOP)


def last_result(state: State, package: Package) -> int:
    """The last attempt of a package that gave a result, whatever it was; 0: none did."""
    for attempt in range(package.row.attempt, package.row.since, -1):
        lease = state.leases.get((package.row.name, attempt))
        if lease is not None and not lease.test and lease.judgement:
            return attempt
    return 0


# ---------------------------------------------------------------- the two lists


def compare(turn: Turn, session: Session, holding: Iterable[Held]) -> None:
    """Answer each package that a worker holds."""
    turn.answer(session.row.session)
    for held in holding:
        what = _answer(turn.state, session, held)
        turn.say(session.row.session, held.package, held.attempt, what)


def _answer(state: State, session: Session, held: Held) -> Say:
    lease = state.leases.get((held.package, held.attempt))
    if lease is None or lease.key != session.row.key:
        return Say.STOP
    if lease.session != session.row.session:
        state.move(lease, session.row.session)
    if lease.ended is LeaseEnd.RETURNED:
        return Say.RECEIPT if held.state is HeldState.FINISHED else Say.STOP
    if held.state is HeldState.FINISHED:
        return _answer_finished(state, lease)
    package = state.packages.get(held.package)
    said = _STATE_OF[held.state]
    running = held.state is not HeldState.WAITING
    if running and lease.ended is LeaseEnd.LAPSED and package is not None:
        state.take_back_loss(package, lease)
    if not lease.test and (package is None or package.row.state):
        return Say.STOP
    if not lease.ended:
        return _renew(state, lease, said)
    waits = held.package in state.waiting
    if lease.ended in (LeaseEnd.LAPSED, LeaseEnd.GONE) and (running or waits):
        lease.until, lease.state, lease.asked = lease_until(state), said, False
        state.reopen(lease)
        return Say.GO_ON
    return Say.STOP


def _answer_finished(state: State, lease: LeaseRow) -> Say:
    if lease.state is not LeaseState.RETURNING:
        return Say.SEND_AGAIN
    lease.until = max(lease.until, lease_until(state))
    return Say.GO_ON  # its result is here, and some of its files are still on the road


def _renew(state: State, lease: LeaseRow, said: LeaseState) -> Say:
    lease.until = max(lease.until, lease_until(state))
    if lease.state is LeaseState.RETURNING:
        return Say.GO_ON
    if said is not lease.state:
        lease.state = said
        state.touch(lease)
    if said is LeaseState.WAITING:
        return Say.GIVE_BACK if lease.asked else Say.GO_ON
    state.ask_back(lease, asked=False)
    return Say.GO_ON
