"""logind, GNOME and KDE on a real bus, with python-dbusmock's services."""

from __future__ import annotations

import os
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.model.reading import UNKNOWN, Unknown
from jobman_agent.sensors.probe import Absent, Person, Stranger, Unseen
from tests.unit.sensors.conftest import DEADLINE, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.sensors.conftest import MockBus, Service

from jobman_agent.sensors import mutter, people_linux
from jobman_agent.sensors.inhibitors import (
    GnomeInhibitors,
    KdeInhibitors,
    LogindInhibitors,
    PowerInhibitors,
)
from jobman_agent.sensors.mutter import Mutter, MutterTouch
from jobman_agent.sensors.people_linux import WhoIsHere

US, ANNA = 1000, 1001
_SESSION = "org.freedesktop.login1.Session"


@pytest.fixture
def monitor(bus: MockBus) -> Service:
    return bus.serve(mutter.SERVICE, mutter.PATH, mutter.SERVICE)


@pytest.fixture
def logind(bus: MockBus) -> Service:
    return bus.serve_template("logind", people_linux.SERVICE, people_linux.PATH)


@pytest.fixture
def who(logind: Service, monkeypatch: pytest.MonkeyPatch) -> WhoIsHere:
    del logind
    # Of this PC's own sessions the tests must not know.
    monkeypatch.setattr(people_linux.psutil, "users", list)
    return WhoIsHere(SYSTEM_CLOCK, uid=US)


def add_session(logind: Service, number: str, uid: int, name: str, **changes: Any) -> None:
    """An active session on the PC's own screen, but for what is changed: (type, value) each."""
    logind.call("AddSession", "ssusb", (number, "seat0", uid, name, True))
    change(logind, number, Type=("s", "wayland"), **changes)


def change(logind: Service, number: str, **changes: Any) -> None:
    path = f"/org/freedesktop/login1/session/{number}"
    logind.call("UpdateProperties", "sa{sv}", (_SESSION, changes), path=path)


def test_mutter_tells_the_idle_time(monitor: Service) -> None:
    probe = Mutter(expected=True)
    monitor.says(mutter.SERVICE, "GetIdletime", "", "t", "ret = 61500")

    assert probe.look() == 61.5
    monitor.says(mutter.SERVICE, "GetIdletime", "", "t", "ret = 0")
    assert probe.look() == 0.0
    probe.close()


def test_mutter_that_hangs_is_unknown_in_time_and_known_again_later(monitor: Service) -> None:
    probe = Mutter(expected=True)
    monitor.says(mutter.SERVICE, "GetIdletime", "", "t", "ret = 5000")
    assert probe.look() == 5.0

    monitor.process.send_signal(signal.SIGSTOP)
    started = SYSTEM_CLOCK.monotonic()
    with pytest.raises(Unseen, match="did not answer"):
        probe.look()
    assert SYSTEM_CLOCK.monotonic() - started < 1.5
    monitor.process.send_signal(signal.SIGCONT)

    assert probe.look() == 5.0
    probe.close()


def test_the_first_touch_is_told_by_mutters_watch_and_by_no_other_programs(
    monitor: Service,
) -> None:
    touch, told = MutterTouch(), threading.Event()
    monitor.says(mutter.SERVICE, "AddUserActiveWatch", "", "u", "ret = 7")

    for number in (1, 2):  # a watch fires once
        told.clear()
        touch.arm(told.set)
        wait_until(lambda number=number: monitor.calls("AddUserActiveWatch") == number)
        fires(monitor, 3)
        fires(monitor, 7)
        assert told.wait(DEADLINE)
        wait_until(lambda: touch._thread is None)
    assert touch.broken == ""
    touch.close()


def fires(monitor: Service, number: int) -> None:
    monitor.call("EmitSignal", "sssav", (mutter.SERVICE, "WatchFired", "u", [("u", number)]))


def test_a_bus_that_goes_away_counts_as_a_touch(bus: MockBus, monitor: Service) -> None:
    touch, told = MutterTouch(), threading.Event()
    monitor.says(mutter.SERVICE, "AddUserActiveWatch", "", "u", "ret = 7")
    touch.arm(told.set)
    wait_until(lambda: monitor.calls("AddUserActiveWatch"))

    bus.kill()

    assert told.wait(DEADLINE)
    assert "the first touch is not told: the session bus went away" in touch.broken
    touch.close()


def test_without_mutters_watch_input_is_looked_at_instead(bus: MockBus) -> None:
    del bus
    touch, told = MutterTouch(), threading.Event()
    touch.arm(told.set)

    wait_until(lambda: touch.broken)

    assert not told.is_set()
    touch.close()


def test_a_watch_that_nobody_wants_any_more_ends(monitor: Service) -> None:
    touch, told = MutterTouch(), threading.Event()
    monitor.says(mutter.SERVICE, "AddUserActiveWatch", "", "u", "ret = 7")
    touch.arm(told.set)
    wait_until(lambda: monitor.calls("AddUserActiveWatch"))

    touch.close()

    wait_until(lambda: touch._thread is None)
    assert not told.is_set()


def test_without_mutter_there_is_no_such_source_except_in_a_gnome_session(bus: MockBus) -> None:
    del bus
    other = Mutter(expected=False)
    with pytest.raises(Absent):
        other.look()
    other.close()
    probe = Mutter(expected=True)
    with pytest.raises(Unseen, match="does not run"):
        probe.look()
    probe.close()


def test_a_service_that_answers_nonsense_is_unknown(monitor: Service) -> None:
    probe = Mutter(expected=True)
    with pytest.raises(Unseen, match="UnknownMethod"):
        probe.look()
    probe.close()


def test_without_a_bus_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")

    for probe in (Mutter(expected=False), LogindInhibitors(list), GnomeInhibitors()):
        with pytest.raises(Absent, match=r"no .* bus"):
            probe.look()
    people = WhoIsHere(SYSTEM_CLOCK).look()
    assert isinstance(people.locked, Unknown)


def test_the_screen_is_locked_when_our_session_on_it_is(logind: Service, who: WhoIsHere) -> None:
    add_session(logind, "1", US, "me")
    assert who.look().locked is False

    change(logind, "1", LockedHint=("b", True))

    assert who.look().locked is True
    who.close()


@pytest.mark.parametrize("name", ["org.xfce.ScreenSaver", "org.freedesktop.ScreenSaver"])
def test_a_locker_that_does_not_tell_logind_is_asked_itself(
    bus: MockBus, logind: Service, who: WhoIsHere, name: str
) -> None:
    add_session(logind, "1", US, "me")
    locker = bus.serve(name, f"/{name.replace('.', '/')}", name)

    for active in (False, True, False):
        locker.says(name, "GetActive", "", "b", f"ret = {active}")
        assert who.look().locked is active
    locker.says(name, "GetActive", "", "b", "raise Exception('no')")
    assert who.look().locked is False
    who.close()


def test_a_locker_is_asked_where_there_is_no_logind(bus: MockBus) -> None:
    name = "org.gnome.ScreenSaver"
    locker = bus.serve(name, "/org/gnome/ScreenSaver", name)
    locker.says(name, "GetActive", "", "b", "ret = True")
    who = WhoIsHere(SYSTEM_CLOCK)

    assert who.look().locked is True
    who.close()


def test_people_from_elsewhere_are_told_with_the_idle_time_of_their_terminal(
    logind: Service, who: WhoIsHere
) -> None:
    add_session(logind, "1", US, "me")
    far, near = os.openpty()
    terminal = os.ttyname(near).removeprefix("/dev/")
    os.utime(os.ttyname(near), (SYSTEM_CLOCK.now().timestamp() - 100, 0))
    add_session(logind, "2", ANNA, "anna", Remote=("b", True), TTY=("s", terminal))
    add_session(logind, "3", ANNA, "anna", Remote=("b", True))

    people = who.look()

    typing, unseen = sorted(people.remote, key=lambda person: person.terminal, reverse=True)
    assert typing.idle_seconds == pytest.approx(100, abs=5)
    assert unseen == Person("anna", UNKNOWN, "")
    assert people.strangers == ()
    who.close()
    os.close(far)
    os.close(near)


def test_another_user_at_the_screen_is_a_stranger_while_the_session_is_active(
    logind: Service, who: WhoIsHere
) -> None:
    add_session(logind, "1", US, "me", Active=("b", False))
    add_session(logind, "2", ANNA, "anna")
    assert who.look().strangers == (Stranger("anna", UNKNOWN),)

    since = int((SYSTEM_CLOCK.monotonic() - 50) * 1e6)
    change(logind, "2", IdleHint=("b", True), IdleSinceHintMonotonic=("t", since))
    (anna,) = who.look().strangers
    assert anna.idle_seconds == pytest.approx(50, abs=5)

    change(logind, "2", Active=("b", False))
    assert who.look().strangers == ()
    who.close()


def test_greeters_count_for_nobody_and_consoles_are_sources(
    logind: Service, who: WhoIsHere
) -> None:
    add_session(logind, "1", 115, "gdm", Class=("s", "greeter"))
    add_session(logind, "2", ANNA, "anna")
    change(logind, "2", Type=("s", "tty"), TTY=("s", "tty3"))

    people = who.look()

    assert (people.strangers, people.remote, people.consoles) == ((), (), ("tty3",))
    who.close()


@pytest.mark.parametrize(
    ("what", "mode", "pid", "told"),
    [
        ("handle-lid-switch:idle", "block", 77, "mpv: a film"),
        ("idle", "delay", 77, None),
        ("sleep:shutdown", "block", 77, None),
        ("idle", "block", 4242, None),
    ],
)
def test_a_held_idle_inhibitor_is_told_unless_it_is_our_own(
    what: str, mode: str, pid: int, told: str | None, bus: MockBus
) -> None:
    login = bus.serve(people_linux.SERVICE, people_linux.PATH, f"{people_linux.SERVICE}.Manager")
    manager = f"{people_linux.SERVICE}.Manager"
    row = (what, "mpv", "a film", mode, 1000, pid)
    login.says(manager, "ListInhibitors", "", "a(ssssuu)", f"ret = [{row}]")
    probe = LogindInhibitors(lambda: [4242])

    assert probe.look() == told
    probe.close()


@pytest.fixture
def gnome(bus: MockBus) -> Service:
    name = "org.gnome.SessionManager"
    return bus.serve(name, "/org/gnome/SessionManager", name)


def test_gnome_tells_who_keeps_the_session_from_becoming_idle(gnome: Service) -> None:
    probe = GnomeInhibitors()
    one = "/org/gnome/SessionManager/Inhibitor1"
    gnome.says(gnome.name, "GetInhibitors", "", "ao", "ret = []")
    assert probe.look() is None

    gnome.says(gnome.name, "GetInhibitors", "", "ao", f"ret = ['{one}']")
    inner = f"{gnome.name}.Inhibitor"
    methods = [
        ("GetFlags", "", "u", "ret = 4"),
        ("GetAppId", "", "s", "ret = 'totem'"),
        ("GetReason", "", "s", "ret = 'a film'"),
    ]
    gnome.call("AddObject", "ssa{sv}a(ssss)", (one, inner, {}, methods))
    assert probe.look() is None
    gnome.call("AddMethod", "sssss", (inner, "GetFlags", "", "u", "ret = 12"), path=one)

    assert probe.look() == "totem: a film"
    probe.close()


@pytest.fixture
def kde(bus: MockBus) -> Service:
    name = "org.kde.Solid.PowerManagement"
    path = f"/{name.replace('.', '/')}/PolicyAgent"
    return bus.serve(name, path, f"{name}.PolicyAgent")


def test_kde_tells_who_keeps_the_screen_on(kde: Service) -> None:
    probe, agent = KdeInhibitors(), f"{kde.name}.PolicyAgent"
    kde.says(agent, "HasInhibition", "u", "b", "ret = False")
    assert probe.look() is None

    kde.says(agent, "HasInhibition", "u", "b", "ret = args[0] == 4")
    kde.says(agent, "ListInhibitions", "", "a(ss)", "ret = [('firefox', 'playing video')]")

    assert probe.look() == "firefox: playing video"
    probe.close()


def test_power_management_tells_who_keeps_the_pc_awake_but_for_our_own_worker(
    bus: MockBus,
) -> None:
    name = "org.freedesktop.PowerManagement"
    inner = f"{name}.Inhibit"
    power = bus.serve(name, f"/{inner.replace('.', '/')}", inner)
    probe = PowerInhibitors()
    with pytest.raises(Absent, match="UnknownMethod"):  # KDE's does not name them
        probe.look()

    for names, told in (
        ("[]", None),
        ("['wakepy']", None),
        ("['wakepy', 'Firefox']", "Firefox keeps the PC awake"),
    ):
        power.says(inner, "GetInhibitors", "", "as", f"ret = dbus.Array({names}, signature='s')")
        assert probe.look() == told
    power.process.kill()
    power.process.wait()
    with pytest.raises(Absent, match="does not run"):
        probe.look()
    probe.close()


def test_a_bus_that_takes_the_connection_and_says_nothing_is_unknown_not_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "bus"))
        mute.listen()
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'bus'}")

        with pytest.raises(Unseen, match="the system bus does not answer"):
            WhoIsHere(SYSTEM_CLOCK).look()
        with pytest.raises(Unseen, match="the system bus does not answer"):
            LogindInhibitors(lambda: ()).look()
