"""What is kept of readings: changes only, quiet after a minute, and what is read back of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobman_agent.model.reading import UNKNOWN, RemoteUser
from jobman_agent.policy import Memory, decide
from jobman_agent.policy.recorded import Digest, Line, Seen, Span, glance_of, spans_of
from tests.unit.policy.readings import START, Office, a_reading, a_source, the_rules

T = int(START.timestamp())


class Kept(Office):
    """A PC whose readings are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.digest = Digest()
        self.lines: list[Line] = []

    def look(self, **says: Any) -> Any:
        verdict = super().look(**says)
        sources = (a_source(self.steady - self.touched),)
        reading = a_reading(taken_at=self.steady, **({"sources": sources} | self.says))
        glance = glance_of(reading, self.rules, self.memory, self.now.timestamp())
        self.lines += self.digest.take(glance)
        return verdict

    @property
    def span(self) -> Span:
        [span] = spans_of(self.lines)
        return span

    def told(self, name: str) -> list[tuple[int, Any]]:
        """Seconds since the start, and what a field was from then on."""
        found = [(line.at - T, getattr(line, name)) for line in self.lines]
        return [one for one in found if one[1] is not msgspec.UNSET]


def test_a_quiet_pc_says_only_now_and_then_that_it_is_there():
    pc = Kept()
    pc.look()
    pc.later(3600)

    begin, *rest = pc.lines
    assert begin.begin
    assert [line.at - T for line in rest] == list(range(300, 3601, 300))
    assert all(line == Line(line.at) for line in rest)
    assert pc.span == Span(T + 3600.0, pc.span.steps)
    assert {seen for _, seen in pc.span.steps} == {pc.span.steps[0][1]}


def test_hours_at_the_desk_are_two_lines_with_the_first_and_the_last_touch():
    pc = Kept()
    pc.look()
    for _ in range(360):
        pc.later(20)
        pc.touched = pc.steady - 3
    pc.later(300)

    [(_, first), came, went] = pc.told("input")
    assert (first, came, went) == (False, (17, True), (7198, False))


def test_quiet_of_less_than_a_minute_is_not_kept_and_more_is():
    pc = Kept()
    pc.look(others_cpu=50.0)
    pc.later(50, others_cpu=3.0)
    pc.later(10, others_cpu=50.0)
    assert pc.told("cpu") == [(0, 50)]

    pc.later(60, others_cpu=3.0)
    assert pc.told("cpu") == [(0, 50)]
    pc.later(20)  # now it has lasted a minute
    assert pc.told("cpu") == [(0, 50), (71, 0)]
    pc.later(10, others_cpu=21.0)
    assert pc.told("cpu") == [(0, 50), (71, 0), (150, 22)]


def test_what_gets_worse_is_kept_at_once():
    pc = Kept()
    pc.look()

    pc.later(
        10,
        others_cpu=43.0,
        memory_free=2_000_000_000,
        disk_free=10**9,
        on_battery=True,
        presentation="a film of somebody",
        running=frozenset({"zoom"}),
        locked=UNKNOWN,
        remote_users=(RemoteUser("anna", 3.0),),
    )

    last = pc.span.steps[-1]
    assert last[0] == T + 10
    assert last[1] == Seen(
        input=False,
        remote=True,
        elsewhere=True,
        locked=None,
        cpu=42,
        memory=90,
        disk=500_000_000,
        battery=True,
        presentation=True,
        running=("zoom",),
        listed=("Teams.exe", "zoom"),
    )
    text = b"".join(map(msgspec.json.encode, pc.lines))
    assert b"film" not in text
    assert b"anna" not in text


def test_a_gap_ends_one_span_and_begins_another():
    pc = Kept()
    pc.look()
    pc.later(60)
    pc.pass_by(3600)
    pc.look()

    first, second = spans_of(pc.lines)
    assert (first.start - T, first.end - T) == (0, 60)
    assert second.start - T == 3660
    assert second.steps[0][1].input is True  # nobody knows who was there


def test_an_owner_who_cannot_be_seen_is_kept_as_such():
    pc = Kept()
    pc.look()
    pc.later(30)
    pc.says["sources"] = ()
    pc.later(10)
    assert pc.told("input") == [(0, False), (40, None)]

    del pc.says["sources"]
    pc.later(100)

    assert pc.told("input") == [(0, False), (40, None), (51, False)]


def test_all_fields_are_told_where_a_file_begins_and_nothing_older_after_it():
    pc = Kept()
    pc.look(others_cpu=50.0)
    pc.later(30, others_cpu=3.0)
    reading = a_reading(taken_at=pc.steady + 10, sources=(a_source(pc.steady + 10 - pc.touched),))
    glance = glance_of(reading, pc.rules, pc.memory, pc.now.timestamp() + 10)

    whole = pc.digest.take(glance, all_of_it=True)
    assert [line.cpu for line in whole] == [50]
    pc.pass_by(10)
    pc.later(60)

    assert pc.told("cpu") == [(0, 50), (40, 0)]


def test_after_the_clock_was_set_back_the_later_word_counts():
    lines = [Line(1000, begin=True, cpu=5), Line(5000, cpu=50), Line(3000, begin=True, cpu=90)]

    first, second = spans_of(lines)

    assert (first.start, first.end, first.steps[-1][0]) == (1000, 3000, 1000)
    assert second.steps == ((3000.0, Seen(cpu=90)),)


looks = st.tuples(
    st.sampled_from([0.25, 1.0, 10.0, 10.0, 10.0, 50.0, 4000.0]),
    st.sampled_from([UNKNOWN, 0.0, 4.0, 20.0, 24.0, 26.0, 90.0]),
    st.booleans(),
    st.sampled_from([True, False, UNKNOWN]),
    st.sampled_from([(), UNKNOWN, (RemoteUser("anna", 3.0),), (RemoteUser("bo", UNKNOWN),)]),
)


_STILL = (0.25, UNKNOWN, False, True, ())


@settings(max_examples=100)
@given(st.lists(looks, max_size=80))
@example(
    # Two touches within a second of which each is in a second of its own.
    [_STILL] * 11
    + [(4000.0, *_STILL[1:]), _STILL, _STILL, (0.25, UNKNOWN, True, True, ())]
    + [(10.0, *_STILL[1:]), (50.0, *_STILL[1:])]
)
def test_what_is_read_back_is_never_freer_than_what_was_seen(story):
    rules, memory, digest = the_rules(), Memory(), Digest()
    now, steady, touched = START, 5000.0, 1000.0
    lines, seen = [], []
    for passed, cpu, touch, locked, users in story:
        now, steady = now + timedelta(seconds=passed), steady + passed
        touched = steady if touch else touched
        reading = a_reading(
            taken_at=steady,
            sources=(a_source(steady - touched),),
            others_cpu=cpu,
            locked=locked,
            remote_users=users,
        )
        _, memory = decide(reading, rules, now, memory)
        glance = glance_of(reading, rules, memory, now.timestamp())
        lines += digest.take(glance)
        seen.append((glance.at, reading, touch))

    spans = spans_of(lines)

    assert [span.start for span in spans] == sorted(span.start for span in spans)
    for at, reading, touch in seen:
        there = [
            s for span in spans for t, s in span.steps if span.start <= at <= span.end and t <= at
        ]
        if not there:
            continue  # it was the same as before, and nothing came after it
        kept = there[-1]
        if touch:
            assert kept.input
        if kept.cpu is not None:
            assert reading.others_cpu is not UNKNOWN
            assert kept.cpu >= reading.others_cpu // 5 * 5
        assert reading.locked is not False or not kept.locked
        if kept.remote is False:
            assert reading.remote_users == ()


@pytest.mark.parametrize(
    ("used", "kept"),
    [(0.0, 0), (4.9, 0), (5.0, 5), (5.1, 7), (24.9, 22), (25.0, 25), (40.0, 40), (40.1, 42),
     (99.9, 97), (100.0, 100), (140.0, 100), (-1.0, 0), (float("nan"), None)],
)  # fmt: skip
def test_a_level_stays_on_its_side_of_every_threshold(used, kept):
    memory = Memory(returned_at=0.0)
    glance = glance_of(a_reading(others_cpu=used), the_rules(), memory, T)
    assert glance.seen.cpu == kept
    for threshold in range(5, 100, 5):
        if kept is not None:
            assert (kept < threshold, kept > threshold) == (used < threshold, used > threshold)


def test_changing_which_programs_are_listed_is_kept():
    pc = Kept()
    pc.look()
    pc.rules = replace(pc.rules, idle=replace(pc.rules.idle, not_while_running=("skype",)))
    pc.later(10)

    assert pc.told("listed") == [(0, ("Teams.exe", "zoom")), (10, ("skype",))]
