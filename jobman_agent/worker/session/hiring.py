"""Scanning, choosing and asking: how a worker comes to a session. Pure; part of the core.

Steps 2 and 3 of the mission. Rules of PROTOCOL 3.3 and 3.4 that hold here:

1. One ask at a time, answered within 60 s or given up; its boxes exist before it is sent.
2. An offer that is passed over is refused with the reason, once an hour.
3. What we hold for an offer is named in the ask; results whose way back is gone go along.
4. After 30 min, when a package ends, a clearly heavier offer is changed to. Without work for 2 min
   we change to any other that has some; without a word for 2 min we leave in any case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobman_agent.model.messages import Ask, Goodbye, Refuse
from jobman_agent.worker.session import actions as do
from jobman_agent.worker.session import beats, offers, packages, sessions
from jobman_agent.worker.session.holdings import Errand, Session
from jobman_agent.worker.session.rows import Stage, Standing

if TYPE_CHECKING:
    from jobman_agent.worker.session.events import Boxes, SeenOffer
    from jobman_agent.worker.session.state import State

ANSWER_S = 60.0
"""So long an ask waits for its answer."""
SILENCE_S = 120.0
"""Without a word or without work for so long we leave a session."""
LOOK_ROUND_S = 1800.0
LOOK_AGAIN_S = 300.0
HEAVIER = 2.0
STUCK_S = 600.0
"""Results without any answer for so long are offered anew."""
UNANSWERED_S = 300.0
"""An offer that did not answer comes after others for so long."""


# ---- looking
def scan_if_due(state: State) -> None:
    """Look at the offers, if there is a reason to."""
    seeking = state.seeking
    if state.boxes is None or seeking.scanning or state.now < seeking.due:
        return
    if not state.takes_work:
        return
    if state.current is None or seeking.looking or _idle(state) or _stuck(state):
        seeking.start_scan(state.now)
        state.out.append(do.Scan())


def _idle(state: State) -> bool:
    session = state.current
    return (
        session is not None
        and session.standing is Standing.OPEN
        and not (session.unstarted or session.begun)
        and state.now - session.worked > ANSWER_S
    )


def _stuck(state: State) -> list[Session]:
    """Sessions at rest whose results have no way back, or no answer for 10 min."""
    return [
        session
        for session in state.sessions.values()
        if session.standing is Standing.REST
        and session.items
        and (session.orphan or state.now - max(session.answered, state.connected_at) > STUCK_S)
    ]


def offers_seen(state: State, seen: tuple[SeenOffer, ...]) -> None:
    """Answer one of the offers, refuse those that we pass over."""
    seeking = state.seeking
    seeking.scanning = False
    if state.boxes is None or not state.takes_work:
        return
    served: list[SeenOffer] = []
    for each in seeking.newest(seen):
        passed = offers.judge(each, state.pc, state.wall)
        if passed is None:
            served.append(each)
        elif seeking.may_tell(each, state.now):
            _refuse(state, state.boxes, each, passed)
    seeking.offers, seeking.seen_at = tuple(served), state.now
    _carry_over(state)
    looking, seeking.looking = seeking.looking, False
    if state.current is None:
        _answer_one(state)
    elif looking:
        _look_round(state, state.current)


def _refuse(state: State, boxes: Boxes, seen: SeenOffer, passed: offers.PassedOver) -> None:
    offer = seen.offer
    message = Refuse(
        time=state.time(),
        offer=offer.offer,
        worker=state.pc.worker,
        code=passed.code,
        why=passed.why,
        right=passed.right,
    )
    box = boxes.ask_box(seen.sender, offer.offer)
    state.send(message, Errand("word", box, state.fresh_id()))
    text = f"passed over {offer.title} of {offer.employer}: {passed.why}"
    state.tell(text, 2, warning=True)


# ---- choosing
def _candidates(state: State) -> list[SeenOffer]:
    seeking = state.seeking
    return [seen for seen in seeking.offers if not seeking.avoided(seen, state.now)]


def _answer_one(state: State) -> None:
    candidates = _candidates(state)
    late = state.seeking.unanswered
    quiet = {c for c, when in late.items() if state.now - when < UNANSWERED_S}
    fresh = [s for s in candidates if (s.offer.offer, s.key) not in quiet]
    chosen = offers.choose(fresh, state.rng) or offers.choose(candidates, state.rng)
    if chosen is not None and state.boxes is not None:
        ask(state, state.boxes, chosen)


def _others(state: State, session: Session) -> list[SeenOffer]:
    return [s for s in _candidates(state) if (s.offer.offer, s.key) != session.calling]


def _look_round(state: State, session: Session) -> None:
    mine = next(
        (s for s in state.seeking.offers if (s.offer.offer, s.key) == session.calling), None
    )
    least = HEAVIER * offers.weight(mine) if mine is not None else 0.0
    chosen = offers.choose(_others(state, session), state.rng, least)
    if chosen is not None and state.boxes is not None:
        packages.hand_back(state, "another offer needs this worker more", session)
        sessions.leave(state, session, Goodbye.LEAVING)
        ask(state, state.boxes, chosen)


def package_ended(state: State) -> None:
    """After half an hour in a session, see at a package's end where we are needed more."""
    session, seeking = state.current, state.seeking
    if session is None or session.standing is not Standing.OPEN or seeking.looking:
        return
    since = state.now - max(session.since, seeking.looked)
    if state.now - session.since > LOOK_ROUND_S and since > LOOK_AGAIN_S:
        seeking.looking, seeking.looked, seeking.due = True, state.now, state.now


# ---- asking
def ask(state: State, boxes: Boxes, seen: SeenOffer) -> Session:
    """Ask for work, with two mailboxes of our own, and say what we hold for this job."""
    offer, pc = seen.offer, state.pc
    name = state.fresh_id()
    session = Session(
        id=name,
        offer=offer.offer,
        key=seen.key,
        employer=seen.sender,
        name=offer.employer,
        work_box=boxes.work_box(name),
        result_box=boxes.result_box(seen.sender, offer.offer, name),
        slots=offers.slots_for(offer, pc),
        standing=Standing.ASKED,
        since=state.now,
        code=seen.code_allowed,
        title=offer.title,
    )
    session.answered = session.worked = session.word = state.now
    state.add_session(session)
    state.current = session
    state.usual_s = offer.usual_s
    for old in _stuck(state):
        if old.calling == session.calling:
            move(state, old, session)
    sessions.declare(state, session)
    state.out.append(do.SetSlots(session.slots))
    _send_ask(state, boxes, session)
    state.tell(f"the offer of {offer.title} by {offer.employer} suits this PC", 2)
    state.tell(f"asked {offer.employer} for work of {offer.title}", 3)
    return session


def _send_ask(state: State, boxes: Boxes, session: Session) -> None:
    pc = state.pc
    holding = [
        held
        for each in state.sessions.values()
        if each.calling == session.calling and each.standing is not Standing.ENDED
        for held in beats.held(state, each)
    ]
    message = Ask(
        time=state.time(),
        offer=session.offer,
        session=session.id,
        worker=pc.worker,
        work_box=session.work_box,
        result_box=session.result_box,
        os=pc.os,
        cores=pc.cores,
        memory=pc.memory,
        disk=pc.disk,
        slots=session.slots,
        programs=tuple(pc.programs.values()),
        sandbox=pc.sandbox,
        willing_until=state.willing_until,
        holding=tuple(holding[: beats.HELD_MOST]),
    )
    box = boxes.ask_box(session.employer, session.offer)
    state.send(message, Errand("ask", box, session.id))


def ask_box_gone(state: State, name: str) -> None:
    """The employer has withdrawn its offer while we answered it."""
    session = state.sessions.get(name)
    if session is not None and session.standing is Standing.ASKED:
        state.seeking.avoid(session.calling, state.now + ANSWER_S)
        sessions.give_up_ask(state, session)


def move(state: State, old: Session, new: Session) -> None:
    """Carry all that a session holds over to another one of the same employer and offer."""
    for item in old.items.values():
        item.session = new
        if item.key not in new.items:
            state.adopt_item(item)
            state.touch_item(item)
    for batch in state.batches.values():
        if batch.session is old:
            batch.session = new
            state.unsent[batch.number] = batch
    new.results.extend(old.results)
    new.results_since, new.results_size = state.now, old.results_size + new.results_size
    new.gone |= old.gone
    old.items, old.results, old.results_size = {}, [], 0
    old.counts = dict.fromkeys(Stage, 0)
    old.ready.clear()
    state.out.append(do.MoveSession(old.id, new.id))
    # It is listened to for another minute: work that is under way there is handed back.
    old.orphan, old.rested = False, state.now
    state.touch_session(old)


def _carry_over(state: State) -> None:
    """Offer results anew whose way back is gone: in the session that we have, or in a new one."""
    for old in _stuck(state):
        current = state.current
        if current is not None and current.calling == old.calling:
            if current.standing is Standing.OPEN:
                move(state, old, current)
                beats.wanted(state)
        elif current is None and state.boxes is not None:
            found = next(
                (s for s in _candidates(state) if (s.offer.offer, s.key) == old.calling), None
            )
            if found is not None:
                ask(state, state.boxes, found)


# ---- time
def watch(state: State) -> None:
    """What is due by time alone: an ask without an answer, a session without work."""
    session = state.current
    if session is None:
        return
    if session.standing is Standing.ASKED:
        if state.now - session.since > ANSWER_S:
            state.seeking.unanswered[session.calling] = state.now
            state.tell(f"{session.name} did not answer for {ANSWER_S:.0f} s", 3, warning=True)
            sessions.give_up_ask(state, session)
    elif not (session.unstarted or session.begun or session.results):
        _without_work(state, session)


def _without_work(state: State, session: Session) -> None:
    if state.boxes is None or not state.takes_work:
        return
    if state.now - max(session.word, state.connected_at) > SILENCE_S:
        state.tell(f"no word of {session.name} for 2 min", warning=True)
        sessions.leave(state, session, Goodbye.LEAVING)
        return
    seen_at = state.seeking.seen_at
    fresh = seen_at is not None and state.now - seen_at < ANSWER_S
    idle = state.now - max(session.worked, session.since, state.connected_at)
    if idle > SILENCE_S and fresh and offers.choose(_others(state, session), state.rng):
        state.tell(f"no work of {session.name} for 2 min, another offer has some")
        sessions.leave(state, session, Goodbye.LEAVING)
