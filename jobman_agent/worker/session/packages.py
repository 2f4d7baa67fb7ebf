"""Packages at a worker: taken, started, ended. Pure; a part of the session core.

Rules of PROTOCOL 3.3 and 3.4 that hold here:

1. A package is started at most once: it is saved as given to the runner before it can begin.
2. Nothing starts while the owner is back, while the PC's agent forbids it, while we leave, without
   the pool for a lease, in a session that has not answered since we came up or woke, or over 64 MiB
   of results on the road.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from jobman_agent.model.messages import Outcome, Say
from jobman_agent.worker.session import actions as do
from jobman_agent.worker.session.holdings import Item, Session
from jobman_agent.worker.session.results import back, counted, finish
from jobman_agent.worker.session.rows import Stage, Standing
from jobman_agent.worker.session.state import LEASE_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobman_agent.model.messages import Answer, Package, Work
    from jobman_agent.worker.session.events import RunEnded
    from jobman_agent.worker.session.state import State

FROZEN_BACK_S = 30.0
"""After so long without running, what has not started is handed back."""
NOT_NOW = "nothing new starts on this PC now"
UNRECEIPTED_MOST = 64 << 20
AHEAD_S = 0.5
"""So many seconds of work lie ready in the runner beyond what runs."""
AHEAD_MOST = 256
TRIES_MOST = 3
_NO_ROOM_FOR_LONG_S = 5.0
_USUAL_WEIGHT = 0.2


# ---- taken
def take(
    state: State, session: Session, work: Work, frame: bytes, missing: Mapping[str, int]
) -> None:
    """Spool the packages of a message; hand them back if this session takes no more."""
    fresh: dict[tuple[str, int], tuple[int, Package]] = {}
    for place, package in enumerate(work.packages):
        key = (package.name, package.attempt)
        if key not in session.items and key not in session.gone:
            fresh.setdefault(key, (place, package))
    if not fresh:
        return
    session.worked = state.now
    why = _why_not(state, session)
    number = 0 if why else state.next_number()
    wanted: dict[str, int] = {}
    for place, package in fresh.values():
        item = Item(session, package.name, package.attempt, work=number, place=place)
        if missing and not why:
            item.missing = _lacking(work, package, missing) or None
            wanted.update({sha: missing[sha] for sha in item.missing or ()})
        state.add_item(item)
        if why:
            finish(state, item, back(item, why))
    if not why:
        state.work_left[number] = len(fresh)
        state.out.append(do.SaveWork(number, session.id, frame))
        state.tell(f"took {counted(len(fresh))} from {session.name}", 6)
    if wanted:
        state.out.append(do.Fetch(session.id, wanted))


def _why_not(state: State, session: Session) -> str:
    if state.leaving is not None:
        return state.leaving
    if session.standing is Standing.REST:
        return "this worker has left the session"
    if state.frozen_at is not None and state.now - state.frozen_at > FROZEN_BACK_S:
        return "the owner of the PC is back"
    return "" if state.starts_allowed else NOT_NOW


def _lacking(work: Work, package: Package, missing: Mapping[str, int]) -> set[str]:
    files = (*package.files, *package.checkpoint, *work.recipe.common)
    return {file.sha256 for file in files if file.sha256 in missing}


def files_came(state: State, sha256s: frozenset[str]) -> None:
    """Let those start whose last missing file has come."""
    for item in _waiting_for_files(state):
        missing = item.missing
        if missing is not None and missing & sha256s:
            missing -= sha256s
            if not missing:
                item.missing = None
                item.session.ready.append(item)


def files_failed(state: State, sha256s: frozenset[str], why: str) -> None:
    """Hand back what will never have its files."""
    for item in _waiting_for_files(state):
        if item.missing and item.missing & sha256s:
            finish(state, item, back(item, why))


def _waiting_for_files(state: State) -> list[Item]:
    return [
        item
        for session in state.sessions.values()
        if session.unstarted
        for item in session.items.values()
        if item.stage is Stage.WAITING and item.missing
    ]


# ---- started
def slots(state: State) -> int:
    """How many packages run side by side."""
    if state.current is not None:
        return state.current.slots
    return max((s.slots for s in state.sessions.values() if s.live), default=1)


def room(state: State) -> int:
    """How many more packages the runner may have now.

    It has some beyond those that run, so that a slot that gets free never waits for us; more of
    them the shorter they are.
    """
    side_by_side = slots(state)
    ahead = 0
    if state.usual_s is not None and state.usual_s < _NO_ROOM_FOR_LONG_S:
        ahead = min(AHEAD_MOST, math.ceil(side_by_side * AHEAD_S / max(state.usual_s, 0.001)))
    return side_by_side + ahead - len(state.runs)


def may_start(state: State) -> bool:
    """Whether anything may start now (rule 2)."""
    if not state.takes_work:
        return False
    if state.boxes is None and state.now - state.contact > LEASE_S:
        return False
    return state.unreceipted <= UNRECEIPTED_MOST


def start_some(state: State) -> None:
    """Give the runner what it has room for."""
    if not any(s.ready for s in state.sessions.values()) or not may_start(state):
        return
    free = room(state)
    for session in state.sessions.values():
        if not session.live or session.mute_until is not None:
            continue
        while free > 0 and session.ready:
            item = session.ready.popleft()
            if item.stage is Stage.WAITING and item.session is session and not item.missing:
                _start(state, item)
                free -= 1


def _start(state: State, item: Item) -> None:
    run = state.rng.randbytes(12).hex()
    state.move(item, Stage.GIVEN)
    item.run, item.end = run, None
    state.runs[run] = item
    session = item.session
    state.out.append(
        do.Start(
            run=run,
            session=session.id,
            package=item.package,
            attempt=item.attempt,
            work=item.work,
            place=item.place,
            key=session.key,
            code=session.code,
            employer=session.name,
            title=session.title,
        )
    )


def run_started(state: State, run: str) -> None:
    """A package runs."""
    item = state.runs.get(run)
    if item is not None:
        item.runs_since = state.now
        state.untold.add(item)


# ---- ended
def run_ended(state: State, event: RunEnded) -> None:
    """A run is over: keep its result, if anybody still wants it."""
    item = state.runs.get(event.run)
    if item is None:
        return  # stopped by its employer, who has ended that lease already
    result = event.result
    if result.outcome is Outcome.HANDED_BACK and item.end is None:
        if item.tries < TRIES_MOST and not event.began:
            item.tries += 1
            state.move(item, Stage.WAITING)
            return
        item.end = result.why
    elif result.outcome in (Outcome.DONE, Outcome.FAILED):
        old = state.usual_s
        new = result.seconds
        state.usual_s = new if old is None else old + _USUAL_WEIGHT * (new - old)
    finish(state, item, result, event.contents)


def hand_back(state: State, why: str, session: Session | None = None) -> int:
    """Hand back all that has not started, of a session or of all; how many at once."""
    chosen = state.sessions.values() if session is None else (session,)
    count = 0
    for each in list(chosen):
        for item in list(each.items.values()):
            if item.stage is Stage.WAITING:
                finish(state, item, back(item, why))
                count += 1
            elif item.stage is Stage.GIVEN and item.runs_since is None:
                kill(state, item, why, only_waiting=True)
    return count


def kill(
    state: State, item: Item, why: str, *, at_once: bool = False, only_waiting: bool = False
) -> None:
    """End the run of a package; `run_ended` comes."""
    if item.run is not None:
        item.end = why
        state.out.append(do.Kill(item.run, why, at_once, only_waiting))


def drop(state: State, item: Item, why: str) -> None:
    """Its employer wants nothing of it any more: no result is sent."""
    if item.stage is Stage.GIVEN:
        kill(state, item, why, at_once=True)
    if item.stage is Stage.FINISHED:
        state.receipted(item)
    else:
        state.move(item, Stage.GONE)


# ---- what the employer says
def answered(state: State, session: Session, answer: Answer) -> None:
    """Do what the employer says of each package that we hold."""
    for item in answer.items:
        held = session.items.get((item.package, item.attempt))
        if held is not None:
            _told(state, held, item.say)


def _told(state: State, item: Item, say: Say) -> None:
    if say is Say.RECEIPT and item.stage is Stage.FINISHED:
        state.receipted(item)
    elif say is Say.SEND_AGAIN and item.batch is not None and item.batch in state.batches:
        state.unsent[item.batch] = state.batches[item.batch]
    elif say is Say.STOP and item.stage in (Stage.WAITING, Stage.GIVEN):
        drop(state, item, "its employer stopped it")
    elif say is Say.GIVE_BACK:
        if item.stage is Stage.WAITING:
            finish(state, item, back(item, "its employer asked for it back"))
        elif item.stage is Stage.GIVEN and item.runs_since is None:
            kill(state, item, "its employer asked for it back", only_waiting=True)
