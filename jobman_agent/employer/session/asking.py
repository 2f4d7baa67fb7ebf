"""Step 4: a worker asks; the employer opens a session with it, or says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobman_agent.employer.session.events import Listen
from jobman_agent.employer.session.leases import compare
from jobman_agent.employer.session.records import SessionRow
from jobman_agent.employer.session.turn import counted, wall_text
from jobman_agent.errors import MalformedMessage
from jobman_agent.model.messages import Ask, RefuseCode
from jobman_agent.model.wire import parse_time

if TYPE_CHECKING:
    from jobman_agent.employer.session.events import Received
    from jobman_agent.employer.session.live import Session
    from jobman_agent.employer.session.state import State
    from jobman_agent.employer.session.turn import Turn

CLOCK_SECONDS = 300.0
"""So far apart the two clocks may be."""


def receive_ask(turn: Turn, event: Received, ask: Ask) -> Session | None:
    """Open a session and answer what the worker holds already; None if that was refused."""
    state = turn.state
    sent = _seconds(ask.time)
    if ask.session in state.sessions or not event.work_box_ok or sent is None:
        state.junk += 1
        return None
    off = state.now.wall - sent
    if off > CLOCK_SECONDS and state.road.settling:
        return None  # it waited here while this program was away; its worker has gone on
    no = _fault(state, event, ask, off)
    if no is not None:
        code, why, right = no
        if state.refused.get(event.key) is not code:
            state.refused[event.key] = code
            turn.tell(f"{ask.worker} asked and was refused: {why}")
        turn.refuse(ask.session, ask.work_box, code, why, right)
        return None
    session = state.add_session(
        SessionRow(
            session=ask.session,
            key=event.key,
            worker=ask.worker,
            work_box=ask.work_box,
            result_box=ask.result_box,
            slots=ask.slots,
            asked_at=state.now.wall,
            willing_until=_seconds(ask.willing_until) or 0.0 if ask.willing_until else 0.0,
        )
    )
    turn.do(Listen(ask.session, ask.result_box))
    turn.tell(f"ask noticed from {ask.worker}, {counted(ask.slots, 'slot')}", step=4)
    compare(turn, session, ask.holding)
    return session


def _fault(
    state: State, event: Received, ask: Ask, off: float
) -> tuple[RefuseCode, str, str] | None:
    """Why an ask is refused, and what would be right."""
    plan, dismissed = state.plan, state.key(event.key).dismissed
    if abs(off) > CLOCK_SECONDS:
        here = wall_text(state.now.wall)
        why = f"the clocks differ: the employer's says {here}, the worker's {ask.time}"
        return RefuseCode.CLOCK, why, "set the clocks (5 minutes are allowed)"
    if ask.offer != plan.offer or not state.left or state.road.withdrawn:
        return RefuseCode.CLOSED, "the job has ended or was withdrawn", ""
    if not event.result_box_ok:
        return RefuseCode.BOXES, "the result box is not that of this offer and worker", ""
    if dismissed:
        return RefuseCode.DISMISSED, dismissed, ""
    if plan.known is not None and event.key not in plan.known:
        right = f"the employer runs: jobman keys trust {ask.worker} {event.key} --worker"
        return RefuseCode.TRUST, "this job takes known workers only", right
    return _unfit(state, ask)


def _unfit(state: State, ask: Ask) -> tuple[RefuseCode, str, str] | None:
    plan, needs = state.plan, state.plan.needs
    own = plan.program.startswith(("./", "{common}/"))  # it comes with the job
    if not own and plan.program.lower() not in {one.name.lower() for one in ask.programs}:
        return RefuseCode.PROGRAM, f"no program {plan.program}", f"[software] {plan.program} = PATH"
    if ask.cores < needs.cores or ask.memory < needs.memory:
        has = f"{ask.cores} cores and {ask.memory} bytes"
        right = f"{needs.cores} cores and {needs.memory} bytes of memory"
        return RefuseCode.TOO_SMALL, f"{has} are too small", right
    if needs.os and ask.os not in needs.os:
        return RefuseCode.TOO_SMALL, f"its system is {ask.os}", "or ".join(needs.os)
    return None


def _seconds(text: str) -> float | None:
    try:
        return parse_time(text).timestamp()
    except MalformedMessage:
        return None
