"""Step 8: what a judgement means for a package, for its PC, and for the ability test.

A failure counts against its package. It counts against the PC only when another PC gets the same
package accepted, or when the result is malformed. After three of these, or five failures in a
row, the PC gets the ability test again; only a failed test dismisses it, for this job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobman_agent.employer.session.events import Judge
from jobman_agent.employer.session.leases import end_package, give_up
from jobman_agent.employer.session.records import Judgement, LeaseRow, PackageEnd
from jobman_agent.model.messages import Goodbye

if TYPE_CHECKING:
    from jobman_agent.employer.session.events import Judged, Unreadable
    from jobman_agent.employer.session.live import Package
    from jobman_agent.employer.session.turn import Turn

RETEST_AFTER_AGAINST = 3
RETEST_AFTER_IN_A_ROW = 5
TEST_HOLDS_SECONDS = 86_400.0
"""A key that passed the test needs none for a day."""


def judge_next(turn: Turn, lease: LeaseRow) -> None:
    """Have a pending result judged, once no other result of its package is being judged."""
    package = None if lease.test else turn.state.packages.get(lease.package)
    if package is None or package.pending[0] is lease:
        turn.do(Judge(lease.package, lease.attempt, lease.test))


def judge_all_pending(turn: Turn) -> None:
    """After a start: what waits to be judged."""
    state = turn.state
    if not state.unjudged:
        return
    for lease in state.leases.values():
        if lease.judgement is Judgement.PENDING:
            judge_next(turn, lease)


def judged(turn: Turn, event: Judged) -> None:
    """A result was judged."""
    state = turn.state
    lease = state.leases.get((event.package, event.attempt))
    if lease is None or lease.judgement is not Judgement.PENDING:
        return
    package = state.packages.get(lease.package)
    if lease.test:
        _judged_test(turn, lease, event)
    elif package is None or package.row.state:
        state.set_judged(lease, Judgement.DROPPED, event.why)
    else:
        _judged_package(turn, package, lease, event)
    if package is not None and package.pending and not lease.test:
        if package.row.state:
            for second in list(package.pending):
                state.set_judged(second, Judgement.DROPPED, "")
        else:
            judge_next(turn, package.pending[0])


def unreadable(turn: Turn, event: Unreadable) -> None:
    """The package's own files cannot be read: no PC can run it."""
    state = turn.state
    package = state.packages.get(event.package)
    if package is None or package.row.state:
        return
    end_package(turn, package, PackageEnd.FAILED, event.why)


def needs_test(turn: Turn, key: str) -> bool:
    """Whether a key must pass the ability test before it gets work."""
    state = turn.state
    if not state.plan.test:
        return False
    row = state.keys.get(key)
    if row is None or row.retest:
        return True
    return state.now.wall - row.tested_at > TEST_HOLDS_SECONDS


def failure_in_a_row(turn: Turn, key: str) -> None:
    """A PC failed once more; after five in a row it is tested again."""
    row = turn.state.key(key)
    row.in_a_row += 1
    if row.in_a_row >= RETEST_AFTER_IN_A_ROW:
        row.in_a_row, row.retest = 0, True
    turn.state.touch(row)


def _against(turn: Turn, key: str) -> None:
    row = turn.state.key(key)
    row.against += 1
    if row.against >= RETEST_AFTER_AGAINST:
        row.against, row.retest = 0, True
    turn.state.touch(row)


def _judged_test(turn: Turn, lease: LeaseRow, event: Judged) -> None:
    state = turn.state
    state.set_judged(lease, event.judgement, event.why)
    row = state.key(lease.key)
    row.retest = False
    worker = state.sessions[lease.session].row.worker
    if event.judgement is Judgement.ACCEPTED:
        row.tested_at = state.now.wall
        turn.tell(f"{worker} passed the ability test", step=8)
    else:
        row.dismissed = event.why or "the ability test failed"
        turn.tell(f"{worker} is dismissed for this job: the ability test failed: {event.why}")
        for session in state.sessions.values():
            if session.row.key == lease.key and not session.row.leaving:
                turn.send_bye(session, Goodbye.DISMISSED, row.dismissed)
    state.touch(row)


def _accepted(turn: Turn, package: Package, lease: LeaseRow) -> None:
    state = turn.state
    package.row.accepted = lease.attempt
    # The package ends first, or it would wait for a moment.
    end_package(turn, package, PackageEnd.ACCEPTED, "")
    state.set_judged(lease, Judgement.ACCEPTED, "")
    state.learn_length(lease)
    state.sessions[lease.session].accepted += 1
    own = state.key(lease.key)
    if own.in_a_row:
        own.in_a_row = 0
        state.touch(own)
    for other in package.row.tried:
        if other != lease.key:
            _against(turn, other)
    turn.tell(f"{package.row.name} accepted", step=8)


def _judged_package(turn: Turn, package: Package, lease: LeaseRow, event: Judged) -> None:
    state, row = turn.state, package.row
    if event.judgement is Judgement.ACCEPTED:
        _accepted(turn, package, lease)
        return
    if event.judgement is Judgement.WRONG:
        row.wrong += 1
    else:
        row.failed += 1
    if lease.key not in row.tried:
        row.tried = (*row.tried, lease.key)
    row.retry_at, row.why = state.now.wall, event.why
    if row.failed + row.wrong >= state.plan.attempts and not row.spent:
        most = state.plan.attempts
        many = f"{most} attempts are" if most > 1 else "its 1 attempt is"
        row.spent = f"{many} spent; the last: {event.why}"
    state.touch(row)
    failure_in_a_row(turn, lease.key)
    if event.judgement is Judgement.MALFORMED:
        _against(turn, lease.key)
    state.set_judged(lease, event.judgement, event.why)
    turn.tell(f"{row.name} not accepted: {event.why}", step=8)
    give_up(turn, package)
