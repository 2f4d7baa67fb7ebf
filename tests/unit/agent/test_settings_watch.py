"""Settings that are read while the agent runs: what holds while a file is wrong, gone, or half."""

from __future__ import annotations

import os
from datetime import date

import pytest
from whenever import TimeZoneNotFoundError, reset_system_tz

from jobman_agent.agent.settings_watch import RACY_S, REREAD_S, TORN_S, VANISHED_S, SettingsWatch
from jobman_agent.settings.layers import load_settings
from jobman_agent.settings.places import Places
from jobman_agent.settings.public_holidays import Found
from tests.fakes import FakeClock

CHRISTMAS = date(2026, 12, 25)


class Pc:
    """A PC whose files change; the clock goes when it is told to."""

    def __init__(self, folder, holidays=None):
        self.user, self.machine = folder / "my.ini", folder / "machine.ini"
        self.places = Places(folder, self.user, self.machine, folder)
        self.clock = FakeClock()
        self.reads = 0
        self.write("10 min")
        self.watch = SettingsWatch(
            self._load, [self.user, self.machine], holidays=holidays, clock=self.clock
        )

    def write(self, away, more=""):
        text = f"[pool]\nurl = dir:{self.user.parent / 'pool'}\n[idle]\nuser_away = {away}\n"
        self.user.write_text(f"{text}{more}", encoding="utf-8")

    def _load(self):
        self.reads += 1
        return load_settings(self.places, environ={}, fault=lambda _path: None)

    def after(self, seconds=1.0):
        """Minutes that count once the agent has looked again, and what is wrong."""
        self.clock.advance(seconds)
        self.watch.refresh()
        minutes = self.watch.settings.idle.user_away.total_seconds() / 60
        assert self.watch.rules.idle == self.watch.settings.idle
        return minutes, self.watch.wrong


@pytest.fixture
def pc(tmp_path):
    return Pc(tmp_path)


def test_what_is_changed_holds_at_the_next_look_and_nothing_is_read_without_need(pc):
    assert pc.after() == (10, "")
    for _ in range(5):
        assert pc.after() == (10, "")
    assert pc.reads == 1

    pc.write("20 min")

    assert pc.after() == (20, "")
    assert pc.reads == 2
    assert not pc.watch.pending


def test_while_the_file_is_wrong_the_last_good_one_holds(pc):
    pc.after()
    pc.write("soon")

    minutes, wrong = pc.after()
    assert minutes == 10
    assert "my.ini, line 4, [idle] user_away: 'soon' is no duration" in wrong
    pc.write("20")
    assert "'20' has no unit" in pc.after()[1]

    pc.write("30 min")
    assert pc.after() == (30, "")


def test_without_a_good_file_there_are_no_rules_until_there_is_one(pc):
    pc.write("soon")
    pc.watch.refresh()
    assert (pc.watch.settings, pc.watch.rules) == (None, None)
    assert pc.watch.wrong

    pc.write("10 min")
    assert pc.after() == (10, "")


def test_a_file_without_a_pool_is_wrong_and_says_how_to_name_one(pc):
    pc.after()
    pc.user.write_text("[idle]\nuser_away = 5 min\n")

    minutes, wrong = pc.after()

    assert minutes == 10
    assert wrong.startswith("no pool is named")


def test_a_change_that_leaves_the_files_marks_as_they_were_is_seen_within_half_a_minute(pc):
    pc.after()
    before = os.stat(pc.user)
    marks = {"_marks": lambda _path: (before.st_mtime_ns, before.st_size)}
    with pytest.MonkeyPatch.context() as patch:  # marks that lie cannot be made on a real disk
        patch.setattr("jobman_agent.agent.settings_watch._marks", marks["_marks"])
        pc.after(REREAD_S)
        pc.write("77 min")

        assert pc.after(1) == (10, "")
        assert pc.after(REREAD_S) == (77, "")


def test_a_second_write_right_after_the_first_is_seen_though_the_marks_are_the_same(pc):
    stamp = pc.clock.now().timestamp()
    os.utime(pc.user, (stamp, stamp))
    marks = (int(stamp * 1e9), 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobman_agent.agent.settings_watch._marks", lambda _path: marks)
        assert pc.after(0) == (10, "")
        assert pc.watch.pending
        pc.write("77 min")
        assert pc.after(0.5) == (77, "")
        assert pc.after(RACY_S) == (77, "")
        assert not pc.watch.pending


def test_an_older_file_put_back_is_seen(pc):
    pc.after()
    kept = pc.user.read_bytes()
    stamp = os.stat(pc.user)
    pc.write("20 min")
    assert pc.after() == (20, "")

    pc.user.write_bytes(kept)
    os.utime(pc.user, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))

    assert pc.after() == (10, "")


@pytest.mark.parametrize("how", ["vanishes", "is empty", "is half written"])
def test_a_file_that_is_gone_or_empty_for_a_moment_changes_nothing(pc, how):
    pc.machine.write_text(f"[pool]\nurl = dir:{pc.user.parent}\n[idle]\nuser_away = 9 h\n")
    assert pc.after() == (10, "")
    if how == "vanishes":
        pc.user.rename(pc.user.with_name("my.ini~"))
    elif how == "is empty":
        pc.user.write_bytes(b"")
    else:
        pc.user.write_text("[idle]\nuser_away = 2")

    assert pc.after(0.1) == (10, "")
    assert pc.watch.pending
    assert pc.after(TORN_S / 2) == (10, "")
    pc.write("20 min")
    assert pc.after(0.1) == (20, "")
    assert not pc.watch.pending


def test_what_is_written_while_it_is_read_counts_only_when_it_is_whole(pc):
    def vanishes():
        kept = pc.user.read_bytes()
        pc.user.unlink()
        try:
            return load()
        finally:
            pc.user.write_bytes(kept)

    load = pc.watch._load
    pc.machine.write_text(f"[pool]\nurl = dir:{pc.user.parent}\n[idle]\nuser_away = 9 h\n")
    pc.watch._load = vanishes
    pc.watch.refresh()
    assert (pc.watch.settings, pc.watch.rules) == (None, None)
    assert pc.watch.wrong == "the settings are just being written"
    assert pc.watch.pending

    pc.watch._load = load
    assert pc.after(0.1) == (10, "")
    pc.watch._load = vanishes
    pc.write("20 min")
    assert pc.after(0.1) == (10, "")
    pc.watch._load = load
    assert pc.after(0.1) == (20, "")
    assert not pc.watch.pending


def test_a_file_that_stays_away_is_believed_to_be_gone(pc):
    pc.machine.write_text(f"[pool]\nurl = dir:{pc.user.parent}\n[idle]\nuser_away = 9 h\n")
    pc.after()
    pc.user.unlink()

    assert pc.after(0.5) == (10, "")
    assert pc.after(VANISHED_S) == (540, "")
    assert not pc.watch.pending


def test_a_last_line_without_an_end_is_believed_after_a_second(pc):
    pc.after()
    pc.user.write_text(pc.user.read_text().replace("10 min\n", "30 min"))

    assert pc.after(0.1) == (10, "")
    assert pc.after(TORN_S) == (30, "")


def test_what_the_machines_file_locks_holds_from_then_on(pc):
    pc.after()
    pc.machine.write_text("[idle]\nuser_away = 2 h\n[locked]\nkeys = idle\n")
    assert pc.after() == (120, "")
    assert any("idle.user_away of" in note for note in pc.watch.notes)

    pc.write("1 min")
    assert pc.after() == (120, "")
    pc.machine.write_text("[idle]\nuser_away = 2 h\n[locked]\nkeys = idel\n")
    assert "'idel' is no section" in pc.after()[1]


def test_a_time_zone_that_there_is_not_keeps_no_settings_from_being_read(pc, monkeypatch):
    monkeypatch.setenv("TZ", "Nowhere/City")
    with pytest.raises(TimeZoneNotFoundError):
        reset_system_tz()

    assert pc.after() == (10, "")
    pc.write("20 min")
    assert pc.after() == (20, "")


class Lookup:
    """Says what the test says of a place."""

    def __init__(self):
        self.says = {"DK": None}

    def __call__(self, place):
        return Found() if place is None else self.says[place]


def test_settings_with_holidays_hold_once_these_are_known(tmp_path):
    lookup = Lookup()
    pc = Pc(tmp_path, lookup)
    assert pc.after() == (10, "")

    pc.write("20 min", "[hours]\nholidays = DK\n")
    assert pc.after() == (10, "")
    assert pc.watch.pending
    lookup.says["DK"] = Found({CHRISTMAS: "Christmas Day"})
    assert pc.after() == (20, "")
    assert pc.watch.rules.calendar.holidays == {CHRISTMAS}
    assert not pc.watch.pending

    lookup.says["DX"] = "'DX' is no country: did you mean DK?"
    pc.write("30 min", "[hours]\nholidays = DX\n")
    minutes, wrong = pc.after()
    assert minutes == 20
    assert "my.ini, line 6, [hours] holidays: 'DX' is no country" in wrong
    assert pc.watch.rules.calendar.holidays == {CHRISTMAS}

    pc.write("30 min", "[hours]\nholidays = none\n")
    assert pc.after() == (30, "")
    assert pc.watch.rules.calendar.holidays == frozenset()


def test_until_the_first_holidays_are_known_nothing_holds_and_that_is_said(tmp_path):
    lookup = Lookup()
    pc = Pc(tmp_path, lookup)
    pc.write("20 min", "[hours]\nholidays = DK\n")
    pc.watch.refresh()
    assert pc.watch.settings is None
    assert pc.watch.wrong == "the public holidays of DK are being looked up"

    lookup.says["DK"] = Found(note="the public holidays of DK cannot be looked up")
    assert pc.after() == (20, "")
    assert pc.watch.notes == ("the public holidays of DK cannot be looked up",)
    assert pc.watch.rules.calendar.holidays == frozenset()

    # A later try succeeds, with no file changed.
    lookup.says["DK"] = Found({CHRISTMAS: "Christmas Day"})
    assert pc.after() == (20, "")
    assert pc.watch.rules.calendar.holidays == {CHRISTMAS}
    assert pc.watch.notes == ()
