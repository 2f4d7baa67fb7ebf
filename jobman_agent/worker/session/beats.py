"""Beats: what a worker says of all that it holds, and when. Pure; a part of the session core.

A beat goes out every third of a lease, when something has begun to run, when the pool is there
(again), after a wake-up, at freeze and thaw, and after a minute of having nothing to run. While
one is unanswered the next regular one comes after twice the time, up to an hour (PROTOCOL 3.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobman_agent.model.messages import Beat, Held, HeldState
from jobman_agent.worker.session.holdings import Errand
from jobman_agent.worker.session.rows import Stage, Standing
from jobman_agent.worker.session.state import LEASE_S

if TYPE_CHECKING:
    from jobman_agent.worker.session.holdings import Item, Session
    from jobman_agent.worker.session.state import State

BEAT_S = LEASE_S / 3
MOST_S = 3600.0
IDLE_S = 60.0
RUNS_S = 1.0
"""That a package runs is told at once, but of very short ones only of those that last so long."""
UNSURE_S = 30.0
"""So soon after a beat that was not confirmed no other follows a reconnect."""
HELD_MOST = 4000
"""Packages in one beat, so that it stays below the size of a message; more come in the next."""


def wanted(state: State) -> None:
    """Let every session beat now, whenever its last one was."""
    for session in state.sessions.values():
        session.beats.due = True


def reconnected(state: State) -> None:
    """Beat, unless a beat of a short while ago still lies unread where the employer will find it.

    Without this, a connection that comes and goes would fill the box of an employer who is away.
    Where nothing may start without an answer, each connection is worth a beat.
    """
    for session in state.sessions.values():
        beats = session.beats
        fresh = BEAT_S if beats.confirmed else UNSURE_S
        asks = session.mute_until is not None or beats.unread is None
        if asks or _since(state, session) >= fresh:
            beats.due = True


def send_due(state: State) -> None:
    """Send the beats that are due."""
    if state.boxes is None:
        return
    told = {item.session for item in state.untold if _worth_telling(state, item)}
    for session in state.sessions.values():
        if not session.live or session.boxless:
            continue
        if not session.items and session is not state.current:
            continue
        regular = session.beats.last is None or _since(state, session) >= session.beats.wait
        if regular or session.beats.due or session in told or _idle(state, session):
            _send(state, session, regular=regular)


def _since(state: State, session: Session) -> float:
    last = session.beats.last
    return state.now - last if last is not None else MOST_S


def _worth_telling(state: State, item: Item) -> bool:
    """Whether a package that runs is to be told now; its loss counts only if it was told."""
    if item.runs_since is None or _since(state, item.session) < RUNS_S:
        return False
    short = state.usual_s is not None and state.usual_s < RUNS_S
    return not short or state.now - item.runs_since >= RUNS_S


def _idle(state: State, session: Session) -> bool:
    if session is not state.current or session.standing is not Standing.OPEN:
        return False
    if session.unstarted or session.begun:
        return False
    return state.now - session.word > IDLE_S and _since(state, session) > IDLE_S


def held(state: State, session: Session) -> list[Held]:
    """All that we hold of a session, as a beat or an ask says it."""
    return [
        Held(package=item.package, attempt=item.attempt, state=_held_state(state, item))
        for item in session.items.values()
    ]


def _held_state(state: State, item: Item) -> HeldState:
    if item.stage is Stage.FINISHED:
        return HeldState.FINISHED
    if item.stage is Stage.GIVEN and item.runs_since is not None:
        return HeldState.SUSPENDED if state.frozen_at is not None else HeldState.RUNNING
    return HeldState.WAITING


def slots_offered(state: State, session: Session) -> int:
    """How many slots a session has now: none while nothing may start, or at rest."""
    if not state.takes_work or session is not state.current:
        return 0
    return session.slots


def _send(state: State, session: Session, *, regular: bool) -> None:
    beats = session.beats
    holding = held(state, session)
    parts = [holding[i : i + HELD_MOST] for i in range(0, len(holding), HELD_MOST)] or [[]]
    older = beats.unread
    answered = older is None
    for part in parts:
        start, count = state.next_pair()
        message = Beat(
            time=state.time(),
            offer=session.offer,
            session=session.id,
            start=start,
            count=count,
            slots=slots_offered(state, session),
            holding=tuple(part),
        )
        errand = Errand("beat", session.result_box, session.id)
        beats.unread = state.send(message, errand, older)
        older = None
    state.untold = {item for item in state.untold if item.session is not session}
    if answered:
        beats.wait = BEAT_S
    elif regular:
        beats.wait = min(MOST_S, 2 * beats.wait)
    beats.last, beats.due, beats.confirmed = state.now, False, False


def heard(session: Session) -> None:
    """The employer is there: beats come at their usual pace again."""
    session.beats.unread = None
    session.beats.wait = BEAT_S
