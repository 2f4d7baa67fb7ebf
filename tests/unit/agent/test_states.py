"""The agent's states: the table is whole, and wherever an agent can stand, the rules hold."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobman_agent.agent.states import (
    JUDGED,
    MEANINGS,
    SETTLING,
    TABLE,
    Do,
    Event,
    KeepPause,
    Standing,
    State,
    What,
    step,
)
from jobman_agent.agent.states_page import page
from jobman_agent.errors import EventRefused
from jobman_agent.model.pause import Pause
from jobman_agent.model.verdict import Permit

PAGE = Path(__file__).parents[3] / "docs" / "states.md"
A_PAUSE = Pause(datetime(2026, 11, 24, 18, 0, tzinfo=UTC))


def after(*events: What, pause: Pause = A_PAUSE) -> tuple[Standing, list[object]]:
    """Where a new agent stands after these, and all that it was told to do."""
    standing, done = Standing(), []
    for what in events:
        standing, actions = step(standing, Event(what, pause))
        done += actions
    return standing, done


def last(*events: What) -> tuple[State, list[object]]:
    """The state after these events, and what the last of them did."""
    before, _ = after(*events[:-1])
    standing, actions = step(before, Event(events[-1], A_PAUSE))
    return standing.state, list(actions)


WORKING = (What.MAY_START, What.PACKAGE_TAKEN)
SUSPENDED = (*WORKING, What.INPUT_SEEN)
LEAVING = (*WORKING, What.MAY_NOTHING)


def reachable() -> dict[tuple[Standing, What], tuple[Standing, tuple[object, ...]]]:
    """Every step that an agent can make."""
    steps, waiting = {}, [Standing()]
    seen = set(waiting)
    while waiting:
        standing = waiting.pop()
        for what in What:
            try:
                then, actions = step(standing, Event(what, A_PAUSE))
            except EventRefused:
                continue
            steps[standing, what] = (then, actions)
            if then not in seen:
                seen.add(then)
                waiting.append(then)
    return steps


def test_every_pair_of_a_state_and_an_event_is_listed():
    assert set(TABLE) == {(state, what) for state in State for what in What}
    assert list(JUDGED) == sorted(Permit, reverse=True)
    assert set(MEANINGS) == set(State)


def test_whatever_does_nothing_says_why():
    for (state, what), row in TABLE.items():
        noted = what in {What.PAUSE, What.PAUSE_AFTER_PACKAGE, What.RESUME, What.QUIT}
        if row.to is state and not row.do and not noted and what is not What.PACKAGE_TAKEN:
            assert row.why, (state, what)
        if row.why:
            assert (row.to, row.do) == (state, ()), (state, what)


def test_what_cannot_happen_is_refused_and_says_where():
    with pytest.raises(EventRefused, match="PACKAGE_TAKEN in OFF_DUTY: there is no worker"):
        step(Standing(), Event(What.PACKAGE_TAKEN))


def test_the_rules_hold_in_every_standing_that_can_be_reached():
    steps = reachable()

    assert len({standing for standing, _ in steps}) > 15
    for (before, what), (then, actions) in steps.items():
        why = f"{what} in {before}: {then}, {actions}"
        if then.state is State.SEEKING:
            assert then.permit is Permit.START, why
            assert then.pause_next is None, why
        if then.state is State.WORKING:
            assert then.permit >= Permit.FINISH, why
        if then.state is State.OFF_DUTY:
            assert not then.quitting, why
        if before.state is State.GONE:
            assert (then, actions) == (before, ()), why
        if before.state is State.WORKING and then.state in {State.SUSPENDED, State.LEAVING}:
            assert actions[0] is Do.FREEZE, why
        if before.state is not State.OFF_DUTY and then.state in {State.OFF_DUTY, State.GONE}:
            assert before.state is State.GONE or Do.SWEEP in actions, why
        assert (Do.START_WORKER in actions) == (
            before.state is State.OFF_DUTY and then.state is State.SEEKING
        ), why
        assert (Do.THAW in actions) == (
            before.state is State.SUSPENDED and then.state is State.WORKING
        ), why
        assert (Do.STOP in actions) == (
            then.state is State.GONE and before.state is not State.GONE
        ), why
        entered = then.state is State.LEAVING and before.state is not State.LEAVING
        assert (Do.LEAVE in actions) == entered, why


def test_saying_the_same_again_does_nothing():
    for (before, what), (then, _) in reachable().items():
        if what in JUDGED.values():
            again, actions = step(then, Event(what))
            assert (again, actions) == (then, ()), (before, what)


def test_the_diagram_shows_the_moves_that_can_be_made_and_no_other():
    moves = {(b.state, t.state) for (b, _), (t, _) in reachable().items() if b.state != t.state}
    drawn = {
        (State[a], State[b])
        for a, b in re.findall(r"^  ([A-Z_]+) --> ([A-Z_]+):", page(), re.MULTILINE)
    }
    # A move and what settles after it are one step, and two arrows.
    straight = {(key[0], row.to) for key, row in TABLE.items()}
    settled = {(a, b): why for a, b, why in SETTLING}
    for a, b in moves:
        via = {(a, c) for (c, d) in settled if d is b} & straight
        assert (a, b) in drawn or via & drawn, (a, b)
    assert drawn - moves <= set(settled)


def test_the_page_in_the_docs_is_the_one_that_the_table_makes():
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("what", [What.INPUT_SEEN, What.MAY_HOLD])
def test_the_owner_comes_back_briefly(what):
    assert last(*WORKING, what) == (State.SUSPENDED, [Do.FREEZE])
    assert last(*WORKING, what, What.MAY_FINISH) == (
        State.WORKING,
        [Do.THAW, Do.FORBID_STARTS],
    )
    assert last(*WORKING, what, What.MAY_FINISH, What.MAY_START)[1] == [Do.ALLOW_STARTS]


def test_the_owner_stays():
    assert last(*SUSPENDED, What.MAY_NOTHING) == (State.LEAVING, [Do.LEAVE])
    assert last(*SUSPENDED, What.MAY_NOTHING, What.ALL_ENDED) == (State.LEAVING, [])
    assert last(*SUSPENDED, What.MAY_NOTHING, What.LEAVE_OVERDUE) == (State.LEAVING, [Do.KILL])
    assert last(*SUSPENDED, What.MAY_NOTHING, What.WORKER_GONE) == (State.OFF_DUTY, [Do.SWEEP])


def test_hours_end_while_packages_run():
    assert last(*WORKING, What.MAY_NOTHING) == (State.LEAVING, [Do.FREEZE, Do.LEAVE])


def test_a_seeking_worker_leaves_with_the_first_touch():
    assert last(What.MAY_START, What.INPUT_SEEN) == (State.LEAVING, [Do.FREEZE, Do.LEAVE])


def test_a_package_that_comes_in_while_others_are_frozen_is_frozen_too():
    assert last(*SUSPENDED, What.PACKAGE_TAKEN) == (State.SUSPENDED, [Do.FREEZE])


def test_with_nothing_left_and_a_permit_it_seeks_again():
    assert last(*WORKING, What.ALL_ENDED) == (State.SEEKING, [])


def test_with_nothing_left_and_no_permit_to_start_it_leaves():
    assert last(*WORKING, What.MAY_FINISH, What.ALL_ENDED) == (
        State.LEAVING,
        [Do.FREEZE, Do.LEAVE],
    )


@pytest.mark.parametrize("before", [WORKING[:1], WORKING, SUSPENDED, LEAVING])
def test_a_worker_that_dies_is_swept_up_and_the_policy_is_asked_anew(before):
    assert last(*before, What.WORKER_GONE) == (State.OFF_DUTY, [Do.SWEEP])
    assert last(*before, What.WORKER_GONE, What.MAY_START) == (
        State.SEEKING,
        [Do.START_WORKER],
    )


@pytest.mark.parametrize(
    ("before", "then", "done"),
    [
        ((), State.OFF_DUTY, []),
        (WORKING[:1], State.LEAVING, [Do.FREEZE, Do.LEAVE]),
        (WORKING, State.LEAVING, [Do.FREEZE, Do.LEAVE]),
        (SUSPENDED, State.LEAVING, [Do.LEAVE]),
        (LEAVING, State.LEAVING, []),
    ],
)
def test_a_pause_gives_the_pc_back_and_then_is_kept(before, then, done):
    assert last(*before, What.PAUSE) == (then, [*done, KeepPause(A_PAUSE)])


@pytest.mark.parametrize(
    ("before", "then", "done"),
    [
        ((), State.OFF_DUTY, [KeepPause(A_PAUSE)]),
        (WORKING[:1], State.LEAVING, [Do.FREEZE, Do.LEAVE, KeepPause(A_PAUSE)]),
        (WORKING, State.WORKING, [Do.FORBID_STARTS]),
        (SUSPENDED, State.SUSPENDED, []),
        (LEAVING, State.LEAVING, [KeepPause(A_PAUSE)]),
    ],
)
def test_a_pause_after_this_package_waits_for_what_is_held(before, then, done):
    assert last(*before, What.PAUSE_AFTER_PACKAGE) == (then, done)


def test_after_this_package_nothing_new_starts_and_then_the_pause_begins():
    told = (*WORKING, What.PAUSE_AFTER_PACKAGE)

    assert last(*told, What.MAY_START) == (State.WORKING, [])
    assert last(*told, What.INPUT_SEEN, What.MAY_START) == (
        State.WORKING,
        [Do.THAW, Do.FORBID_STARTS],
    )
    assert last(*told, What.ALL_ENDED) == (
        State.LEAVING,
        [Do.FREEZE, Do.LEAVE, KeepPause(A_PAUSE)],
    )


def test_a_resume_takes_the_word_back():
    told = (*WORKING, What.PAUSE_AFTER_PACKAGE)

    assert last(*told, What.RESUME) == (State.WORKING, [KeepPause(None)])
    assert last(*told, What.RESUME, What.MAY_START) == (State.WORKING, [Do.ALLOW_STARTS])
    assert last(*told, What.RESUME, What.MAY_START, What.ALL_ENDED) == (State.SEEKING, [])


def test_the_order_of_what_was_said_counts():
    _, done = after(What.PAUSE, What.RESUME)
    assert done == [KeepPause(A_PAUSE), KeepPause(None)]
    _, done = after(What.RESUME, What.PAUSE)
    assert done == [KeepPause(None), KeepPause(A_PAUSE)]


def test_quit_ends_at_once_or_as_soon_as_the_worker_has_left():
    assert last(What.QUIT) == (State.GONE, [Do.STOP])
    assert last(*WORKING, What.QUIT) == (State.LEAVING, [Do.FREEZE, Do.LEAVE])
    assert last(*WORKING, What.QUIT, What.MAY_START) == (State.LEAVING, [])
    assert last(*WORKING, What.QUIT, What.WORKER_GONE) == (State.GONE, [Do.SWEEP, Do.STOP])


def test_somebody_who_comes_while_packages_are_told_to_end_has_the_pc_at_once():
    assert last(*LEAVING, What.INPUT_SEEN) == (State.LEAVING, [Do.FREEZE])
