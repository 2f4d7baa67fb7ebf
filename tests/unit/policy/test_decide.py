"""The verdict: all reasons, their texts, the next possible time, and what waits for how long."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jobman_agent.errors import InputError
from jobman_agent.model.pause import Pause
from jobman_agent.model.reading import UNKNOWN
from jobman_agent.model.verdict import Permit, Reason, ReasonCode, Verdict
from jobman_agent.policy import judge_hours, make_rules
from jobman_agent.policy.look import duration_text, progress_text
from jobman_agent.settings.layers import load_settings
from jobman_agent.settings.places import find_places
from jobman_agent.settings.week import Window
from tests.unit.policy.readings import Office, a_reading, codes, free_office, texts, the_rules

EVENINGS = ((Window(18 * 60, 24 * 60),),) * 7


def test_all_reasons_are_told_with_their_texts_and_the_earliest_time():
    office = Office(the_rules(week=EVENINGS))
    office.look()
    office.later(180)
    office.touch()

    office.later(200)
    verdict = office.later(40, others_cpu=31.0)

    assert verdict.text == (
        "keyboard 4 of 10 min; CPU 31 % over 25 % for 30 s; hours from 18:00: earliest 18:00"
    )
    assert verdict.next is not None
    assert verdict.next.isoformat() == "2026-11-24T18:00:00+01:00"
    assert [reason.code.value for reason in verdict.reasons] == ["input", "cpu", "hours"]


CONDITIONS = [
    ({"others_cpu": 30.0}, ReasonCode.CPU, "CPU 30 % over 25 % for 0 s"),
    ({"others_cpu": UNKNOWN}, ReasonCode.CPU, "CPU of other programs cannot be seen"),
    ({"others_cpu": float("nan")}, ReasonCode.CPU, "CPU of other programs cannot be seen"),
    ({"memory_free": 2_400_000_000}, ReasonCode.MEMORY, "memory 15 % free, 20 % needed"),
    ({"memory_free": UNKNOWN}, ReasonCode.MEMORY, "how much memory is free cannot be seen"),
    ({"memory_total": UNKNOWN}, ReasonCode.MEMORY, "how much memory is free cannot be seen"),
    ({"memory_total": 0}, ReasonCode.MEMORY, "how much memory is free cannot be seen"),
    ({"disk_free": 1_500_000_000}, ReasonCode.DISK, "disk 1.5 GB free, 2 GB needed"),
    ({"disk_free": UNKNOWN}, ReasonCode.DISK, "how much disk space is free cannot be seen"),
    ({"on_battery": True}, ReasonCode.BATTERY, "on battery"),
    ({"on_battery": UNKNOWN}, ReasonCode.BATTERY, "whether the PC runs on battery cannot be seen"),
    ({"running": frozenset({"zoom"})}, ReasonCode.PROGRAM, "zoom runs"),
    ({"running": frozenset({"zoom", "a"})}, ReasonCode.PROGRAM, "a, zoom run"),
    ({"running": UNKNOWN}, ReasonCode.PROGRAM, "which programs run cannot be seen"),
]


@pytest.mark.parametrize(("says", "code", "text"), CONDITIONS)
def test_what_holds_a_pc_back_must_have_been_gone_for_a_while(says, code, text):
    office = free_office()
    before = {name: getattr(a_reading(), name) for name in says}

    verdict = office.look(**says)
    assert (codes(verdict), texts(verdict)) == ([code], [text])
    assert verdict.permit < Permit.START
    verdict = office.later(40, **before)
    assert codes(verdict) == [code]
    assert "for 40 s of 2 min" in verdict.text
    assert verdict.next == office.now + timedelta(seconds=80)
    assert office.later(79).permit < Permit.START
    assert office.later(1).permit is Permit.START


def test_each_condition_is_off_where_the_settings_say_so():
    office = free_office(cpu_below=100.0, on_battery=True, not_while_running=())

    verdict = office.look(others_cpu=UNKNOWN, on_battery=UNKNOWN, running=UNKNOWN)

    assert verdict.permit is Permit.START
    assert office.look(others_cpu=99.0, on_battery=True).permit is Permit.START


def test_between_the_two_thresholds_work_goes_on_but_does_not_begin():
    office = free_office()

    assert office.look(others_cpu=30.0).permit is Permit.HOLD
    office.later(150, others_cpu=3.0)
    assert office.look(engaged=True, others_cpu=30.0).permit is Permit.START
    assert office.look(others_cpu=40.0).permit is Permit.START
    verdict = office.look(others_cpu=41.0)
    assert (verdict.permit, texts(verdict)) == (Permit.HOLD, ["CPU 41 % over 40 % for 0 s"])


def test_what_the_cpu_of_others_stopped_goes_on_only_below_the_lower_threshold():
    office = free_office()
    office.look(engaged=True, others_cpu=60.0)

    assert texts(office.later(40, others_cpu=30.0)) == ["CPU 30 % over 25 % for 40 s"]
    assert office.later(60, others_cpu=20.0).permit is Permit.HOLD
    assert office.later(10, others_cpu=30.0).permit is Permit.HOLD
    assert office.later(110, others_cpu=20.0).permit is Permit.HOLD
    assert office.later(10).permit is Permit.START
    assert office.look(others_cpu=30.0).permit is Permit.START


@pytest.mark.parametrize(
    ("says", "permit"),
    [
        ({"memory_free": 2_400_000_000}, Permit.FINISH),
        ({"memory_free": 1_500_000_000}, Permit.NOTHING),
        ({"disk_free": 1_900_000_000}, Permit.FINISH),
        ({"disk_free": 400_000_000}, Permit.NOTHING),
        ({"on_battery": True}, Permit.HOLD),
        ({"running": frozenset({"zoom"})}, Permit.HOLD),
    ],
)
def test_what_each_condition_leaves_to_packages_that_are_held(says, permit):
    office = free_office()

    assert office.look(engaged=True, **says).permit is permit


def test_memory_pressure_hands_back_once_and_then_only_waits():
    office = free_office()
    office.look(engaged=True, memory_free=1_000_000)

    assert office.later(10, memory_free=8_000_000_000).permit is Permit.HOLD


@pytest.mark.parametrize(
    ("seconds", "steady"),
    [
        (3600.0, 3600.0),  # Windows: both clocks go on while it sleeps
        (3600.0, 5.0),  # Linux, macOS: the steady one stands
        (86400.0, 10.0),  # somebody set the clock: a day on
        (-86400.0, 10.0),  # a day back
    ],
)
def test_a_gap_starts_every_wait_anew(seconds, steady):
    office = free_office()
    assert office.look().permit is Permit.START

    office.pass_by(seconds, steady=steady)
    verdict = office.look()

    assert codes(verdict) == [ReasonCode.INPUT, ReasonCode.STARTING]
    assert texts(verdict) == ["keyboard 0 of 10 min", "woke up, or the clock jumped: 0 of 2 min"]
    assert office.later(590).permit is Permit.HOLD
    assert office.later(10).permit is Permit.START


def test_a_slow_poll_or_a_clock_put_right_by_a_second_is_no_gap():
    office = free_office()
    office.pass_by(55)
    assert office.look().permit is Permit.START

    office.pass_by(11, steady=10)

    assert office.look().permit is Permit.START


def test_after_a_gap_frozen_packages_wait_to_be_sure_that_nobody_is_there():
    office = free_office()
    office.look(engaged=True)
    office.pass_by(7200, steady=2)

    assert office.look().permit is Permit.HOLD
    assert office.later(120).permit is Permit.FINISH


def test_outside_the_hours_everything_is_handed_back():
    office = Office(the_rules(week=EVENINGS), datetime(2026, 11, 24, 22, 40, tzinfo=UTC))
    office.look(engaged=True)
    office.later(240)
    assert office.look().permit is Permit.START

    verdict = office.later(60)
    assert (verdict.permit, texts(verdict)) == (Permit.FINISH, ["hours end at Wed 00:00"])
    assert verdict.next is not None
    assert verdict.next.isoformat() == "2026-11-25T18:00:00+01:00"
    verdict = office.later(900)
    assert (verdict.permit, texts(verdict)) == (Permit.NOTHING, ["hours from 18:00"])


def test_hours_begin_to_the_second_for_a_pc_that_was_idle_before():
    office = Office(the_rules(week=EVENINGS), datetime(2026, 11, 24, 16, 50, tzinfo=UTC))
    office.look()
    assert codes(office.later(599)) == [ReasonCode.HOURS]

    assert office.later(1).permit is Permit.START


def test_no_window_at_all_is_never():
    verdict = judge_hours(the_rules(week=((),) * 7), datetime(2026, 11, 24, tzinfo=UTC))

    assert (verdict.text, verdict.next) == ("no hours in sight", None)


@pytest.mark.parametrize(
    ("pause", "text"),
    [
        (Pause(datetime(2026, 11, 24, 13, 0, tzinfo=UTC)), "paused until 14:00: earliest 14:00"),
        (
            Pause(datetime(2026, 11, 25, 5, 0, tzinfo=UTC)),
            "paused until Wed 06:00: earliest Wed 06:00",
        ),
        (Pause(), "paused until you resume"),
        (Pause(until_locked=True), "paused until you lock the screen"),
    ],
)
def test_a_pause_hands_back_and_says_until_when(pause, text):
    office = free_office()
    office.memory = replace(office.memory, pause=pause)

    verdict = office.look()

    assert (verdict.permit, verdict.text) == (Permit.NOTHING, text)


def test_a_pause_ends_with_its_time_over_a_sleep_too():
    office = free_office()
    office.memory = replace(office.memory, pause=Pause(office.now + timedelta(minutes=30)))
    assert codes(office.later(1799, every=50)) == [ReasonCode.PAUSED]

    office.pass_by(7200, steady=1)

    assert ReasonCode.PAUSED not in codes(office.look())
    assert office.memory.pause is None


def test_a_pause_until_the_lock_ends_when_the_screen_is_locked():
    office = free_office()
    office.memory = replace(office.memory, pause=Pause(until_locked=True))
    assert office.later(60).permit is Permit.NOTHING

    assert office.look(locked=True).permit is Permit.START
    assert office.look(locked=False).permit is Permit.START


def test_a_pause_without_end_leaves_no_next_time_whatever_else_there_is():
    office = Office(the_rules(week=EVENINGS))
    office.memory = replace(office.memory, pause=Pause())

    assert office.look().next is None


def test_reasons_that_may_end_at_any_time_leave_the_next_known_one():
    at = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)
    six = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
    battery = Reason(ReasonCode.BATTERY, "on battery")
    hours = Reason(ReasonCode.HOURS, "hours from 18:00", six)

    assert Verdict(at, (battery, hours)).next == six
    assert Verdict(at, (battery,)).next is None


def test_a_time_far_away_is_told_with_its_date():
    at = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)
    hours = Reason(ReasonCode.HOURS, "hours", at + timedelta(days=7))

    assert Verdict(at, (hours,)).text == "hours: earliest 2026-12-01 13:00"


def test_a_time_zone_that_is_missing_is_told():
    rules = the_rules()
    rules = replace(rules, calendar=replace(rules.calendar, zone="Europe/Nowhere"))

    with pytest.raises(InputError, match="'Europe/Nowhere' names no time zone"):
        judge_hours(rules, datetime(2026, 11, 24, tzinfo=UTC))


def test_rules_come_from_the_settings(tmp_path):
    config = tmp_path / "jobman.ini"
    config.write_text("[hours]\nmonday = 18:00-07:00\nlast_start = 20 min\n")
    places = find_places({"JOBMAN_HOME": str(tmp_path)})
    settings = load_settings(places, environ={}, config=config, fault=lambda _: "a test")

    rules = make_rules(settings, zone="Europe/Copenhagen")

    assert rules.calendar.week[0] == (Window(1080, 1860),)
    assert rules.calendar.last_start == timedelta(minutes=20)
    assert rules.idle == settings.idle


@pytest.mark.parametrize(
    ("seconds", "total", "text"),
    [
        (0, 600, "0 of 10 min"),
        (40, 600, "40 s of 10 min"),
        (240, 600, "4 of 10 min"),
        (90, 120, "90 s of 2 min"),
        (30, 90, "30 of 90 s"),
        (3700, 7200, "61 min of 2 h"),
        (-5, 60, "0 of 1 min"),
    ],
)
def test_the_text_of_a_wait(seconds, total, text):
    assert progress_text(seconds, timedelta(seconds=total)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.9, "0 s"), (60, "1 min"), (119, "119 s"), (120, "2 min"), (3600, "1 h"), (9000, "2 h")],
)
def test_the_text_of_a_duration(seconds, text):
    assert duration_text(seconds) == text
