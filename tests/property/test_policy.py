"""Any sequence of readings: the policy answers, fails closed, keeps the owner's peace, and ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobman_agent.model.reading import UNKNOWN, InputSource, RemoteUser
from jobman_agent.model.verdict import Permit, Verdict
from jobman_agent.policy import Memory, decide
from jobman_agent.settings.week import Window
from tests.unit.policy.readings import a_reading, the_rules

RULES = the_rules(
    week=((Window(0, 1440),),) * 7,
    user_away=timedelta(seconds=60),
    locked_away=timedelta(seconds=20),
    lasting=timedelta(seconds=30),
)
AWAY, LASTING, RESUME = 60.0, 30.0, 120.0
START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

odd_numbers = st.sampled_from([UNKNOWN, 0.0, 0.5, 31.0, 1e12, -5.0, float("nan"), float("inf")])
sources = st.builds(
    InputSource,
    st.sampled_from(["X11", "Mutter"]),
    odd_numbers,
    st.booleans(),
    st.one_of(st.none(), odd_numbers),
)
readings = st.fixed_dictionaries(
    {},
    optional={
        "sources": st.lists(sources, max_size=3).map(tuple),
        "locked": st.sampled_from([True, False, UNKNOWN]),
        "remote_users": st.sampled_from(
            [UNKNOWN, (), (RemoteUser("anna", 3.0),), (RemoteUser("bo", float("nan")),)]
        ),
        "others_cpu": st.one_of(odd_numbers, st.floats(0, 100)),
        "memory_free": st.sampled_from([UNKNOWN, -1, 0, 2_000_000_000, 8_000_000_000]),
        "memory_total": st.sampled_from([UNKNOWN, 0, 16_000_000_000]),
        "disk_free": st.sampled_from([UNKNOWN, 0, 1_000_000_000, 10**12]),
        "on_battery": st.sampled_from([True, False, UNKNOWN]),
        "running": st.sampled_from([UNKNOWN, frozenset(), frozenset({"zoom"})]),
        "presentation": st.sampled_from([UNKNOWN, None, "a film"]),
        "engaged": st.booleans(),
    },
)
jumps = st.sampled_from([(10.0, 10.0), (1.0, 1.0), (86400.0, 10.0), (-86400.0, 10.0), (10.0, -5.0)])


def is_sound(verdict: Verdict, says: dict[str, Any]) -> None:
    assert (verdict.permit is Permit.START) == (verdict.reasons == ())
    codes = [reason.code for reason in verdict.reasons]
    assert len(set(codes)) == len(codes)
    assert verdict.text
    for reason in verdict.reasons:
        assert reason.text
        assert reason.leaves < Permit.START
        assert reason.until is None or reason.until >= verdict.at
    must_be_known = ("remote_users", "memory_free", "memory_total", "disk_free", "on_battery")
    if UNKNOWN in [says.get(name) for name in (*must_be_known, "running", "presentation")]:
        assert verdict.permit <= Permit.HOLD
    if "sources" in says and not any(source.proven for source in says["sources"]):
        assert verdict.permit <= Permit.HOLD


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(jumps, readings), max_size=12))
def test_whatever_sensors_and_clocks_say_there_is_a_sound_answer_and_it_ends(story):
    memory, now, steady = Memory(), START, 1000.0
    for (wall_step, steady_step), says in story:
        now += timedelta(seconds=wall_step)
        steady += steady_step

        verdict, memory = decide(a_reading(taken_at=steady, **says), RULES, now, memory)

        is_sound(verdict, says)
    for _ in range(16):
        now += timedelta(seconds=10)
        steady += 10
        verdict, memory = decide(a_reading(taken_at=steady), RULES, now, memory)
    assert verdict.permit is Permit.START, verdict.text


moments = st.tuples(
    st.sampled_from([0.5, 2.0, 10.0, 45.0]),
    st.sampled_from(["nothing", "nothing", "key", "nudge", "lock", "unlock", "busy", "calm"]),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(moments, max_size=40), st.booleans())
def test_nothing_runs_near_an_owner_and_nothing_starts_before_the_waits_are_over(story, engaged):
    memory, now, steady = Memory(), START, 1000.0
    key, gentle, busy = steady - 3600, steady - 3600, steady
    locked, cpu, first = False, 3.0, steady + (story[0][0] if story else 0.0)
    for seconds, what in story:
        now += timedelta(seconds=seconds)
        steady += seconds
        nudge: float | None = 0.0
        match what:
            case "key":
                key, nudge = steady, None
            case "nudge":
                gentle, nudge = steady, 4.0
            case "lock" | "unlock":
                locked = what == "lock"
            case "busy" | "calm":
                cpu = 60.0 if what == "busy" else 3.0
        if cpu > 40:
            busy = steady
        source = InputSource("X11", steady - max(key, gentle), proven=True, nudge_pixels=nudge)
        reading = replace(
            a_reading(taken_at=steady, locked=locked, others_cpu=cpu, engaged=engaged),
            sources=(source,),
        )

        verdict, memory = decide(reading, RULES, now, memory)

        quiet = steady - key
        wait = 20.0 if locked else AWAY
        if quiet < min(wait, RESUME if engaged else wait):
            assert verdict.permit <= Permit.HOLD, verdict.text
        if quiet < wait or steady - busy < LASTING or steady - first < LASTING:
            assert verdict.permit < Permit.START, verdict.text
        if what == "nudge":
            assert verdict.permit <= Permit.HOLD, verdict.text
        calm = steady - max(key, gentle) >= wait and steady - busy >= LASTING
        if calm and steady - first >= LASTING:
            assert verdict.permit is Permit.START, verdict.text
