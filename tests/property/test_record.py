"""What a PC did, and what the record of it says that it would have done: the same."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jobman_agent.model.reading import UNKNOWN, RemoteUser
from jobman_agent.model.verdict import Permit
from jobman_agent.policy import Memory, decide
from jobman_agent.policy.recorded import Digest, Line, glance_of, spans_of
from jobman_agent.policy.replay import Doing, replay
from tests.unit.policy.readings import START, a_reading, a_source, the_rules

RULES = the_rules(
    user_away=timedelta(minutes=5), locked_away=timedelta(minutes=2), lasting=timedelta(minutes=2)
)
LOOK_S = 10
PER_CHANGE_S = 90.0
"""Quiet of a minute, and a look more or less."""


class Pc:
    """A PC that always has work, looks every ten seconds, and keeps a record."""

    def __init__(self) -> None:
        self.now, self.steady, self.touched = START, 5000.0, 0.0
        self.memory, self.digest = Memory(), Digest()
        self.engaged = self.running = False
        self.lines: list[Line] = []
        self.worked: set[int] = set()
        self.held = 0
        self.holds: list[int] = []
        """How long packages were held, frozen, each time."""

    def live(self, seconds: int, *, here: bool, **says: Any) -> None:
        for _ in range(0, seconds, LOOK_S):
            self.now += timedelta(seconds=LOOK_S)
            self.steady += LOOK_S
            self.touched = self.steady if here else self.touched
            reading = a_reading(
                taken_at=self.steady,
                sources=(a_source(self.steady - self.touched, nudge_pixels=None),),
                engaged=self.engaged,
                **says,
            )
            verdict, self.memory = decide(reading, RULES, self.now, self.memory)
            permit = verdict.permit
            self.engaged = permit > Permit.NOTHING and (self.engaged or permit is Permit.START)
            self.running = permit >= Permit.FINISH and self.engaged
            if self.engaged and not self.running:
                self.held += LOOK_S
            elif self.held:
                self.holds.append(self.held)
                self.held = 0
            if self.running:
                self.worked.add(int(self.now.timestamp()) // LOOK_S)
            glance = glance_of(reading, RULES, self.memory, self.now.timestamp())
            self.lines += self.digest.take(glance)


parts = st.fixed_dictionaries(
    {
        "seconds": st.integers(1, 120).map(lambda n: n * LOOK_S),
        "here": st.sampled_from([True, False]),
    },
    optional={
        "others_cpu": st.sampled_from([3.0, 24.9, 26.0, 41.0, 80.0, UNKNOWN]),
        "locked": st.booleans(),
        "on_battery": st.booleans(),
        "memory_free": st.sampled_from([8_000_000_000, 3_100_000_000, 3_300_000_000, 10**9]),
        "remote_users": st.sampled_from([(), (RemoteUser("anna", 3.0),)]),
        "presentation": st.sampled_from([None, "a film"]),
    },
)


@settings(max_examples=12, deadline=None)
@given(st.lists(parts, min_size=1, max_size=8))
def test_what_is_judged_again_is_what_was_done(story):
    pc = Pc()
    pc.live(600, here=False)
    for part in story:
        pc.live(**part)
    pc.live(1200, here=False)
    # At the very edge a look more or less decides whether all is handed back.
    give_back = RULES.yielding.give_back_after.total_seconds()
    assume(all(abs(held - give_back) > PER_CHANGE_S for held in pc.holds))

    again = {
        number
        for one in replay(spans_of(pc.lines), RULES)
        if one.doing is Doing.WORKING
        for number in range(int(one.start) // LOOK_S, int(one.end) // LOOK_S)
    }

    # The record's last line may be five minutes old.
    last = max(line.at for line in pc.lines) // LOOK_S
    differs = {number for number in pc.worked ^ again if number < last}
    assert len(differs) * LOOK_S <= PER_CHANGE_S * (len(story) + 2)
