"""Step 7: results come in, late ones too; each counts once, and only from its lease's key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobman_agent.employer.session.events import Fetch
from jobman_agent.employer.session.judging import failure_in_a_row, judge_next
from jobman_agent.employer.session.leases import end_lease, give_up, lease_until
from jobman_agent.employer.session.records import Judgement, LeaseEnd, LeaseRow, LeaseState
from jobman_agent.employer.session.turn import counted
from jobman_agent.model.messages import Outcome, Result, Results, Say

if TYPE_CHECKING:
    from jobman_agent.employer.session.events import FilesComplete, Received
    from jobman_agent.employer.session.live import Package, Session
    from jobman_agent.employer.session.state import State
    from jobman_agent.employer.session.turn import Turn

MAX_REFUSALS = 10
"""A package that so many PCs refused, in all, is failed: it would go round for ever."""


def receive_results(turn: Turn, session: Session, event: Received, message: Results) -> bool:
    """Take in a list of results; those that are complete get their receipt in this step.

    Returns whether something came back that had been asked for, on behalf of another session.
    """
    state = turn.state
    session.heard = state.now.steady
    taken, given_back = 0, False
    for result in message.results:
        lease = state.leases.get((result.package, result.attempt))
        if lease is None or lease.key != event.key:
            state.junk += 1
            continue
        taken += 1
        given_back = given_back or (lease.asked and result.outcome is Outcome.HANDED_BACK)
        if lease.session != session.row.session:
            state.move(lease, session.row.session)
        if lease.ended is LeaseEnd.RETURNED:
            turn.say(lease.session, lease.package, lease.attempt, Say.RECEIPT)
        elif (result.package, result.attempt) in event.missing:
            _await_files(turn, lease, result)
        else:
            _measure_refill(session, lease, result, state)
            _complete(turn, session, lease, result)
    if taken:
        turn.tell(f"{counted(taken, 'result')} from {session.row.worker}", step=7)
    return given_back


def files_complete(turn: Turn, event: FilesComplete) -> None:
    """The last file of a result has arrived."""
    lease = turn.state.leases.get((event.package, event.attempt))
    if lease is None or lease.ended is LeaseEnd.RETURNED:
        return
    session = turn.state.sessions[lease.session]
    turn.answer(lease.session)
    _complete(turn, session, lease, event.result)


def fetch_again(turn: Turn) -> None:
    """After a start or a reconnect: ask anew for the files of the results that lack some."""
    for session in turn.state.sessions.values():
        for lease in session.open.values():
            if lease.state is LeaseState.RETURNING:
                turn.do(Fetch(lease.session, lease.package, lease.attempt))


def _await_files(turn: Turn, lease: LeaseRow, result: Result) -> None:
    if lease.state is not LeaseState.RETURNING:
        lease.state = LeaseState.RETURNING
        lease.outcome, lease.seconds = result.outcome, result.seconds
        lease.ended_at = turn.state.now.wall
    lease.until = max(lease.until, lease_until(turn.state))
    turn.state.touch(lease)
    turn.do(Fetch(lease.session, lease.package, lease.attempt))


def _complete(turn: Turn, session: Session, lease: LeaseRow, result: Result) -> None:
    state = turn.state
    package = None if lease.test else state.packages.get(lease.package)
    if lease.ended is LeaseEnd.LAPSED and package is not None:
        state.take_back_loss(package, lease)
    lease.outcome, lease.seconds, lease.why = result.outcome, result.seconds, result.why
    lease.ended_at = state.now.wall
    state.learn_length(lease)
    asked = lease.asked
    if result.outcome in (Outcome.HANDED_BACK, Outcome.LOST, Outcome.REFUSED):
        # What is noted first decides where the package waits once its lease has ended.
        _came_back(turn, lease, package, result)
        end_returned(turn, lease)
        if result.outcome is Outcome.HANDED_BACK and not asked:
            session.paused = True  # until a beat says that it has slots again
    else:
        _to_be_judged(turn, lease, package)
    turn.say(lease.session, lease.package, lease.attempt, Say.RECEIPT)


def end_returned(turn: Turn, lease: LeaseRow) -> None:
    """A lease ends with its result; one that had been stopped as well."""
    if lease.ended in (LeaseEnd.STOPPED, LeaseEnd.GONE):
        lease.ended = LeaseEnd.RETURNED
        turn.state.touch(lease)
    else:
        end_lease(turn, lease, LeaseEnd.RETURNED)


def _to_be_judged(turn: Turn, lease: LeaseRow, package: Package | None) -> None:
    state = turn.state
    outdated = package is not None and lease.attempt <= package.row.since
    if not lease.test and (package is None or package.row.state or outdated):
        lease.judgement = Judgement.DROPPED
        end_returned(turn, lease)
        return
    # Pending before its lease ends, or the package would wait for a moment.
    state.set_pending(lease)
    end_returned(turn, lease)
    judge_next(turn, lease)


def _came_back(turn: Turn, lease: LeaseRow, package: Package | None, result: Result) -> None:
    state = turn.state
    if lease.test:
        if result.outcome is Outcome.REFUSED:
            state.set_pending(lease)
            judge_next(turn, lease)
        return
    if package is None or package.row.state or lease.attempt <= package.row.since:
        return
    row = package.row
    state.touch(row)
    if result.outcome is Outcome.HANDED_BACK:
        row.interrupted += result.seconds > 0
        if result.checkpoint:
            row.checkpoint = result.checkpoint
        return
    row.retry_at = state.now.wall
    if result.outcome is Outcome.LOST:
        state.note_lost(package, lease)
        return
    row.refused += 1
    row.tried = _with(row.tried, lease.key)
    failure_in_a_row(turn, lease.key)
    if row.refused >= MAX_REFUSALS and not row.spent:
        row.spent = f"refused by {row.refused} PCs: {result.why}"
    state.place(package)
    give_up(turn, package)


def _with(keys: tuple[str, ...], key: str) -> tuple[str, ...]:
    return keys if key in keys else (*keys, key)


def _measure_refill(session: Session, lease: LeaseRow, result: Result, state: State) -> None:
    """Learn how long the road takes, from packages that had nothing before them."""
    if len(session.open) > session.row.slots or result.outcome is not Outcome.DONE:
        return
    taken = max(0.0, state.now.wall - lease.handed_at - result.seconds)
    session.refill = taken if not session.refill else 0.7 * session.refill + 0.3 * taken
