"""Sessions from answer to bye: the rules of coming, staying and going. Pure; part of the core.

Asking is in `hiring`; what happens to packages in `packages`; when to beat in `beats`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobman_agent.model.messages import (
    Answer,
    Bye,
    Goodbye,
    Need,
    Outcome,
    Refuse,
    RefuseCode,
    Result,
    Results,
    Work,
)
from jobman_agent.worker.session import actions as do
from jobman_agent.worker.session import beats, packages, results
from jobman_agent.worker.session.holdings import Batch, Errand, Item, Session
from jobman_agent.worker.session.rows import Stage, Standing
from jobman_agent.worker.session.state import LEASE_S

if TYPE_CHECKING:
    from jobman_agent.worker.session.events import Received
    from jobman_agent.worker.session.rows import Loaded
    from jobman_agent.worker.session.state import State

HUSH_S = 120.0
"""So long after a start or wake-up nothing starts without a word of the employer."""
REFUSED_S = 3600.0
"""How long an offer whose employer refused us is passed over."""
QUIET_S = 60.0
"""So long a session at rest that owes nothing is still listened to."""
HOUR_S = 3600.0
"""How often boxes are declared anew, and old results looked for."""
DAY_S = 86400.0
KEEP_S = 7 * DAY_S
"""How long a finished result is kept without a receipt."""


# ---- the process comes up
def load(state: State, loaded: Loaded) -> None:
    """Take up what the spool held; what ran when the process died is lost."""
    state.start, state.last_number = loaded.start, loaded.last_number
    state.contact = state.now
    for row in loaded.sessions:
        session = Session(**{name: getattr(row, name) for name in row.__slots__})
        session.answered = session.worked = session.word = session.rested = state.now
        state.sessions[session.id] = session
    for batch in loaded.batches:
        session = state.sessions[batch.session]
        state.batches[batch.number] = Batch(batch.number, session, batch.size, batch.made)
    died = _load_items(state, loaded)
    _settle(state)
    hush(state)
    state.out.append(do.SetSlots(packages.slots(state)))
    for item in died:
        results.finish(state, item, results.lost(item))
    if died:
        state.tell(f"{len(died)} packages ran when the last process died: lost", 7, warning=True)


def _load_items(state: State, loaded: Loaded) -> list[Item]:
    died: list[Item] = []
    for row in loaded.items:
        session = state.sessions[row.session]
        if row.stage is Stage.GONE:
            session.gone.add((row.package, row.attempt))
            continue
        item = Item(session, row.package, row.attempt, row.stage, row.work, row.place)
        item.batch = row.batch
        if row.stage is Stage.WAITING:
            item.missing = set(loaded.missing.get((row.work, row.place), ())) or None
        elif row.stage is Stage.GIVEN:
            died.append(item)
        elif row.batch is not None:
            state.batches[row.batch].items.add(item)
        if row.stage is not Stage.FINISHED:
            state.work_left[item.work] = state.work_left.get(item.work, 0) + 1
        state.adopt_item(item)
    missing: dict[str, dict[str, int]] = {}
    for item_row in loaded.items:
        lacking = loaded.missing.get((item_row.work, item_row.place))
        if lacking and item_row.stage is Stage.WAITING:
            missing.setdefault(item_row.session, {}).update(lacking)
    for name, files in missing.items():
        state.out.append(do.Fetch(name, files))
    return died


def _settle(state: State) -> None:
    """An unanswered ask is a session that we have left; one session with work goes on."""
    for session in state.sessions.values():
        if session.standing is Standing.OPEN and state.current is None and session.unstarted:
            state.current = session
        elif session.standing is not Standing.ENDED:
            session.farewell = Goodbye.LEAVING
            if session.standing is not Standing.REST:
                session.standing = Standing.REST
                state.touch_session(session)


def hush(state: State) -> None:
    """After a start or a wake-up: ask first, with a beat, before anything starts."""
    for session in state.sessions.values():
        if session.live:
            session.mute_until = state.now + HUSH_S
            waiting = (i for i in session.items.values() if i.stage is Stage.WAITING)
            session.in_doubt = frozenset(item.key for item in waiting)
    beats.wanted(state)


# ---- the pool
def connect(state: State) -> None:
    """The pool is there: make the boxes, say goodbye where it is due, beat, send what waits."""
    if state.now - state.contact > LEASE_S:
        hush(state)  # the leases may have lapsed: others may have what waits here
    state.connected_at = state.contact = state.now
    for batch in state.unsent.values():
        batch.not_before = batch.again_s = 0.0
    for session in state.sessions.values():
        if session.live or session is state.current:
            declare(state, session)
            if session.farewell is not None:
                _say_bye(state, session, session.farewell)
    beats.reconnected(state)
    state.tell("connected to the pool")


def declare(state: State, session: Session) -> None:
    """Make a session's boxes, or renew their life."""
    session.declared, session.boxless = state.now, False
    state.out.append(do.OpenBoxes(session.work_box, session.result_box))


def disconnect(state: State) -> None:
    """The pool is away: what was under way may or may not have arrived."""
    state.boxes = None
    for errand in state.in_flight.values():
        if errand.batch is not None:
            errand.batch.under_way = False
    state.in_flight.clear()


def sent(state: State, errand: Errand, number: int) -> None:
    """The pool has kept a message."""
    state.contact = state.now
    if errand.batch is not None:
        state.unsent.pop(errand.batch.number, None)
    session = state.sessions.get(errand.session)
    if errand.kind == "beat" and session is not None and session.beats.unread == number:
        session.beats.confirmed = True


def box_missing(state: State, errand: Errand) -> None:
    """An employer's box for our results is gone: rest, and ask again with what we hold."""
    session = state.sessions.get(errand.session)
    if session is None or not session.live or errand.box != session.result_box:
        return
    session.boxless = session.orphan = True
    state.touch_session(session)
    rest(state, session)


# ---- messages
def received(state: State, event: Received) -> bool:
    """Obey a message, if it is from whom we obey; False: it is junk."""
    message = event.message
    if not isinstance(message, (Work, Answer, Bye, Refuse, Need)) or message.session is None:
        return False
    session = state.sessions.get(message.session)
    if session is None:
        return _unknown(state, event)
    if session.key != event.key or session.offer != message.offer:
        return False
    state.contact = state.now
    if session.standing is Standing.ENDED:
        if isinstance(message, Work):
            _too_late(state, message, session.result_box)
        return True
    _heard(state, session, message)
    _obey(state, session, event)
    return True


def refuse_version(state: State, box: str, signer: str) -> None:
    """Tell an employer that we do not speak its version; once, lest two of them refuse for ever."""
    for session in state.sessions.values():
        ours = session.work_box == box and session.key == signer
        if ours and session.standing is not Standing.ENDED and not session.version_refused:
            session.version_refused = True
            refusal = Refuse(
                time=state.time(),
                offer=session.offer,
                session=session.id,
                worker=state.pc.worker,
                code=RefuseCode.VERSION,
                why="this worker speaks version 1 of the protocol",
                right="the same version of jobman at both ends",
            )
            state.say(session, refusal)


def _heard(state: State, session: Session, message: object) -> None:
    session.answered = state.now
    session.boxless = False
    beats.heard(session)
    if session.orphan:
        session.orphan = False
        state.touch_session(session)
    if session.standing is Standing.ASKED and isinstance(message, (Work, Answer)):
        session.standing = Standing.OPEN
        session.since = session.worked = state.now
        session.beats.last = state.now - beats.RUNS_S  # no beat is due but for what begins
        state.touch_session(session)
        state.tell(f"{session.name} has answered", 5)


def _obey(state: State, session: Session, event: Received) -> None:
    match event.message:
        case Work() as work:
            session.word = state.now
            packages.take(state, session, work, event.frame, event.missing)
            if session.mute_until is not None:  # it may have waited in the box for long
                session.in_doubt |= {(package.name, package.attempt) for package in work.packages}
                beats.wanted(state)
        case Answer() as answer if _newer(state, session, answer):
            session.word = state.now
            session.in_doubt -= {(item.package, item.attempt) for item in answer.items}
            if not session.in_doubt:  # an answer to results may be seen before that to the beat
                session.mute_until = None
            packages.answered(state, session, answer)
        case Need() as need if _newer(state, session, need):
            state.out.append(do.Serve(session.id, need))
        case Refuse() as refuse:
            _refused(state, session, refuse)
        case Bye() as bye:
            _bye(state, session, bye)
        case _:
            pass  # an older answer or need


def _newer(state: State, session: Session, message: Answer | Need) -> bool:
    pair = (message.start, message.count)
    if isinstance(message, Need):
        newer = pair > session.needed
        session.needed = max(pair, session.needed)
        return newer
    if pair <= session.heard:
        return False
    session.heard = pair
    state.touch_session(session, lazy=True)
    return True


def _bye(state: State, session: Session, bye: Bye) -> None:
    text = f" ({bye.text})" if bye.text else ""
    dismissed = bye.reason is Goodbye.DISMISSED  # something is wrong with this PC
    state.tell(f"{session.name} says goodbye: {bye.reason.value}{text}", 8, warning=dismissed)
    if bye.reason is Goodbye.JOB_DONE:
        for item in list(session.items.values()):
            packages.drop(state, item, "the job is done")
        state.seeking.avoid(session.calling, state.now)
        end(state, session, both=True)
    else:
        packages.hand_back(state, f"its employer said {bye.reason.value}", session)
        seconds = DAY_S if bye.reason is Goodbye.DISMISSED else QUIET_S
        state.seeking.avoid(session.calling, state.now + seconds)
        leave(state, session, Goodbye.LEAVING)


def _refused(state: State, session: Session, refuse: Refuse) -> None:
    right = f"; right would be: {refuse.right}" if refuse.right else ""
    state.tell(f"{session.name} refused: {refuse.why}{right}", 5, warning=True)
    closed = refuse.code is RefuseCode.CLOSED
    state.seeking.avoid(session.calling, state.now + (0.0 if closed else REFUSED_S))
    if session.standing is Standing.ASKED:
        give_up_ask(state, session)


def give_up_ask(state: State, session: Session) -> None:
    """Nobody answered, or the answer was no: what it carries waits for another session."""
    if session.items:
        session.orphan = True
        rest(state, session)
        state.touch_session(session)
    else:
        end(state, session, both=True)


def _unknown(state: State, event: Received) -> bool:
    work = event.message
    if not isinstance(work, Work) or not event.trusted or state.boxes is None:
        return False
    box = state.boxes.result_box(event.sender, work.offer, work.session)
    _too_late(state, work, box)
    return True


def _too_late(state: State, work: Work, box: str) -> None:
    """Work in a session that we have left: hand it back, so that it does not wait for us."""
    if state.boxes is None:
        return  # its employer's lease will lapse
    why = "this worker has left the session"
    handed_back = tuple(
        Result(package=p.name, attempt=p.attempt, outcome=Outcome.HANDED_BACK, why=why)
        for p in work.packages
    )
    for message in (
        Results(time=state.time(), offer=work.offer, session=work.session, results=handed_back),
        Bye(time=state.time(), offer=work.offer, session=work.session, reason=Goodbye.LEAVING),
    ):
        state.send(message, Errand("word", box, work.session))


# ---- going
def rest(state: State, session: Session) -> None:
    """Take no more work in a session; what it owes still comes."""
    if session.standing in (Standing.ASKED, Standing.OPEN):
        session.standing = Standing.REST
        session.rested = state.now
        state.touch_session(session)
    if state.current is session:
        state.current = None
        state.seeking.restart(state.now)


def leave(state: State, session: Session, reason: Goodbye) -> None:
    """Say goodbye, and rest."""
    rest(state, session)
    if state.boxes is not None:
        # What is handed back must come before the bye, so that its employer gives us nothing new.
        results.keep_results(state, at_once=True)
        results.publish(state)
        _say_bye(state, session, reason)
    else:
        session.farewell = reason


def _say_bye(state: State, session: Session, reason: Goodbye) -> None:
    session.farewell = None
    bye = Bye(time=state.time(), offer=session.offer, session=session.id, reason=reason)
    state.say(session, bye)


def end(state: State, session: Session, *, both: bool) -> None:
    """Nothing is owed any more: remove our box, or both boxes of the session."""
    rest(state, session)
    session.standing, session.since = Standing.ENDED, state.now
    state.drop_session(session, whole=False)
    state.touch_session(session)
    if state.boxes is not None:
        state.out.append(do.RemoveBox(session.work_box))
        if both:
            state.out.append(do.RemoveBox(session.result_box))


# ---- time
def watch(state: State) -> None:
    """What is due by time alone, in every session."""
    for session in list(state.sessions.values()):
        if session.mute_until is not None and state.now >= session.mute_until:
            session.mute_until = None
            packages.hand_back(state, "its employer did not answer after our start", session)
        if session.standing is Standing.ENDED:
            if state.now - session.since > DAY_S:
                state.drop_session(session, whole=True)
        elif session.live:
            _watch_live(state, session)


def _watch_live(state: State, session: Session) -> None:
    if state.now - session.declared >= HOUR_S:
        if state.boxes is not None:
            declare(state, session)
        session.declared = state.now
        _give_up_old(state, session)
    if session.items or session.results or session.standing is not Standing.REST:
        return
    if state.now - max(session.rested, session.answered) >= QUIET_S:
        end(state, session, both=False)


def _give_up_old(state: State, session: Session) -> None:
    for batch in [b for b in state.batches.values() if b.session is session]:
        if state.now - batch.made > KEEP_S:
            names = ", ".join(sorted(item.package for item in batch.items))
            state.tell(f"results kept for 7 days without a receipt: {names}", warning=True)
            for item in list(batch.items):
                state.receipted(item)
