"""How often a PC is looked at: often where that matters to its owner, seldom where it cannot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobman_agent.agent.resting import FAR_S, LOOK_S, look_seconds, tick_seconds
from jobman_agent.agent.states import State
from jobman_agent.model.verdict import Permit, Reason, ReasonCode, Verdict
from jobman_agent.policy.rules import GAP_SECONDS

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
FOR = timedelta(minutes=2)


def hours(until: datetime | None, leaves: Permit = Permit.NOTHING) -> Verdict:
    return Verdict(NOW, (Reason(ReasonCode.HOURS, "hours", until, leaves),))


def test_outside_its_hours_a_pc_is_looked_at_seldom_but_never_so_seldom_that_it_counts_as_a_gap():
    assert look_seconds(State.OFF_DUTY, hours(NOW + timedelta(hours=6)), FOR, NOW) == FAR_S
    assert look_seconds(State.OFF_DUTY, hours(None), FOR, NOW) == FAR_S
    assert FAR_S + LOOK_S[State.OFF_DUTY] + 3 < GAP_SECONDS


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        (State.OFF_DUTY, None),
        (State.OFF_DUTY, Verdict(NOW)),
        (State.OFF_DUTY, hours(NOW + FOR + timedelta(minutes=1))),  # it must be seen to be quiet
        (State.OFF_DUTY, Verdict(NOW, (Reason(ReasonCode.PAUSED, "until locked"),))),
        (State.WORKING, hours(NOW + timedelta(hours=6), Permit.FINISH)),
        (State.LEAVING, hours(NOW + timedelta(hours=6))),
    ],
)
def test_where_something_may_begin_or_runs_every_look_counts(state: State, verdict: Verdict | None):
    assert look_seconds(state, verdict, FOR, NOW) == 0.0


def test_the_next_look_comes_with_the_next_possible_time_and_soon_where_settings_change():
    soon = hours(NOW + timedelta(seconds=3))

    assert tick_seconds(State.OFF_DUTY, None, NOW, pending=False) == LOOK_S[State.OFF_DUTY]
    assert tick_seconds(State.OFF_DUTY, soon, NOW, pending=False) == 3.0
    assert 0 < tick_seconds(State.OFF_DUTY, hours(NOW), NOW, pending=False) < 0.5
    assert tick_seconds(State.OFF_DUTY, soon, NOW, pending=True) == 0.5
