"""Step 5: what goes to whom. Longest first, within each session's window; spares and stragglers.

Rules that hold here (PROTOCOL 3.3, *Window*, and 3.4):
1. A worker is kept supplied: twice the time that the road takes, at least 1 s of work per slot;
   of long packages one per slot and one spare; nothing that cannot end before it must leave.
2. When a slot is free and nothing waits that fits there, an unstarted spare that does is asked back
   from another session, and goes to that slot. Then come second copies of stragglers.
3. Nothing goes to a session that left, is paused or silent, or whose key must pass the test first.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from jobman_agent.employer.session.events import Assignment, Hand
from jobman_agent.employer.session.fitting import most_weight
from jobman_agent.employer.session.judging import needs_test
from jobman_agent.employer.session.leases import lease_until
from jobman_agent.employer.session.live import LEASE_SECONDS, Package, Session
from jobman_agent.employer.session.records import LeaseRow, LeaseState
from jobman_agent.employer.session.testing import draw_test_name
from jobman_agent.employer.session.turn import counted
from jobman_agent.model.messages import Say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobman_agent.employer.session.state import State
    from jobman_agent.employer.session.turn import Turn

MAX_WINDOW = 4096
MAX_WINDOW_BYTES = 64 << 20
WORK_SECONDS = 1.0
"""So much work at least each slot of a worker has before it."""
MAX_WORK_SECONDS = 30.0
REFILL_PART = 4
"""A window is filled again when this part of it is free; of long packages, at once."""
OTHERS_FIRST_SECONDS = 60.0
OTHERS_ONLY_SECONDS = 3600.0
"""So long at most a package waits for a PC that has not tried it, while one is in session."""
ASK_BACK_AGAIN_SECONDS = 20.0
STRAGGLER_FACTOR = 3.0


class Filling:
    """One round of handing out; what it had to look up is looked up once."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.state: State = turn.state
        self._live_keys: set[str] | None = None
        self._donors: list[Session] | None = None

    def fill(self, first: Session | None, everybody: bool) -> None:
        """Give packages to whoever can take some.

        Args:
            first: The session whose message this is an answer to.
            everybody: Look at all sessions (a tick); else at the others only if need be.
        """
        state, road = self.state, self.state.road
        if road.stands or road.withdrawn or not state.left:
            return
        if first is not None:
            self._fill_session(first, rebalance=True)
        if everybody or (state.waiting_grew and state.waiting):
            state.waiting_grew = False
            for session in self._shuffled():
                if session is not first or everybody:
                    self._fill_session(session, rebalance=everybody)

    def _shuffled(self) -> list[Session]:
        sessions = [one for one in self.state.sessions.values() if may_get(self.state, one)]
        for i in range(len(sessions) - 1, 0, -1):
            j = self.turn.chance.randrange(i + 1)
            sessions[i], sessions[j] = sessions[j], sessions[i]
        # Free slots before spares: what one gave back for another goes to that one.
        sessions.sort(key=lambda one: len(one.open) >= one.row.slots)
        return sessions

    # ---- one session
    def _fill_session(self, session: Session, *, rebalance: bool) -> None:
        state = self.state
        if not may_get(state, session):
            return
        if needs_test(self.turn, session.row.key):
            self._hand_test(session)
            return
        given: list[Assignment] = []
        most = window(state, session)
        room = most - len(session.open)
        if room < most // REFILL_PART:
            return  # many small packages: wait until a whole list can go out
        size = sum_of_sizes(state, session)
        while room > 0 and size < MAX_WINDOW_BYTES and not self._holds_suspect(session):
            if self._at_once_reached():
                break
            package = self._choose(session)
            if package is None:
                break
            given.append(self._lease(session, package))
            room -= 1
            size += package.size
        if given:
            self._hand(session, given)
        elif rebalance and self._nothing_waits_for(session):
            self._rebalance(session)

    def _hand_test(self, session: Session) -> None:
        if session.open or session.tests_unjudged or self._at_once_reached():
            return
        name = draw_test_name(self.state, self.turn.chance)
        lease = self._new_lease(session, name, attempt=1, test=True)
        self._hand(session, [Assignment(name, lease.attempt, True, ())])

    def _hand(self, session: Session, given: list[Assignment]) -> None:
        row = session.row
        self.turn.do(Hand(row.session, row.work_box, tuple(given)))
        self.turn.tell(f"{counted(len(given), 'package')} to {row.worker}", step=5)

    def _lease(self, session: Session, package: Package) -> Assignment:
        package.row.attempt += 1
        self.state.touch(package.row)
        name = package.row.name
        lease = self._new_lease(session, name, package.row.attempt, test=False)
        return Assignment(name, lease.attempt, False, package.row.checkpoint)

    def _new_lease(self, session: Session, name: str, attempt: int, *, test: bool) -> LeaseRow:
        state = self.state
        lease = LeaseRow(
            package=name,
            attempt=attempt,
            key=session.row.key,
            session=session.row.session,
            handed_at=state.now.wall,
            until=lease_until(state),
            test=test,
        )
        state.add_lease(lease)
        return lease

    # ---- the next package
    def _choose(self, session: Session) -> Package | None:
        state, key = self.state, session.row.key
        best: tuple[float, int, Package] | None = None
        for shelf, weight, name in state.waiting.longest(most_weight(state, session)):
            if shelf.alone and session.open:
                continue
            package = state.packages[name]
            if key in shelf.avoid and not self._must_repeat(package, shelf.avoid):
                continue
            if best is None or (weight, -package.order) > best[:2]:
                best = (weight, -package.order, package)
        return best[2] if best else None

    def _must_repeat(self, package: Package, avoid: frozenset[str]) -> bool:
        """Whether a package goes to a PC that tried it, because no other came for it."""
        waited = self.state.now.wall - package.row.retry_at
        if waited < OTHERS_FIRST_SECONDS:
            return False
        return waited >= OTHERS_ONLY_SECONDS or not (self._keys_in_session() - avoid)

    def _keys_in_session(self) -> set[str]:
        if self._live_keys is None:
            sessions = self.state.sessions.values()
            self._live_keys = {s.row.key for s in sessions if may_get(self.state, s)}
        return self._live_keys

    def _holds_suspect(self, session: Session) -> bool:
        state = self.state
        if not state.suspects:
            return False
        names = (lease.package for lease in session.open.values() if not lease.test)
        return any((p := state.packages.get(n)) is not None and p.suspect for n in names)

    def _at_once_reached(self) -> bool:
        state = self.state
        at_once = state.plan.at_once
        return bool(at_once) and state.open_leases + len(state.ghosts) >= (at_once or 0)

    # ---- spares and stragglers
    def _rebalance(self, session: Session) -> None:
        free = session.row.slots - len(session.open)
        if free <= 0:
            return
        now = self.state.now.steady
        if now - session.asked_for >= ASK_BACK_AGAIN_SECONDS and self._ask_back(session, free):
            session.asked_for = now
            return
        self._second_copy(session)

    def _nothing_waits_for(self, session: Session) -> bool:
        waiting = self.state.waiting
        return not waiting or most_weight(self.state, session) < waiting.lightest()

    def _ask_back(self, session: Session, free: int) -> bool:
        """Ask the session with the most spares for some of them, of those that fit here."""
        most = most_weight(self.state, session)
        best: Session | None = None
        found: list[LeaseRow] = []
        for donor in self._donor_list():
            if donor is session or (best is not None and spares(donor) <= spares(best)):
                continue
            fitting = [one for one in donor.open.values() if self._could_move(one, most)]
            if fitting:
                best, found = donor, fitting
        if best is None:
            return False
        usual = self.state.usual()
        few = usual is None or usual >= WORK_SECONDS
        wanted = free if few else max(free, spares(best) // 2)
        asked = found[::-1][: min(wanted, spares(best))]
        for lease in asked:
            self.state.ask_back(lease, asked=True)
            self.turn.say(lease.session, lease.package, lease.attempt, Say.GIVE_BACK)
        self._donors = None
        return True

    def _could_move(self, lease: LeaseRow, most: float) -> bool:
        package = self.state.packages.get(lease.package)
        return _is_spare(lease) and package is not None and package.weight <= most

    def _donor_list(self) -> list[Session]:
        if self._donors is None:
            sessions = self.state.sessions.values()
            self._donors = [s for s in sessions if len(s.open) > s.row.slots and spares(s) > 0]
        return self._donors

    def _second_copy(self, session: Session) -> None:
        """Lease a straggler to this session as well."""
        state = self.state
        if self._at_once_reached():
            return
        most = most_weight(state, session)
        for lease in stragglers(state):
            package = state.packages[lease.package]
            if lease.key == session.row.key or package.weight > most:
                continue
            if package.suspect or self._holds_suspect(session):
                continue  # it may well end the next PC too: one at a time
            self.turn.tell(f"{lease.package} takes long: a second copy goes out")
            self._hand(session, [self._lease(session, package)])
            return


# ---------------------------------------------------------------- what may be


def is_live(state: State, session: Session) -> bool:
    """Whether a session is there to work: it was heard of within a lease."""
    row = session.row
    if row.leaving or row.gone:
        return False
    return state.now.steady - session.heard < LEASE_SECONDS


def may_get(state: State, session: Session) -> bool:
    """Whether a session may get packages at all."""
    return is_live(state, session) and not session.paused and session.row.slots > 0


def window(state: State, session: Session) -> int:
    """How many leases a session may have open at a time."""
    slots = session.row.slots
    usual = state.usual()
    if usual is None:
        return slots + 1
    seconds = min(max(WORK_SECONDS, 2 * session.refill), MAX_WORK_SECONDS)
    return min(MAX_WINDOW, max(slots + 1, math.ceil(slots * seconds / max(usual, 1e-3))))


def sum_of_sizes(state: State, session: Session) -> int:
    """Bytes of the packages that a session holds, where their sizes are known."""
    if not any(spec.size for spec in state.plan.packages[:1]):
        return 0
    packages = (state.packages.get(one.package) for one in session.open.values() if not one.test)
    return sum(package.size for package in packages if package is not None)


def spares(session: Session) -> int:
    """How many of its packages a session could give back, as far as is known."""
    if len(session.open) <= session.row.slots:
        return 0
    idle = sum(_is_spare(lease) for lease in session.open.values())
    asked = sum(lease.asked for lease in session.open.values())
    return min(idle, len(session.open) - session.row.slots - asked)


def _is_spare(lease: LeaseRow) -> bool:
    unstarted = lease.state in (LeaseState.SENT, LeaseState.WAITING)
    return unstarted and not lease.asked and not lease.test


def stragglers(state: State) -> Iterable[LeaseRow]:
    """Leases that take three times as long as usual, while nothing waits; oldest first."""
    usual = state.lengths.usual_turnaround()
    if state.waiting or usual is None:
        return
    before = state.now.wall - STRAGGLER_FACTOR * usual
    for lease in list(state.singles.values()):
        if lease.handed_at >= before:
            break
        package = state.packages[lease.package]
        if not package.pending and not package.row.spent and not package.row.state:
            yield lease


def due_stragglers(state: State) -> int:
    """How many second copies could go out now."""
    return sum(1 for _ in stragglers(state))
