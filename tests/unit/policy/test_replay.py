"""Recorded readings judged again: as a judgement every few seconds would have it, only quicker."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobman_agent.model.verdict import ReasonCode
from jobman_agent.policy import replay as module
from jobman_agent.policy.recorded import span_of
from jobman_agent.policy.replay import Doing, Stretch, replay
from jobman_agent.policy.rules import PRESENTATION_CAP
from jobman_agent.settings.pc import Yielding
from jobman_agent.settings.week import Window
from tests.unit.policy.readings import START, the_rules

if TYPE_CHECKING:
    from jobman_agent.policy import Rules

T = START.timestamp()  # 13:00 on the wall
CLEAR: dict[str, Any] = {
    "input": False,
    "remote": False,
    "locked": False,
    "cpu": 0,
    "memory": 50,
    "disk": 2_000_000_000,
    "battery": False,
    "presentation": False,
    "running": (),
}


def played(
    *changes: tuple[float, dict[str, Any]], rules: Rules | None = None, until: float = 7200.0
) -> list[tuple[float, str, set[str]]]:
    """From when on, what, and why; until the end."""
    span = span_of(T + until, [(T, CLEAR), *((T + at, fields) for at, fields in changes)])
    found = replay([span], rules or the_rules())
    assert [s.start for s in found[1:]] == [s.end for s in found[:-1]]
    assert (found[0].start, found[-1].end) == (T, T + until)
    return [(s.start - T, s.doing.value, {c.value for c in s.reasons}) for s in found]


def test_an_undisturbed_pc_works_once_its_waits_are_over():
    assert played() == [
        (0, "off", {"input", "starting"}),
        (120, "off", {"input"}),
        (600, "working", set()),
    ]


def test_a_visit_freezes_and_a_long_one_is_handed_back():
    short = ({"input": True}, {"input": False})
    got = played((1000, short[0]), (1030, short[1]), (3000, short[0]), (6000, short[1]))

    assert got[2:] == [
        (600, "working", set()),
        (1000, "frozen", {"input"}),
        (1150, "working", set()),
        (3000, "frozen", {"input"}),
        (3900, "off", {"input"}),
        (6600, "working", set()),
    ]


def test_two_thresholds_keep_it_working():
    got = played((1000, {"cpu": 30}), (2000, {"cpu": 45}), (3000, {"cpu": 30}), (3100, {"cpu": 5}))

    assert got[2:] == [
        (600, "working", set()),
        (2000, "frozen", {"cpu"}),
        (2900, "off", {"cpu"}),
        (3219, "working", set()),
    ]


def test_hours_end_to_the_second_and_nothing_starts_shortly_before():
    evening = the_rules(week=((Window(13 * 60, 14 * 60), Window(15 * 60, 16 * 60)),) * 7)
    late = ((2000, {"input": True}), (2400, {"input": False}))
    got = played(*late, rules=evening, until=8000)

    assert got[2:] == [
        (600, "working", set()),
        (2000, "frozen", {"input"}),
        (2520, "working", set()),
        (3600, "off", {"hours"}),
        (7200, "working", set()),
    ]


def test_a_presentation_is_forgotten_after_four_hours():
    cap = PRESENTATION_CAP.total_seconds()
    got = played((1000, {"presentation": True}), until=cap + 2000)

    assert got[2:] == [
        (600, "working", set()),
        (1000, "frozen", {"presentation"}),
        (1900, "off", {"presentation"}),
        (1000 + cap + 119, "working", set()),
    ]


def test_what_was_not_listed_is_not_known_and_what_is_not_listed_any_more_does_not_count():
    zoom = (1000, {"running": ("Zoom",)})
    assert played(zoom)[3] == (1000, "frozen", {"program"})
    assert len(played(zoom, rules=the_rules(not_while_running=("skype",)))) == 3


def test_a_changed_wait_changes_what_is_gained():
    patient, quick = the_rules(), the_rules(user_away=timedelta(minutes=3))
    lunch = ((600, {"input": True}), (1000, {"input": False}), (3000, {"input": True}))

    def gained(rules: Rules) -> float:
        span = span_of(T + 4000, [(T, CLEAR), *((T + at, fields) for at, fields in lunch)])
        return sum(s.seconds for s in replay([span], rules) if s.doing is Doing.WORKING)

    assert gained(quick) > gained(patient)


def test_where_nothing_was_recorded_is_nothing():
    spans = [span_of(T + at + 500, [(T + at, CLEAR)]) for at in (0, 1000)]

    found = replay(spans, the_rules(user_away=timedelta(minutes=1)))

    assert [(s.start - T, s.end - T) for s in found if s.doing is Doing.WORKING] == [
        (120, 500),
        (1120, 1500),
    ]


fields = st.fixed_dictionaries(
    {},
    optional={
        "input": st.sampled_from([True, False, False, None]),
        "remote": st.sampled_from([True, False, False, None]),
        "elsewhere": st.sampled_from([True, False]),
        "locked": st.sampled_from([True, False, None]),
        "cpu": st.sampled_from([0, 20, 25, 35, 45, None]),
        "memory": st.sampled_from([50, 85, 95, None]),
        "battery": st.booleans(),
        "presentation": st.booleans(),
        "running": st.sampled_from([(), ("zoom",)]),
    },
)
stories = st.lists(st.tuples(st.integers(1, 300), fields), max_size=8)
RULES = replace(
    the_rules(
        week=((Window(13 * 60, 13 * 60 + 20), Window(13 * 60 + 30, 14 * 60)),) * 7,
        user_away=timedelta(seconds=150),
        locked_away=timedelta(seconds=40),
        lasting=timedelta(seconds=30),
    ),
    yielding=Yielding(timedelta(seconds=50), timedelta(seconds=120)),
)


@settings(max_examples=8, deadline=None)
@given(stories)
def test_no_step_is_left_out_where_something_changes(story):
    at, changes = T, [(T, CLEAR)]
    for passed, what in story:
        at += passed
        changes.append((at, what))
    span = span_of(at + 600, changes)

    quick = replay([span], RULES)
    before, module.LONGEST_STEP_S = module.LONGEST_STEP_S, 1.0
    try:
        slow = replay([span], RULES)
    finally:
        module.LONGEST_STEP_S = before

    assert quick == slow


def test_a_stretch_knows_its_length():
    assert Stretch(1.0, 3.5, Doing.OFF, frozenset({ReasonCode.CPU})).seconds == 2.5
