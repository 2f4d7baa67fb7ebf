"""Which layer counts, what locks, and that every mistake of every layer is told at once."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from jobman_agent.errors import InputError, SettingsError
from jobman_agent.settings import machine_file_fault
from jobman_agent.settings.layers import load_settings
from jobman_agent.settings.places import Places, find_places, host_name, shipped
from jobman_agent.trust.keys import KeyPair

ALICE = KeyPair.from_seed(b"a" * 32).public
BOB = KeyPair.from_seed(b"b" * 32).public


class Pc:
    """A PC with its files, variables and options."""

    def __init__(self, folder):
        self.folder = folder
        self.places = Places(
            folder / "home", folder / "user.ini", folder / "machine.ini", folder / "lock"
        )
        self.fault = None

    def filled(self, text):
        """With @ for this PC's folder, so that paths are whole on every system."""
        return text.replace("@", f"{self.folder}{os.sep}")

    def user(self, text):
        self.places.user_file.write_text(self.filled(text), encoding="utf-8")
        return self

    def machine(self, text):
        self.places.machine_file.write_text(self.filled(text), encoding="utf-8")
        return self

    def load(self, environ=None, config=None, options=None):
        return load_settings(
            self.places,
            environ=environ or {},
            config=config,
            options=options,
            fault=lambda _path: self.fault,
        )

    def said(self, **given):
        with pytest.raises(SettingsError) as caught:
            self.load(**given)
        return str(caught.value).replace(str(self.folder) + os.sep, "")


@pytest.fixture
def pc(tmp_path):
    return Pc(tmp_path)


def test_without_any_file_the_defaults_hold_and_no_pool_is_named(pc):
    settings = pc.load()

    assert settings.pool.url is None
    assert settings.idle.user_away == timedelta(minutes=10)
    assert [str(w) for w in settings.hours.week[0]] == ["00:00-07:00", "18:00-24:00"]
    assert [str(w) for w in settings.hours.week[6]] == ["00:00-24:00"]
    assert settings.hours.holidays is None
    assert settings.software == ()
    assert settings.origins == {}
    assert settings.notes == ()


def test_the_higher_layer_counts_and_its_origin_is_kept(pc):
    pc.machine("[idle]\nfor = 1 s\nuser_away = 1 s\nlocked_away = 1 s\ncpu_below = 1 %\n")
    pc.user("[idle]\nfor = 2 s\nuser_away = 2 s\nlocked_away = 2 s\n")

    settings = pc.load(
        environ={"JOBMAN_IDLE_FOR": "3 s", "JOBMAN_IDLE_USER_AWAY": "3 s", "JOBMAN_HOME": "/x"},
        options={"idle.for": ("--for", "4 s")},
    )

    assert settings.idle.lasting == timedelta(seconds=4)
    assert settings.idle.user_away == timedelta(seconds=3)
    assert settings.idle.locked_away == timedelta(seconds=2)
    assert settings.idle.cpu_below == 1
    assert settings.origins["idle.for"] == "--for"
    assert settings.origins["idle.user_away"] == "variable JOBMAN_IDLE_USER_AWAY"
    assert settings.origins["idle.locked_away"].endswith("user.ini, line 4")
    assert settings.origins["idle.cpu_below"].endswith("machine.ini, line 5")
    assert "idle.cpu_above" not in settings.origins


def test_config_takes_the_place_of_the_users_file(pc, tmp_path):
    pc.user("[idle]\nuser_away = 2 s\n")
    (tmp_path / "other.ini").write_text("[idle]\nfor = 5 s\n")

    settings = pc.load(config=tmp_path / "other.ini")

    assert settings.idle.lasting == timedelta(seconds=5)
    assert settings.idle.user_away == timedelta(minutes=10)


def test_a_file_that_was_named_must_be_there(pc, tmp_path):
    with pytest.raises(InputError, match=r"--config names .*gone\.ini.*config init"):
        pc.load(config=tmp_path / "gone.ini")
    with pytest.raises(InputError, match="JOBMAN_CONFIG names"):
        pc.load(environ={"JOBMAN_CONFIG": "x"})


def test_a_lock_beats_everything_and_config_does_not_get_round_it(pc, tmp_path):
    pc.machine("[pool]\nurl = dir:@it\n[locked]\nkeys = pool.url, hours, idle.for\n")
    mine = "[pool]\nurl = dir:@mine\nuser = me\n[hours]\nmonday = all day\n[idle]\nfor = 1 s\n"
    (tmp_path / "mine.ini").write_text(pc.filled(mine))

    settings = pc.load(
        config=tmp_path / "mine.ini",
        environ={"JOBMAN_POOL_URL": pc.filled("dir:@mine"), "JOBMAN_HOURS_LAST_START": "0 s"},
        options={"pool.url": ("--pool", "dir:mine")},
    )

    assert settings.pool.url == pc.filled("dir:@it")
    assert settings.pool.user == "me"
    assert settings.idle.lasting == timedelta(minutes=2)
    assert [str(w) for w in settings.hours.week[0]] == ["00:00-07:00", "18:00-24:00"]
    assert settings.hours.last_start == timedelta(minutes=15)
    assert settings.is_locked("pool", "url")
    assert settings.is_locked("hours")
    assert settings.is_locked("hours", "monday")
    assert not settings.is_locked("pool")
    assert not settings.is_locked("pool", "user")
    assert "pool.url of --pool is ignored: it is locked" in settings.notes
    assert len(settings.notes) == 6


def test_only_the_machines_file_can_lock_and_only_what_there_is(pc):
    pc.user("[locked]\nkeys = hours\n").machine(
        "[locked]\nkeys = hours, pool.urll, zebra, locked\n"
    )

    said = pc.said(environ={"JOBMAN_LOCKED_KEYS": "x"})

    assert "user.ini, line 2, [locked] keys: only the machine's file can lock" in said
    assert "variable JOBMAN_LOCKED_KEYS: only the machine's file can lock" in said
    for word in ("pool.urll", "zebra", "locked"):
        assert f"machine.ini, line 2, [locked] keys: '{word}' is no section" in said


def test_a_machines_file_that_anybody_may_have_written_is_ignored_with_the_reason(pc):
    pc.machine("[pool]\nurl = dir:@evil\n[locked]\nkeys = pool.url\n").user(
        "[pool]\nurl = dir:@mine\n"
    )
    pc.fault = "it belongs to mallory"

    settings = pc.load()

    assert settings.pool.url == pc.filled("dir:@mine")
    assert settings.notes == (f"{pc.places.machine_file} is ignored: it belongs to mallory",)


def test_all_mistakes_of_all_layers_are_told_at_once(pc):
    pc.machine("[idle]\nfor = soon\n").user("[limits]\ndisk = 10\n[hous]\n")

    said = pc.said(
        environ={"JOBMAN_POOL_URL": "nonsense", "JOBMAN_IDLE_FRO": "1 s"},
        options={"limits.cores": ("--cores", "all")},
    )

    assert "machine.ini, line 2, [idle] for: 'soon' is no duration" in said
    assert "user.ini, line 2, [limits] disk: '10' has no unit" in said
    assert "user.ini, line 3, [hous]: there is no such section: did you mean [hours]?" in said
    assert "variable JOBMAN_POOL_URL, [pool] url: 'nonsense' is no URL" in said
    assert "variable JOBMAN_IDLE_FRO, [idle] fro: there is no such key: did you mean for?" in said
    assert "--cores, [limits] cores: 'all' is no number of cores" in said


def test_what_contradicts_is_refused(pc):
    assert (
        "cpu_below (50 %) must be less than cpu_above (40 %)"
        in pc.user("[idle]\ncpu_below = 50 %\n").said()
    )
    assert "user.ini, line 2, [idle] cpu_above" in pc.user("[idle]\ncpu_above = 25 %\n").said()
    assert (
        "write amqps://, or insecure = yes"
        in pc.user("[pool]\nurl = amqp://rabbit.office/jobman\n").said()
    )
    assert (
        "friday is named by" in pc.user("[hours]\nmonday-friday = all day\nfriday = none\n").said()
    )
    assert "write ccx = PATH" in pc.user("[software]\nccx.version = 2\n").said()
    pc.user(
        "[idle]\ncpu_below = 100 %\n[pool]\nurl = amqp://rabbit.office/\ninsecure = yes\n"
    ).load()


def test_whoever_names_a_day_names_them_all(pc):
    pc.machine("[hours]\nmonday-sunday = all day\n").user(
        "[hours]\nfriday = 18:00-07:00\nholidays = dk\n"
    )

    hours = pc.load().hours

    assert [len(day) for day in hours.week] == [0, 0, 0, 0, 1, 0, 0]
    assert hours.holidays == "DK"
    other = pc.load(environ={"JOBMAN_HOURS_MONDAY_TUESDAY": "all day"}).hours
    assert [len(day) for day in other.week] == [1, 1, 0, 0, 0, 0, 0]


def test_programs_of_all_layers_are_taken_together(pc):
    pc.machine("[software]\nccx = @ccx\nccx.version = 1\n").user(
        "[software]\nCCX.Version = 2\nPython = @python3\n"
        "python.environment = A=1\n  B=x = y\npython.network = yes\npython.arguments = [a-z]+\n"
    )

    settings = pc.load(environ={"JOBMAN_SOFTWARE_CCX_NETWORK": "yes"})

    ccx, python = settings.software
    assert (ccx.name, ccx.path, ccx.version, ccx.network) == ("ccx", pc.folder / "ccx", "2", True)
    assert python.name == "python"
    assert python.environment == (("A", "1"), ("B", "x = y"))
    assert python.network
    assert python.arguments.fullmatch("abc")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("ccx = ccx", "no whole path"),
        ('ccx = "/opt/my ccx"', "stands in quotes"),
        ("my prog = /opt/x", "no name for a program"),
        ("ccx.arguments = [a", "no regular expression"),
        ("ccx.network = 1", "write yes or no"),
        ("ccx.environment = A", "write NAME=VALUE"),
        ("ccx.environment = JOBMAN_RUN=1", "set by jobman itself"),
        ("ccx.environment = A=1\n  A=2", "stands there twice"),
        ("ccx.verison = 1", "did you mean ccx.version?"),
    ],
)
def test_mistakes_in_software(pc, line, why):
    assert why in pc.user(f"[software]\n{line}\n").said()


def test_employers_of_all_layers_are_taken_together_and_allow_code_adds_up(pc):
    pc.machine(f"[employers]\nalice = {ALICE}\nallow_code = alice\nnever = eve\n").user(
        f"[employers]\nBob = {BOB}\nallow_code = Bob, {ALICE}\nask_for_new = no\n"
    )

    employers = pc.load().employers

    assert employers.keys == {"alice": ALICE, "bob": BOB}
    assert employers.allow_code == {"alice", "bob", ALICE}
    assert employers.never == {"eve"}
    assert not employers.ask_for_new
    assert employers.authority is None


def test_where_employers_is_locked_only_the_machines_count(pc):
    pc.machine(f"[employers]\nalice = {ALICE}\n[locked]\nkeys = employers\n").user(
        f"[employers]\nbob = {BOB}\nallow_code = bob\nauthority = {BOB}\n"
    )

    employers = pc.load().employers

    assert employers.keys == {"alice": ALICE}
    assert employers.allow_code == frozenset()
    assert employers.authority is None


@pytest.mark.parametrize(
    "line", ["alice = ed25519:abc", "authority = alice", "never = a,,b", "x, y = " + ALICE]
)
def test_mistakes_in_employers(pc, line):
    assert "user.ini, line 2, [employers]" in pc.user(f"[employers]\n{line}\n").said()


def test_the_pcs_name_is_filled_into_the_user(pc):
    assert pc.user("[pool]\nuser = pc-{host}\n").load().pool.user == f"pc-{host_name()}"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX owners")
def test_a_file_or_folder_that_is_not_roots_alone_is_at_fault(tmp_path):
    folder = tmp_path / "jobman"
    folder.mkdir(mode=0o755)
    path = folder / "jobman.ini"
    path.write_text("")
    path.chmod(0o644)

    if os.getuid() != 0:
        assert "not to root" in machine_file_fault(path)
        return
    assert machine_file_fault(path) is None
    os.chown(path, 4711, -1)
    assert "belongs to user 4711, not to root" in machine_file_fault(path)
    os.chown(path, 0, -1)
    path.chmod(0o646)
    assert "can be written by others" in machine_file_fault(path)
    path.chmod(0o644)
    os.chown(folder, 4711, -1)
    assert "belongs to user 4711" in machine_file_fault(path)


def test_the_owner_of_a_file_is_seen_on_every_system_and_a_missing_file_is_an_error(tmp_path):
    path = tmp_path / "jobman.ini"
    path.write_text("")

    fault = machine_file_fault(path)

    assert fault is None or " belongs to " in fault
    with pytest.raises(OSError, match="2"):
        machine_file_fault(tmp_path / "gone.ini")


def test_places_are_moved_by_variables_and_end_in_the_hosts_name(tmp_path):
    plain = find_places({})
    moved = find_places(
        {
            "JOBMAN_HOME": str(tmp_path / "h"),
            "JOBMAN_CONFIG": str(tmp_path / "c.ini"),
            "JOBMAN_LOCK_DIR": str(tmp_path / "l"),
        }
    )

    assert plain.home.name == host_name()
    assert plain.machine_file.is_absolute()
    assert plain.lock_dir.is_absolute()
    assert moved.home == tmp_path / "h"
    assert moved.user_file == tmp_path / "c.ini"
    assert moved.lock_dir == tmp_path / "l"
    assert moved.employers_file == tmp_path / "h" / "employers.ini"
    with pytest.raises(InputError, match="JOBMAN_HOME = rel: write a whole path"):
        find_places({"JOBMAN_HOME": "rel"})


def test_what_ships_is_found_and_what_does_not_is_named():
    assert shipped("jobman.ini").is_file()
    with pytest.raises(InputError, match=r"no-such-file is missing in this installation"):
        shipped("no-such-file")


def test_the_user_may_stand_in_the_url_and_a_password_needs_one(pc):
    def user(url, **more):
        return pc.load(environ={"JOBMAN_POOL_URL": url, **more}).pool.user

    pc.user("[pool]\npassword = env:SECRET\n")
    assert user("amqps://pc%2D1@rabbit.office/v") == "pc-1"
    assert user("amqps://me@rabbit.office/v", JOBMAN_POOL_USER="you") == "you"
    assert user(pc.filled("dir:@pool")) is None
    said = pc.said(environ={"JOBMAN_POOL_URL": "amqps://rabbit.office/v"})
    assert "user.ini, line 2, [pool] password: it is not said whose password: write user" in said
    pc.user("")
    assert user("amqps://rabbit.office/v") is None


def test_the_folder_of_a_user_that_there_is_not_is_no_whole_path(pc):
    said = pc.user(
        "[pool]\nca = ~no-such-user/x\nurl = dir:~no-such-user/x\n"
        "[software]\nccx = ~no-such-user/x\n"
    ).said()

    assert said.count("is no whole path: write") == 3
    with pytest.raises(InputError, match="JOBMAN_HOME = ~no-such-user/x: write a whole path"):
        find_places({"JOBMAN_HOME": "~no-such-user/x"})
