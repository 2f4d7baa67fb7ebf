"""A replayed week in numbers: gains, interruptions, flaps, what each rule cost, and days."""

from __future__ import annotations

from datetime import UTC, date, datetime

from jobman_agent.model.verdict import ReasonCode
from jobman_agent.policy.office_week import office_week
from jobman_agent.policy.replay import Doing, Stretch, replay
from jobman_agent.policy.week import Piece, Shade, Week, make_week
from jobman_agent.settings.week import Window
from tests.unit.policy.readings import START, the_rules

ZONE = "Europe/Copenhagen"
T = START.timestamp()  # a Tuesday, 13:00 on the wall
HOUR = 3600.0
W, F, N = Doing.WORKING, Doing.FROZEN, Doing.OFF
INPUT, CPU, HOURS = ReasonCode.INPUT, ReasonCode.CPU, ReasonCode.HOURS


def a_week(
    *parts: tuple[float, Doing, set[ReasonCode]], hours: float = 10.0, zone: str = ZONE
) -> Week:
    """Stretches by the hour at which they begin, up to the last hour."""
    ends = [at for at, _, _ in parts[1:]] + [hours]
    stretches = [
        Stretch(T + at * HOUR, T + end * HOUR, doing, frozenset(why))
        for (at, doing, why), end in zip(parts, ends, strict=True)
    ]
    return make_week(stretches, T, T + hours * HOUR, zone)


def test_what_was_gained_and_who_was_disturbed():
    week = a_week(
        (0, N, {INPUT, HOURS}), (1, W, set()), (3, F, {INPUT}), (3.5, W, set()), (5, F, {CPU}),
        (5.25, N, {CPU}), (6, W, set()), (8, N, {HOURS}),
    )  # fmt: skip

    assert week.gained_s == 5.5 * HOUR
    assert week.known_s == 10 * HOUR
    assert (week.interruptions, week.hand_backs, week.cut_off, week.flaps) == (1, 2, 0, 0)


def test_which_rule_cost_what_and_what_it_alone_did():
    week = a_week((0, N, {INPUT, HOURS}), (1, W, set()), (3, F, {INPUT}), (5, N, {HOURS}))

    assert [(c.code, c.held_s / HOUR, c.alone_s / HOUR) for c in week.costs] == [
        (HOURS, 6, 5),
        (INPUT, 3, 2),
    ]


def test_work_that_ends_again_soon_is_a_flap_unless_nobody_knows_what_was_around_it():
    short = [(0, N, {CPU}), (1, W, set()), (1.05, N, {CPU}), (2, W, set()), (2.2, N, {CPU})]
    assert a_week(*short).flaps == 1
    at_the_edge = a_week((0, W, set()), (0.01, N, {CPU}), (9.99, W, set()))
    assert at_the_edge.flaps == 0


def test_a_pc_that_went_to_sleep_with_packages_is_counted_and_its_sleep_is_not_known():
    parts = [
        Stretch(T, T + HOUR, W, frozenset()),
        Stretch(T + 3 * HOUR, T + 4 * HOUR, N, frozenset({INPUT})),
        Stretch(T + 5 * HOUR, T + 6 * HOUR, W, frozenset()),
    ]
    week = make_week(parts, T, T + 10 * HOUR, ZONE)

    assert (week.cut_off, week.hand_backs, week.known_s) == (1, 0, 3 * HOUR)


def test_what_lies_outside_the_week_does_not_count():
    whole = [Stretch(T - 50 * HOUR, T + 50 * HOUR, W, frozenset())]
    assert make_week(whole, T, T + HOUR, ZONE).gained_s == HOUR


def test_days_end_at_midnight_on_the_wall():
    parts = [(0, W, set()), (1, N, {CPU, INPUT}), (2, N, {CPU}), (3, F, {CPU}), (20, N, {HOURS})]
    week = a_week(*parts, hours=24)

    tuesday, wednesday = week.days
    assert (tuesday.date, wednesday.date) == (date(2026, 11, 24), date(2026, 11, 25))
    assert tuesday.pieces == (
        Piece(780, 840, Shade.WORKING),
        Piece(840, 900, Shade.OWNER),
        Piece(900, 960, Shade.OTHER),
        Piece(960, 1440, Shade.FROZEN),
    )
    assert wednesday.pieces == (Piece(0, 540, Shade.FROZEN), Piece(540, 780, Shade.HOURS))
    assert (tuesday.gained_s, wednesday.gained_s) == (HOUR, 0)
    assert week.start.isoformat() == "2026-11-24T13:00:00+01:00"


def test_a_day_of_25_hours_has_one_row():
    start = datetime(2026, 10, 24, 22, 0, tzinfo=UTC).timestamp()  # Sunday's midnight
    parts = [Stretch(start + n * HOUR, start + (n + 1) * HOUR, W, frozenset()) for n in range(25)]

    [day] = make_week(parts, start, start + 25 * HOUR, ZONE).days

    assert day.gained_s == 25 * HOUR
    assert all(0 <= piece.start < piece.end <= 1440 for piece in day.pieces)
    assert day.pieces[-1].end == 1440


def test_a_week_of_which_nothing_is_known_has_its_days_all_the_same():
    week = make_week([], T, T + 7 * 24 * HOUR, ZONE)

    assert len(week.days) == 8
    assert (week.gained_s, week.costs) == (0, ())


def test_the_example_week_is_one_week_and_shows_every_kind_of_thing():
    nights = (Window(0, 420), Window(1080, 1440))
    rules = the_rules(week=((nights,) * 5) + (((Window(0, 1440),),) * 2))
    span = office_week(START, ZONE)
    week = make_week(replay([span], rules), span.start, span.end, ZONE)

    assert span.end - span.start == 7 * 24 * HOUR
    assert week.start.isoformat() == "2026-11-23T00:00:00+01:00"
    assert {piece.shade for day in week.days for piece in day.pieces} == set(Shade) - {Shade.NONE}
    assert 90 * HOUR < week.gained_s < 115 * HOUR
    assert week.interruptions == 4
    assert week.flaps == 0
    assert {ReasonCode.SESSION, ReasonCode.PRESENTATION} <= {cost.code for cost in week.costs}


def test_the_example_week_of_a_clock_change_is_an_hour_longer():
    span = office_week(datetime(2026, 10, 22, 12, tzinfo=UTC), ZONE)
    assert span.end - span.start == (7 * 24 + 1) * HOUR
