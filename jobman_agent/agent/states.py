"""What the agent is doing, as one table and a pure step.

Rule 1: everything that decides what the agent does next stands in this file: TABLE, what an event
changes besides (`_hear`), and what a state does by itself (`_settle`).
Rule 2: whoever performs the actions has no opinion. It tells events in the order in which they
happened, and performs what it is told, in that order.
Rule 3: every pair of a state and an event is listed: what happens, or why nothing does (IGNORED),
or that it cannot happen (REFUSED: the shell is at fault).

A worker process exists in SEEKING, WORKING, SUSPENDED and LEAVING. Packages are held in the last
three only, and run in WORKING only; in LEAVING the worker may let one go on for the moment in which
it is told to end. Nobody seeks without a permit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias

from jobman_agent.errors import EventRefused
from jobman_agent.model.pause import Pause
from jobman_agent.model.verdict import Permit


class State(Enum):
    """What the PC is doing for others; the values are a contract (``status --json``)."""

    OFF_DUTY = "OFF_DUTY"
    SEEKING = "SEEKING"
    WORKING = "WORKING"
    SUSPENDED = "SUSPENDED"
    LEAVING = "LEAVING"
    GONE = "GONE"


MEANINGS = {
    State.OFF_DUTY: "nothing is done for others: no worker, no connection to the pool",
    State.SEEKING: "a worker looks for work, and holds none",
    State.WORKING: "packages run",
    State.SUSPENDED: "packages are held, frozen",
    State.LEAVING: "what is held is handed back, and the worker ends",
    State.GONE: "the agent ends; nothing comes after it",
}


class What(Enum):
    """What can happen to an agent; the value says it to people."""

    MAY_START = "the policy allows to start"
    MAY_FINISH = "the policy allows what runs, and nothing new"
    MAY_HOLD = "the policy allows nothing to run"
    MAY_NOTHING = "the policy allows nothing to be held"
    INPUT_SEEN = "a key or the mouse, before the policy has judged"
    PACKAGE_TAKEN = "the worker holds a package more"
    ALL_ENDED = "the worker holds nothing more"
    WORKER_GONE = "the worker's process has ended"
    LEAVE_OVERDUE = "leaving has taken too long"
    PAUSE = "jobman pause"
    PAUSE_AFTER_PACKAGE = "jobman pause package"
    RESUME = "jobman resume"
    QUIT = "jobman quit, logoff or shutdown"


JUDGED = {
    Permit.START: What.MAY_START,
    Permit.FINISH: What.MAY_FINISH,
    Permit.HOLD: What.MAY_HOLD,
    Permit.NOTHING: What.MAY_NOTHING,
}
"""The event that each verdict is. It is told after every reading; repeating it does nothing."""


_UNTIL_RESUMED = Pause()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened."""

    what: What
    pause: Pause = _UNTIL_RESUMED
    """With PAUSE and PAUSE_AFTER_PACKAGE: until when."""


class Do(Enum):
    """What is to be done; the value says it to people."""

    START_WORKER = "start a worker"
    ALLOW_STARTS = "tell the worker that it may start packages"
    FORBID_STARTS = "tell the worker to start nothing new"
    FREEZE = "freeze all packages"
    THAW = "let frozen packages go on"
    LEAVE = "tell the worker to hand back and end"
    """LEAVE_OVERDUE is to be told if it has not ended in time."""
    KILL = "end the worker's process tree"
    SWEEP = "verify that nothing of the worker is left, and enter it in the ledger"
    STOP = "end the agent"


@dataclass(frozen=True, slots=True)
class KeepPause:
    """Keep this pause for the policy, across restarts; None: it is over."""

    pause: Pause | None


Action: TypeAlias = Do | KeepPause


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the agent stands."""

    state: State = State.OFF_DUTY
    permit: Permit = Permit.NOTHING
    """What the policy last allowed. A worker that ends takes it along: the policy is asked anew."""
    pause_next: Pause | None = None
    """The pause that begins when what is held has ended."""
    quitting: bool = False
    """GONE comes as soon as the worker has left."""


@dataclass(frozen=True, slots=True)
class Row:
    """What an event does in a state."""

    to: State
    do: tuple[Do, ...] = ()
    why: str = ""
    """Why nothing is done."""
    refused: bool = False


_OFF, _SEEK, _WORK = State.OFF_DUTY, State.SEEKING, State.WORKING
_REST, _LEAVE, _GONE = State.SUSPENDED, State.LEAVING, State.GONE
_PART = Row(_LEAVE, (Do.FREEZE, Do.LEAVE))
_ENDED = Row(_OFF, (Do.SWEEP,))


def _ignored(state: State, why: str) -> Row:
    return Row(state, (), why)


def _refused(state: State, why: str) -> Row:
    return Row(state, (), why, refused=True)


_IDLE = _ignored(_OFF, "nothing is held")
_NO_WORKER = _refused(_OFF, "there is no worker")
_BUSY_LEAVING = _ignored(_LEAVE, "asked again when the worker has gone")
_OVER = _ignored(_GONE, "the agent has gone")
_NOT_LEAVING = "the worker is not leaving (any more)"

TABLE: dict[tuple[State, What], Row] = {
    (_OFF, What.MAY_START): Row(_SEEK, (Do.START_WORKER,)),
    (_OFF, What.MAY_FINISH): _IDLE,
    (_OFF, What.MAY_HOLD): _IDLE,
    (_OFF, What.MAY_NOTHING): _IDLE,
    (_OFF, What.INPUT_SEEN): _IDLE,
    (_OFF, What.PACKAGE_TAKEN): _NO_WORKER,
    (_OFF, What.ALL_ENDED): _NO_WORKER,
    (_OFF, What.WORKER_GONE): _NO_WORKER,
    (_OFF, What.LEAVE_OVERDUE): _ignored(_OFF, _NOT_LEAVING),
    (_OFF, What.PAUSE): Row(_OFF),
    (_OFF, What.PAUSE_AFTER_PACKAGE): Row(_OFF),
    (_OFF, What.RESUME): Row(_OFF),
    (_OFF, What.QUIT): Row(_OFF),
    # ------------------------------------------------------------------------------- SEEKING
    (_SEEK, What.MAY_START): _ignored(_SEEK, "it seeks already"),
    # A package may be on its way in: it must not run either.
    (_SEEK, What.MAY_FINISH): _PART,
    (_SEEK, What.MAY_HOLD): _PART,
    (_SEEK, What.MAY_NOTHING): _PART,
    (_SEEK, What.INPUT_SEEN): _PART,
    (_SEEK, What.PACKAGE_TAKEN): Row(_WORK),
    (_SEEK, What.ALL_ENDED): _ignored(_SEEK, "it held nothing"),
    (_SEEK, What.WORKER_GONE): _ENDED,
    (_SEEK, What.LEAVE_OVERDUE): _ignored(_SEEK, _NOT_LEAVING),
    (_SEEK, What.PAUSE): _PART,
    (_SEEK, What.PAUSE_AFTER_PACKAGE): Row(_SEEK),
    (_SEEK, What.RESUME): Row(_SEEK),
    (_SEEK, What.QUIT): _PART,
    # ------------------------------------------------------------------------------- WORKING
    (_WORK, What.MAY_START): Row(_WORK, (Do.ALLOW_STARTS,)),
    (_WORK, What.MAY_FINISH): Row(_WORK, (Do.FORBID_STARTS,)),
    (_WORK, What.MAY_HOLD): Row(_REST, (Do.FREEZE,)),
    (_WORK, What.MAY_NOTHING): _PART,
    (_WORK, What.INPUT_SEEN): Row(_REST, (Do.FREEZE,)),
    (_WORK, What.PACKAGE_TAKEN): Row(_WORK),
    (_WORK, What.ALL_ENDED): Row(_SEEK),
    (_WORK, What.WORKER_GONE): _ENDED,
    (_WORK, What.LEAVE_OVERDUE): _ignored(_WORK, _NOT_LEAVING),
    (_WORK, What.PAUSE): _PART,
    (_WORK, What.PAUSE_AFTER_PACKAGE): Row(_WORK, (Do.FORBID_STARTS,)),
    (_WORK, What.RESUME): Row(_WORK),
    (_WORK, What.QUIT): _PART,
    # ----------------------------------------------------------------------------- SUSPENDED
    (_REST, What.MAY_START): Row(_WORK, (Do.THAW, Do.ALLOW_STARTS)),
    (_REST, What.MAY_FINISH): Row(_WORK, (Do.THAW, Do.FORBID_STARTS)),
    (_REST, What.MAY_HOLD): _ignored(_REST, "all is frozen already"),
    (_REST, What.MAY_NOTHING): Row(_LEAVE, (Do.LEAVE,)),
    (_REST, What.INPUT_SEEN): _ignored(_REST, "all is frozen already"),
    # It came in while the others were being frozen.
    (_REST, What.PACKAGE_TAKEN): Row(_REST, (Do.FREEZE,)),
    (_REST, What.ALL_ENDED): Row(_LEAVE, (Do.LEAVE,)),
    (_REST, What.WORKER_GONE): _ENDED,
    (_REST, What.LEAVE_OVERDUE): _ignored(_REST, _NOT_LEAVING),
    (_REST, What.PAUSE): Row(_LEAVE, (Do.LEAVE,)),
    (_REST, What.PAUSE_AFTER_PACKAGE): Row(_REST),
    (_REST, What.RESUME): Row(_REST),
    (_REST, What.QUIT): Row(_LEAVE, (Do.LEAVE,)),
    # ------------------------------------------------------------------------------- LEAVING
    (_LEAVE, What.MAY_START): _BUSY_LEAVING,
    (_LEAVE, What.MAY_FINISH): _BUSY_LEAVING,
    (_LEAVE, What.MAY_HOLD): _BUSY_LEAVING,
    (_LEAVE, What.MAY_NOTHING): _BUSY_LEAVING,
    # Somebody is here: not even the moment in which a package is told to end.
    (_LEAVE, What.INPUT_SEEN): Row(_LEAVE, (Do.FREEZE,)),
    (_LEAVE, What.PACKAGE_TAKEN): _ignored(_LEAVE, "the worker hands it back"),
    (_LEAVE, What.ALL_ENDED): _ignored(_LEAVE, "the worker ends next"),
    (_LEAVE, What.WORKER_GONE): _ENDED,
    (_LEAVE, What.LEAVE_OVERDUE): Row(_LEAVE, (Do.KILL,)),
    (_LEAVE, What.PAUSE): Row(_LEAVE),
    (_LEAVE, What.PAUSE_AFTER_PACKAGE): Row(_LEAVE),
    (_LEAVE, What.RESUME): Row(_LEAVE),
    (_LEAVE, What.QUIT): Row(_LEAVE),
    # ---------------------------------------------------------------------------------- GONE
    (_GONE, What.MAY_START): _OVER,
    (_GONE, What.MAY_FINISH): _OVER,
    (_GONE, What.MAY_HOLD): _OVER,
    (_GONE, What.MAY_NOTHING): _OVER,
    (_GONE, What.INPUT_SEEN): _OVER,
    (_GONE, What.PACKAGE_TAKEN): _refused(_GONE, "there is no worker"),
    (_GONE, What.ALL_ENDED): _refused(_GONE, "there is no worker"),
    (_GONE, What.WORKER_GONE): _refused(_GONE, "there is no worker"),
    (_GONE, What.LEAVE_OVERDUE): _OVER,
    (_GONE, What.PAUSE): _OVER,
    (_GONE, What.PAUSE_AFTER_PACKAGE): _OVER,
    (_GONE, What.RESUME): _OVER,
    (_GONE, What.QUIT): _OVER,
}

SETTLING = (
    (_SEEK, _LEAVE, "no permit to start (any more)"),
    (_OFF, _GONE, "quitting"),
)
"""The ways that a state goes by itself, right after an event; `_settle` goes them."""

_PERMITS = {what: permit for permit, what in JUDGED.items()} | {
    What.INPUT_SEEN: Permit.HOLD,
    What.WORKER_GONE: Permit.NOTHING,
    What.PAUSE: Permit.NOTHING,
    What.QUIT: Permit.NOTHING,
}
"""What the policy allows after an event; by the others it is left as it is."""


def step(standing: Standing, event: Event) -> tuple[Standing, tuple[Action, ...]]:
    """Where the agent stands after an event, and what is to be done, in this order.

    Raises:
        EventRefused: it cannot happen in this state; the agent stands where it stood.
    """
    what = event.what
    if what is What.MAY_START and standing.pause_next is not None:
        # "After this package" means: nothing new any more.
        what = What.MAY_FINISH
    row = TABLE[standing.state, what]
    if row.refused:
        raise EventRefused(f"{what.name} in {standing.state.name}: {row.why}")
    if standing.state is State.GONE:
        return standing, ()
    if what in JUDGED.values() and _PERMITS[what] is standing.permit:
        return standing, ()
    heard, said = _hear(standing, replace(event, what=what))
    settled, done = _settle(replace(heard, state=row.to))
    # The PC is given back before anything is written.
    return settled, (*row.do, *said, *done)


def _hear(standing: Standing, event: Event) -> tuple[Standing, tuple[Action, ...]]:
    """What an event changes in whatever state."""
    standing = replace(standing, permit=_PERMITS.get(event.what, standing.permit))
    match event.what:
        case What.PAUSE:
            return replace(standing, pause_next=None), (KeepPause(event.pause),)
        case What.PAUSE_AFTER_PACKAGE:
            permit = min(standing.permit, Permit.FINISH)
            return replace(standing, permit=permit, pause_next=event.pause), ()
        case What.RESUME:
            return replace(standing, pause_next=None), (KeepPause(None),)
        case What.QUIT:
            return replace(standing, quitting=True), ()
        case _:
            return standing, ()


def _settle(standing: Standing) -> tuple[Standing, tuple[Action, ...]]:
    """What a state does by itself: no seeking without a permit, a pause in time, the end."""
    actions: tuple[Action, ...] = ()
    if standing.pause_next is not None and standing.state not in (_WORK, _REST):
        actions = (KeepPause(standing.pause_next),)
        standing = replace(standing, pause_next=None, permit=Permit.NOTHING)
    if standing.state is _SEEK and standing.permit is not Permit.START:
        return replace(standing, state=_LEAVE), (*_PART.do, *actions)
    if standing.state is _OFF and standing.quitting:
        return replace(standing, state=_GONE), (*actions, Do.STOP)
    return standing, actions
