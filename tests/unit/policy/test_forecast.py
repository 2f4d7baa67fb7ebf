"""The forecast: what four of five earlier days reached, and never more than the hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobman_agent.policy.forecast import Alone, alone_until, free_until, times_alone
from jobman_agent.policy.hours import opening_at
from jobman_agent.policy.recorded import span_of
from jobman_agent.settings.week import Window
from tests.unit.policy.readings import START, the_rules

ZONE = "Europe/Copenhagen"
HOUR = 3600.0
NIGHTS = ((Window(0, 7 * 60), Window(18 * 60, 24 * 60)),) * 7
NOW = datetime(2026, 12, 8, 19, 0, tzinfo=UTC)  # a Tuesday, 20:00 in Copenhagen


def evenings(*hours: float, every: int = 7, waited: float = 2.0) -> list[Alone]:
    """Alone for two hours already at this time of earlier days, and for so many hours more."""
    found = []
    for number, more in enumerate(hours):
        then = NOW.timestamp() - (number + 1) * every * 86400
        found.append(Alone(then - waited * HOUR, then + more * HOUR))
    return sorted(found, key=lambda one: one.start)


def expected(history: list[Alone], now: datetime = NOW) -> float | None:
    until = alone_until(history, now, ZONE)
    return None if until is None else (until - now).total_seconds() / HOUR


@pytest.mark.parametrize(
    ("hours", "hours_left"),
    [
        ((), None),
        ((5, 5), None),
        ((5, 9, 7), 5),
        ((1, 9, 9, 9, 8), 8),
        ((1, 2, 9, 9, 9, 8), 2),
    ],
)
def test_four_of_five_earlier_evenings_of_this_weekday_lasted_that_long(hours, hours_left):
    assert expected(evenings(*hours)) == hours_left


def test_without_enough_of_this_weekday_the_other_working_days_tell():
    monday, sunday, saturday, friday, thursday = evenings(4, 1, 1, 6, 5, every=1)[::-1]

    assert expected([saturday, sunday, monday]) is None
    assert expected([friday, saturday, sunday, monday]) is None
    assert expected([thursday, friday, saturday, sunday, monday]) == 4


def test_short_breaks_say_nothing_of_somebody_who_has_long_been_away():
    coffee = evenings(0.1, 0.1, 0.1, waited=0.05)
    long_away = Alone(NOW.timestamp() - 5 * HOUR, NOW.timestamp())
    just_left = Alone(NOW.timestamp() - 0.02 * HOUR, NOW.timestamp())

    assert expected([*coffee, long_away]) is None
    assert expected([*coffee, just_left]) == pytest.approx(0.1)
    assert expected(coffee) == pytest.approx(0.1)  # not known for how long: believe the worst


def test_a_time_alone_of_several_days_counts_for_each_of_them():
    until = NOW.timestamp() - 24 * HOUR  # alone from Thursday to Monday evening, 20:00
    assert expected([Alone(until - 98 * HOUR, until + HOUR)]) == 1


def test_the_hours_end_it_in_any_case_and_alone_count_without_a_record():
    rules = the_rules(week=NIGHTS)
    seven = datetime(2026, 12, 9, 6, 0, tzinfo=UTC)

    assert free_until(rules, NOW) == seven
    assert free_until(rules, NOW, evenings(99, 99, 99)) == seven
    assert free_until(rules, NOW, evenings(3, 3, 3)) == NOW + timedelta(hours=3)
    assert free_until(the_rules(), NOW) is None
    assert free_until(the_rules(), NOW, evenings(3, 3, 3)) == NOW + timedelta(hours=3)


def test_where_nobody_sits_the_hours_alone_count():
    rules = the_rules(week=NIGHTS, owner_watched=False)
    assert free_until(rules, NOW, evenings(1, 1, 1)) == datetime(2026, 12, 9, 6, 0, tzinfo=UTC)


def test_the_clock_on_the_wall_counts_over_a_change():
    now = datetime(2026, 10, 27, 19, 0, tzinfo=UTC)  # 20:00; in the weeks before 20:00 was 18:00Z
    history = [
        Alone(
            (now - timedelta(weeks=n, hours=2)).timestamp(), (now - timedelta(weeks=n)).timestamp()
        )
        for n in (3, 2, 1)
    ]  # 19:00 to 21:00 on the wall
    assert expected(history, now) == 1


def visits(*what: tuple[float, bool | None], until: float = 100_000.0) -> list[tuple[float, float]]:
    t = START.timestamp()
    steps = [(t, {"input": False, "remote": False}), *((t + at, {"input": v}) for at, v in what)]
    found = times_alone([span_of(t + until, steps)], the_rules())
    return [(one.start - t, one.end - t) for one in found]


def test_a_short_visit_does_not_end_a_time_alone_and_a_long_one_does():
    assert visits() == [(0, 100_000)]
    assert visits((5000, True), (5700, False)) == [(0, 100_000)]
    assert visits((5000, True), (5800, False)) == [(0, 5000), (5800, 100_000)]
    assert visits((5000, True)) == [(0, 5000)]
    assert visits((5000, None), (9000, False)) == [(0, 5000), (9000, 100_000)]


def test_short_visits_close_together_are_one():
    close = [(5000, True), (5400, False), (5500, True), (5900, False)]
    apart = [(5000, True), (5400, False), (5600, True), (6000, False)]
    assert visits(*close) == [(0, 5000), (5900, 100_000)]
    assert visits(*apart) == [(0, 100_000)]


def test_people_from_elsewhere_count_as_well():
    t = START.timestamp()
    seen = [(t, {"input": False, "remote": True}), (t + 5000, {"remote": False})]
    assert times_alone([span_of(t + 9000, seen)], the_rules()) == [Alone(t + 5000, t + 9000)]


times = st.lists(st.floats(1.0, 200_000.0), max_size=60)
moments = st.integers(0, 270 * 24 * 60).map(lambda minutes: START - timedelta(minutes=minutes))


def alternating(lengths: list[float], end: float) -> list[Alone]:
    """Times alone and not alone by turns, the last one up to a moment."""
    found, at = [], end
    for number, length in enumerate(lengths):
        if number % 2 == 0:
            found.append(Alone(at - length, at))
        at -= length
    return found[::-1]


@settings(max_examples=60)
@given(times, moments, st.sampled_from([NIGHTS, the_rules().calendar.week]))
def test_it_is_never_past_and_never_after_the_hours(lengths, now, week):
    rules = the_rules(week=week)
    history = alternating(lengths, now.timestamp())

    until = free_until(rules, now, history)

    ends = opening_at(rules.calendar, now).ends
    assert until is None or until >= now
    assert ends is None or (until is not None and until <= ends)


@settings(max_examples=60)
@given(st.lists(st.floats(0.1, 20.0), min_size=3, max_size=6), st.integers(0, 5), st.floats(0, 9))
def test_who_stayed_away_longer_is_not_expected_earlier(hours, which, more):
    longer = list(hours)
    longer[which % len(hours)] += more

    before, after = expected(evenings(*hours)), expected(evenings(*longer))

    assert before is not None
    assert after is not None
    assert after >= before - 1e-6
    assert min(hours) - 1e-6 <= before <= max(hours) + 1e-6


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(1, 4000), st.sampled_from([True, False, None])), max_size=30),
    st.integers(0, 1200),
)
def test_more_patience_with_visitors_makes_no_time_alone_shorter(story, more):
    t = START.timestamp()
    at, changes = t, [(t, {"input": False, "remote": False})]
    for passed, here in story:
        at += passed
        changes.append((at, {"input": here}))
    span = span_of(at + 100, changes)
    rules = the_rules()
    patient = replace(
        rules,
        yielding=replace(
            rules.yielding,
            give_back_after=rules.yielding.give_back_after + timedelta(seconds=more),
        ),
    )

    def alone(found: list[Alone]) -> float:
        return sum(one.end - one.start for one in found)

    few, many = times_alone([span], rules), times_alone([span], patient)
    assert alone(many) >= alone(few)
    for one in few:
        assert any(other.start <= one.start and one.end <= other.end for other in many)
