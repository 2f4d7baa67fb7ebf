"""The session core of a worker: events in, actions out. Pure: no clock, no chance, no I/O.

`Core.step` is told what happened and says what to do; `actions` has the rules for doing it. All
that must outlive the process is in the actions of class `Save`, so that a core that is `Started`
from what they left goes on where the last one was, whenever that one was killed.

The parts: `hiring` (scan, choose, ask), `sessions` (answer to bye), `packages` (take, start,
finish, send back), `beats` (what is held, and when to say so), `offers` (which one), on top of
`state`. Every rule is one of PROTOCOL 3.3 and 3.4 (docs/protocol.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from jobman_agent.model.messages import Goodbye, Outcome
from jobman_agent.worker.session import actions as do
from jobman_agent.worker.session import beats, events, hiring, packages, results, sessions
from jobman_agent.worker.session.rows import Stage, Standing
from jobman_agent.worker.session.state import LEASE_S, State

if TYPE_CHECKING:
    from jobman_agent.worker.session.actions import Action
    from jobman_agent.worker.session.chance import Chance
    from jobman_agent.worker.session.events import Event
    from jobman_agent.worker.session.holdings import PC

TICK_S = 1.0
LEAVE_S = 20.0
"""After so long of leaving we go, whatever is left."""
JUNK_S = 60.0
_DONE = frozenset((Outcome.DONE, Outcome.FAILED, Outcome.TIMED_OUT))


@dataclass(frozen=True, slots=True)
class Holding:
    """One package, for a display."""

    name: str
    employer: str
    state: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a worker does now, for a display."""

    state: str
    """``waiting for the pool``, ``seeking``, ``asked``, ``working``, ``suspended``, ``leaving``."""
    connected: bool
    employer: str | None
    running: tuple[Holding, ...]
    waiting: int
    unreceipted: int
    """Finished packages without a receipt."""
    done: int
    """Packages that have run to their end since this process came up, well or not."""
    usual_s: float | None = None
    """What one package usually takes, where that is known."""


class Core:
    """One worker's side of all its sessions. Not safe for threads; one owner steps it."""

    def __init__(self, pc: PC, rng: Chance) -> None:
        self._state = State(pc, rng)
        self._started = False
        self._leave_since = 0.0
        self._hurry = False
        self._exiting = False
        self._frozen_back = False
        self._idle_since = 0.0
        self._junk: dict[str, int] = {}
        self._junk_told = -JUNK_S
        self._done = 0

    def step(self, now: float, *happened: Event, wall: float | None = None) -> list[Action]:
        """Take events in the order in which they happened; return what is to be done.

        Args:
            now: Seconds of a steady clock that also goes on, roughly, while the process is dead
                (seconds since 1970 that never go back serve well).
            happened: What happened; none is the same as `Tick`.
            wall: Seconds since 1970 by the wall clock; `now`, if left out.
        """
        state = self._state
        state.now = max(now, state.now)
        state.wall = state.now if wall is None else wall
        for event in happened:
            self._take(event)
        self._settle()
        return state.collect()

    def due(self) -> float:
        """When the next step is wanted, if nothing happens before."""
        state = self._state
        due = state.now + TICK_S
        for session in state.sessions.values():
            if session.results:
                due = min(due, session.results_since + results.LINGER_S)
        seeking = state.seeking
        searching = state.boxes is not None and state.current is None and not seeking.scanning
        if searching and seeking.due > state.now:
            due = min(due, seeking.due)
        return due

    def believes(self, session: str, key: str) -> bool:
        """Whether a session is alive and this key is the one that we obey in it."""
        found = self._state.sessions.get(session)
        return found is not None and found.live and found.key == key

    def next_pair(self) -> tuple[int, int]:
        """(start, count) for a `need` that the shell sends by itself."""
        return self._state.next_pair()

    def address(self, session: str) -> tuple[str, str] | None:
        """The offer and the result box of a live session, for what the shell sends by itself."""
        found = self._state.sessions.get(session)
        return None if found is None or not found.live else (found.offer, found.result_box)

    def held(self) -> int:
        """How many packages are held and not finished."""
        return sum(s.unstarted + s.begun for s in self._state.sessions.values())

    def stock_s(self) -> float:
        """For how many seconds there is work here that has not begun, as far as is known."""
        state = self._state
        waiting = sum(s.unstarted for s in state.sessions.values() if s.live)
        return waiting * (state.usual_s or 1.0) / packages.slots(state)

    # ---- events
    def _take(self, event: Event) -> None:
        state = self._state
        match event:
            case events.Started(loaded):
                self._started, self._idle_since = True, state.now
                sessions.load(state, loaded)
            case events.Connected(boxes):
                state.boxes = boxes
                state.seeking.restart(state.now)
                sessions.connect(state)
            case events.Disconnected():
                state.seeking.scanning = False
                sessions.disconnect(state)
            case events.OffersSeen(offers):
                hiring.offers_seen(state, offers)
            case events.Received():
                if not sessions.received(state, event):
                    self._count_junk("a message from whom we do not obey", 1)
            case events.Junk(what, count):
                self._count_junk(what, count)
            case events.OtherVersion(box, signer):
                self._count_junk("a message of another version", 1)
                sessions.refuse_version(state, box, signer)
            case events.Sent() | events.Unconfirmed() | events.Undeliverable():
                self._take_fate(event)
            case _:
                self._take_local(event)

    def _take_fate(self, event: events.Sent | events.Unconfirmed | events.Undeliverable) -> None:
        state = self._state
        errand = state.in_flight.pop(event.number, None)
        if errand is None:
            return
        if errand.batch is not None:
            errand.batch.under_way = False
        match event:
            case events.Sent(number):
                sessions.sent(state, errand, number)
            case events.Undeliverable() if errand.kind == "ask":
                hiring.ask_box_gone(state, errand.session)
            case events.Undeliverable():
                sessions.box_missing(state, errand)
            case events.Unconfirmed() if errand.batch is not None:
                results.not_confirmed(state, errand.batch)
            case events.Unconfirmed():
                pass  # the next beat, or its answer, makes up for it

    def _take_local(self, event: events.Local) -> None:
        state = self._state
        match event:
            case events.RunStarted(run):
                packages.run_started(state, run)
            case events.RunEnded():
                self._done += event.result.outcome in _DONE
                packages.run_ended(state, event)
                hiring.package_ended(state)
            case events.FilesCame(sha256s):
                packages.files_came(state, sha256s)
            case events.FilesFailed(sha256s, why):
                packages.files_failed(state, sha256s, why)
            case events.Woke():
                sessions.hush(state)
            case events.Willing(until):
                state.willing_until = until
            case events.Freeze() | events.Thaw() | events.Leave() | events.Starts():
                self._owner(event)
            case events.Tick():
                pass  # what is due by time alone is looked at after every step
            case _ as never:
                assert_never(never)

    def _owner(self, event: events.Freeze | events.Thaw | events.Leave | events.Starts) -> None:
        state = self._state
        match event:
            case events.Freeze():
                if state.frozen_at is None:
                    state.frozen_at, self._frozen_back = state.now, False
                    state.out.append(do.Suspend())
                    beats.wanted(state)
            case events.Thaw():
                if state.frozen_at is not None:
                    state.frozen_at = None
                    state.out.append(do.Resume())
                    beats.wanted(state)
            case events.Starts(allowed):
                if allowed is not state.starts_allowed:
                    state.starts_allowed = allowed
                    beats.wanted(state)
                    if not allowed:
                        packages.hand_back(state, packages.NOT_NOW)
            case events.Leave(why, at_once, grace):
                self._leave(why, at_once=at_once, grace=grace)

    def _leave(self, why: str, *, at_once: bool, grace: bool = True) -> None:
        state = self._state
        if state.leaving is None:
            state.leaving, self._leave_since = why, state.now
            state.tell(f"leaving: {why}")
        elif (grace and not at_once) or self._hurry:
            return
        self._hurry = at_once
        packages.hand_back(state, why)
        for item in list(state.runs.values()):
            packages.kill(state, item, why, at_once=at_once or not grace)

    def _count_junk(self, what: str, count: int) -> None:
        self._junk[what] = self._junk.get(what, 0) + count

    # ---- what follows
    def _settle(self) -> None:
        state = self._state
        if not self._started:
            return
        self._watch_owner()
        self._leave_if_idle()
        sessions.watch(state)
        hiring.watch(state)
        results.keep_results(state)
        packages.start_some(state)
        beats.send_due(state)
        results.publish(state)
        hiring.scan_if_due(state)
        self._tell_junk()
        self._exit_if_done()

    def _watch_owner(self) -> None:
        state = self._state
        frozen = state.frozen_at
        late = frozen is not None and state.now - frozen > packages.FROZEN_BACK_S
        if late and not self._frozen_back:
            self._frozen_back = True
            packages.hand_back(state, "the owner of the PC is back")

    def _tell_junk(self) -> None:
        if self._junk and self._state.now - self._junk_told >= JUNK_S:
            listed = "; ".join(f"{count} times {what}" for what, count in self._junk.items())
            self._state.tell(f"dropped in the last minute: {listed}", warning=True)
            self._junk, self._junk_told = {}, self._state.now

    def _leave_if_idle(self) -> None:
        state, most = self._state, self._state.pc.idle_exit_s
        if state.current is not None or state.runs or self._is_awaited():
            self._idle_since = state.now
        elif most is not None and state.leaving is None and state.now - self._idle_since >= most:
            self._leave(f"nothing to do for {most:.0f} s", at_once=False)

    def _is_awaited(self) -> bool:
        """Whether an employer who is there may still want something of our results."""
        state = self._state
        return any(
            session.live and session.items and state.now - session.answered < LEASE_S
            for session in state.sessions.values()
        )

    def _exit_if_done(self) -> None:
        state = self._state
        if state.leaving is None or self._exiting:
            return
        if not state.runs and state.current is not None:
            sessions.leave(state, state.current, Goodbye.LEAVING)
        late = state.now - self._leave_since > LEAVE_S
        busy = state.runs or (state.boxes is not None and state.in_flight)
        if late or self._hurry or not busy:
            self._exiting = True
            state.out.append(do.Exit(state.leaving))

    # ---- for a display
    def snapshot(self) -> Snapshot:
        """What this worker does now."""
        state = self._state
        running = tuple(
            Holding(item.package, item.session.name, "running", state.now - item.runs_since)
            for item in state.runs.values()
            if item.runs_since is not None
        )
        live = [s for s in state.sessions.values() if s.live]
        return Snapshot(
            state=self.word(),
            connected=state.boxes is not None,
            employer=state.current.name if state.current is not None else None,
            running=running,
            waiting=sum(s.unstarted for s in live),
            unreceipted=sum(s.counts[Stage.FINISHED] for s in live),
            done=self._done,
            usual_s=state.usual_s,
        )

    def word(self) -> str:
        """`Snapshot.state` alone."""
        state = self._state
        if state.leaving is not None:
            return "leaving"
        if state.frozen_at is not None:
            return "suspended"
        if state.boxes is None and not state.runs:
            return "waiting for the pool"
        if state.current is None and not state.runs:
            return "seeking"
        asked = state.current is not None and state.current.standing is Standing.ASKED
        return "asked" if asked and not state.runs else "working"
