"""The employer's session core: ``what the other says`` goes in, ``what to send and do`` comes out.

Pure: no asyncio, no files, no clock; chance is given. ``step`` takes one event and returns the
actions in their order; a ``Save`` comes first, and is committed before the others are performed.
The journal's rows alone are enough to build another core that goes on (PROTOCOL 3.3 and 3.4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from jobman_agent.employer.session import asking, judging, leases, returns
from jobman_agent.employer.session.events import (
    Action,
    Assignment,
    Blocked,
    BoxGone,
    Chance,
    Connected,
    Disconnected,
    Event,
    FilesComplete,
    Finish,
    Finished,
    Hand,
    JobPlan,
    Judged,
    Listen,
    Moment,
    OfferSeen,
    ReadOut,
    Received,
    RemoveBox,
    SendFailed,
    Settled,
    Started,
    Tick,
    Unblocked,
    Unreadable,
    Withdraw,
    WithdrawRequested,
)
from jobman_agent.employer.session.fitting import Fitting
from jobman_agent.employer.session.handing import Filling, is_live, may_get
from jobman_agent.employer.session.live import LEASE_SECONDS, LeaseId, Session
from jobman_agent.employer.session.offering import Offering
from jobman_agent.employer.session.records import Journalled, LeaseEnd, LeaseState
from jobman_agent.employer.session.state import State
from jobman_agent.employer.session.turn import Turn
from jobman_agent.model.messages import Ask, Beat, Bye, Chunk, Goodbye, Need, Refuse, Results

if TYPE_CHECKING:
    from jobman_agent.model.messages import Message

SEND_AGAIN_SECONDS = 20.0
END_AGAIN_SECONDS = 30.0
JUNK_SECONDS = 60.0


class Core:
    """One job of one employer.

    Args:
        plan: What the job folder says.
        journalled: What the journal holds; empty rows for a new job.
        chance: ``random.Random()``, or a seeded one in tests.
        now: When this process started.
    """

    def __init__(self, plan: JobPlan, journalled: Journalled, chance: Chance, now: Moment) -> None:
        self.state = State(plan, journalled, now)
        self.offering = Offering()
        self._fitting = Fitting()
        self._chance = chance
        self._count = 0
        self._ending_since: float | None = None
        self._junk_told, self._junk_told_at = 0, float("-inf")

    def step(self, event: Event, now: Moment) -> list[Action]:
        """What one event leads to, in the order in which it is to be done."""
        self.state.now = now
        turn = Turn(self.state, self._chance, self._count)
        self._dispatch(turn, event)
        actions = turn.actions()
        self._count = turn.count
        return actions

    def next_count(self) -> tuple[int, int]:
        """(start, count) for a numbered message that the shell sends by itself (``need``)."""
        self._count += 1
        return self.state.job.start, self._count

    def _dispatch(self, turn: Turn, event: Event) -> None:  # noqa: C901, PLR0912 - one table
        match event:
            case Started():
                self._started(turn)
            case Connected():
                self._connected(turn)
            case Disconnected():
                self._disconnected()
            case Settled():
                self._settled(turn)
            case Tick():
                self._tick(turn)
            case Blocked():
                self.state.road.blocked = True
            case Unblocked():
                self._unblocked(turn)
            case Received():
                self._received(turn, event)
            case FilesComplete():
                returns.files_complete(turn, event)
                self._go_on(turn, None)
            case Judged():
                self._judged(turn, event)
            case SendFailed():
                self._send_failed(turn, event)
            case BoxGone():
                self._box_gone(turn, event)
            case Unreadable():
                judging.unreadable(turn, event)
                self._go_on(turn, None)
            case OfferSeen():
                self.offering.seen(turn, event.stands)
            case WithdrawRequested():
                self.state.road.withdrawn = True
                self.offering.withdraw(turn)
            case Finished():
                self.state.job.ended = True
                self.state.touch(self.state.job)
            case _:
                assert_never(event)

    # ---- start and connection: one path for all
    def _started(self, turn: Turn) -> None:
        state = self.state
        state.job.start += 1
        if state.left:
            state.job.ended = False  # packages were added, or are to be done anew
        state.touch(state.job)
        for session in state.sessions.values():
            # Sent, perhaps, or committed and never sent: the worker drops what it has seen.
            sent = [k for k, one in session.open.items() if one.state is LeaseState.SENT]
            if sent:
                session.unconfirmed.append((-SEND_AGAIN_SECONDS, tuple(sent)))
        for package in state.packages.values():
            if package.row.spent:
                leases.give_up(turn, package)
        judging.judge_all_pending(turn)

    def _connected(self, turn: Turn) -> None:
        road = self.state.road
        road.connected, road.settling, road.blocked = True, True, False
        self._ending_since = None
        for session in self.state.sessions.values():
            if not session.row.deaf:
                turn.do(Listen(session.row.session, session.row.result_box))
        self.offering.post(turn)
        turn.do(ReadOut())

    def _disconnected(self) -> None:
        self.state.road.connected = False
        self.offering.disconnected()

    def _unblocked(self, turn: Turn) -> None:
        road = self.state.road
        if road.blocked:
            road.blocked, road.settling = False, True
            self.offering.post(turn)
            turn.do(ReadOut())

    def _settled(self, turn: Turn) -> None:
        state = self.state
        if not state.road.connected:
            return
        leases.advance_clock(state)
        state.road.settling = False
        leases.renew_all(state)
        for session in state.sessions.values():
            session.heard = max(session.heard, state.now.steady - LEASE_SECONDS / 2)
        returns.fetch_again(turn)
        self._send_again(turn, 0.0)
        self._go_on(turn, None, everybody=True)

    def _tick(self, turn: Turn) -> None:
        state, road = self.state, self.state.road
        gap = leases.advance_clock(state)
        if gap and road.connected:
            road.settling = True
            turn.do(ReadOut())
        state.workers = sum(is_live(state, session) for session in state.sessions.values())
        leases.lapse_old(turn)
        for key in [k for k, until in state.ghosts.items() if until <= state.now.wall]:
            del state.ghosts[key]
        if not road.stands:
            self._send_again(turn, SEND_AGAIN_SECONDS)
        self._go_on(turn, None, everybody=True)
        if not road.stands and not road.withdrawn:
            able = [one for one in state.sessions.values() if may_get(state, one)]
            self._fitting.tick(turn, able)
        self.offering.tick(turn)
        self._tell_junk(turn)

    def _tell_junk(self, turn: Turn) -> None:
        """At most once a minute, however much of it comes."""
        state = self.state
        now = state.now.steady
        if state.junk > self._junk_told and now - self._junk_told_at >= JUNK_SECONDS:
            new, self._junk_told, self._junk_told_at = state.junk - self._junk_told, state.junk, now
            what = "1 message" if new == 1 else f"{new} messages"
            turn.tell(f"dropped {what}: damaged, or signed by nobody who works for this job")

    # ---- messages
    def _received(self, turn: Turn, event: Received) -> None:
        message = event.message
        if isinstance(message, Ask):
            self._go_on(turn, asking.receive_ask(turn, event, message))
            return
        if isinstance(message, Refuse) and message.session is None:
            if message.offer == self.state.plan.offer:
                self.offering.refused(turn, event.key, message)
            return
        session = self._session_of(event.key, message)
        if session is None:
            self.state.junk += 1
            return
        match message:
            case Results():
                given_back = returns.receive_results(turn, session, event, message)
                self._go_on(turn, None if given_back else session)
                return
            case Beat():
                self._beat(turn, session, message)
            case Bye():
                session.row.leaving = True
                self.state.touch(session.row)
                turn.tell(f"{session.row.worker} leaves", step=7)
            case Refuse():
                # It refuses the work of this session by itself: by its version, or its rules.
                session.row.leaving = True
                self.state.touch(session.row)
                self.offering.refused(turn, event.key, message)
            case Need() | Chunk():
                session.heard = self.state.now.steady
                return
            case _:
                self.state.junk += 1
                return
        self._go_on(turn, session)

    def _session_of(self, key: str, message: Message) -> Session | None:
        session = self.state.sessions.get(getattr(message, "session", None) or "")
        if session is None or session.row.key != key:
            return None
        if getattr(message, "offer", "") != self.state.plan.offer:
            return None
        return session

    def _beat(self, turn: Turn, session: Session, beat: Beat) -> None:
        row = session.row
        if (beat.start, beat.count) <= (row.beat_start, row.beat_count):
            return
        row.beat_start, row.beat_count = beat.start, beat.count
        # A worker beats only where it has made its work box anew.
        row.gone = False
        session.heard, session.paused = self.state.now.steady, beat.slots == 0
        if beat.slots:
            row.slots = beat.slots
        self.state.touch(row)
        leases.compare(turn, session, beat.holding)

    # ---- judgements
    def _judged(self, turn: Turn, event: Judged) -> None:
        judging.judged(turn, event)
        lease = self.state.leases.get((event.package, event.attempt))
        test = lease is not None and lease.test
        self._go_on(turn, self.state.sessions.get(lease.session) if lease and test else None)

    # ---- sending that went wrong
    def _send_failed(self, turn: Turn, event: SendFailed) -> None:
        session = self.state.sessions.get(event.session)
        if session is None:
            return
        if not event.undeliverable:
            if event.packages:
                session.unconfirmed.append((self.state.now.steady, event.packages))
            return
        session.row.gone = True
        self.state.touch(session.row)
        for key in event.packages:
            lease = self.state.leases.get(key)
            if lease is not None and not lease.ended and lease.state is LeaseState.SENT:
                leases.end_lease(turn, lease, LeaseEnd.GONE)
        self._go_on(turn, None)

    def _send_again(self, turn: Turn, after: float) -> None:
        """Send once more what was not confirmed and is not known to have arrived."""
        now = self.state.now.steady
        for session in self.state.sessions.values():
            if not session.unconfirmed or session.row.gone:
                continue
            due = [keys for at, keys in session.unconfirmed if now - at >= after]
            session.unconfirmed = [one for one in session.unconfirmed if now - one[0] < after]
            packages = tuple(a for keys in due for a in self._still_sent(keys))
            if packages:
                turn.do(Hand(session.row.session, session.row.work_box, packages))

    def _still_sent(self, keys: tuple[LeaseId, ...]) -> list[Assignment]:
        found = []
        for key in keys:
            lease = self.state.leases.get(key)
            if lease is None or lease.ended or lease.state is not LeaseState.SENT:
                continue
            package = None if lease.test else self.state.packages.get(lease.package)
            checkpoint = package.row.checkpoint if package else ()
            found.append(Assignment(lease.package, lease.attempt, lease.test, checkpoint))
        return found

    def _box_gone(self, turn: Turn, event: BoxGone) -> None:
        session = self.state.sessions.get(event.session)
        if session is not None:
            session.row.deaf = True
            self.state.touch(session.row)

    # ---- going on, and the end
    def _go_on(self, turn: Turn, first: Session | None, *, everybody: bool = False) -> None:
        if self.state.left:
            Filling(turn).fill(first, everybody)
        else:
            self._finish(turn)

    def _finish(self, turn: Turn) -> None:
        """Complete the end of the job; done anew after a reconnect that came in between."""
        road = self.state.road
        now, since = self.state.now.steady, self._ending_since
        if self.state.job.ended or road.stands:
            return
        if since is not None and now - since < END_AGAIN_SECONDS:
            return
        self._ending_since = now
        for session in self.state.sessions.values():
            if not session.row.gone:
                turn.send_bye(session, Goodbye.JOB_DONE)
        for session in self.state.sessions.values():
            if not session.row.deaf:
                turn.do(RemoveBox(session.row.result_box))
        turn.do(Withdraw())
        turn.do(Finish())
        turn.tell(f"the job is done: {self.state.accepted} accepted, {self.state.failed} failed")
