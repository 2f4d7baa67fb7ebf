"""What the sources say of themselves, judged; and the policy's word on one reading."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobman_agent.cli.doctor.about_sensors import WATCH, judge, lines
from jobman_agent.cli.doctor.line import Level
from jobman_agent.model.reading import InputSource, Reading
from jobman_agent.sensors.description import Description
from jobman_agent.settings.layers import load_settings
from jobman_agent.settings.places import Places

NOW = datetime.now(UTC)
KEYS = Description("keys", "last used 3 s ago", True, 0.1, True, "", NOW - timedelta(days=3))
FRESH = Description("keys", "last used 3 s ago", True, 0.1, False, "press a key")
GONE = Description("mutter", "no answer", False, None, False, "start it, or do without")
ABSENT = Description("wayland", "there is none", False, 0.1, None)


def only(*rows):
    return [(line.level, line.text) for line in lines(rows)]


def test_a_source_that_is_seen_and_proven_is_fine_and_says_since_when():
    assert only(KEYS) == [(Level.OK, "keys: last used 3 s ago; proven 3 d ago")]


def test_a_source_that_was_never_seen_to_reset_says_how_it_can_be():
    (line,) = lines([FRESH])

    assert line.level is Level.NOTE
    assert "does not count yet" in line.text
    assert line.do == (WATCH,)


def test_what_helps_several_sources_is_said_once():
    first, second = lines([FRESH, FRESH])

    assert first.do == (WATCH,)
    assert second.do == ()


def test_a_blind_source_is_wrong_unless_another_one_sees_and_it_never_did():
    assert only(GONE)[0][0] is Level.WRONG
    assert only(KEYS, GONE)[1][0] is Level.NOTE
    was_proven = Description("mutter", "no answer", False, None, True, "start it")
    assert only(KEYS, was_proven)[1][0] is Level.WRONG


def test_over_ssh_a_blind_source_is_only_a_note_where_the_agent_sees_the_owner():
    (line,) = lines([GONE], agent_sees=True)

    assert line.level is Level.NOTE
    assert "the agent sees the owner" in line.text


def test_each_way_of_an_advice_stands_on_its_own():
    (line,) = lines([GONE])

    assert line.do == ("start it", "do without")


def test_what_this_pc_does_not_have_is_no_trouble():
    assert only(ABSENT) == [(Level.OK, "wayland: there is none")]


def test_an_unknown_value_that_counts_as_a_no_is_wrong():
    cpu = Description("CPU", "it failed", False, None, None, "it counts as a no until it answers")

    assert only(cpu) == [(Level.WRONG, "CPU: it failed")]


def test_for_programs_each_source_has_all_it_knows():
    (line,) = lines([KEYS])

    assert line.data == {
        "source": "keys",
        "value": "last used 3 s ago",
        "known": True,
        "age_seconds": 0.1,
        "proven": True,
        "seen_to_reset": (NOW - timedelta(days=3)).isoformat(),
    }


@pytest.mark.parametrize(("idle", "codes"), [(3600.0, []), (30.0, ["input"])])
def test_one_reading_is_judged_as_if_the_pc_had_been_watched_for_long(tmp_path, idle, codes):
    ini = tmp_path / "jobman.ini"
    ini.write_text("[hours]\nmonday-sunday = all day\n[idle]\ncpu_below = 100 %\n")
    nowhere = Path(tmp_path / "none")
    settings = load_settings(Places(tmp_path, ini, nowhere, nowhere), environ={})
    reading = Reading(
        taken_at=50.0,
        sources=(InputSource("keys", idle, proven=True),),
        locked=False,
        remote_users=(),
        others_cpu=3.0,
        memory_free=900,
        memory_total=1000,
        disk_free=10**12,
        on_battery=False,
        running=frozenset(),
        presentation=None,
    )

    assert [reason.code.value for reason in judge(settings, reading).reasons] == codes
