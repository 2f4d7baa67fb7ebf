"""All sensors behind one question: nothing that a probe does gets out but a value."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.model.reading import RemoteUser
from jobman_agent.sensors import station, system
from jobman_agent.sensors.probe import Absent, People, Person, Stranger, Unseen
from jobman_agent.sensors.programs import Programs
from tests.fakes import FakeClock
from tests.unit.sensors.a_system import UNKNOWN, Keyboard, Says, System, an_idle, the_sensors
from tests.unit.sensors.conftest import wait_until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def keyboard(clock: FakeClock) -> Keyboard:
    return Keyboard(clock, clock.monotonic())


async def test_a_reading_says_what_every_source_says(
    clock: FakeClock, keyboard: Keyboard, tmp_path: Path
) -> None:
    people = Says(People(locked=True, remote=(Person("anna", 40.0),)))
    system = System(
        {"a": Says(keyboard.idle, "A"), "b": Says(500.0, "B")},
        people=people,
        shown={"calls": Says("Teams: a call")},
    )
    sensors = the_sensors(system, clock, tmp_path)
    clock.advance(30)

    reading = await sensors.read(engaged=True)

    assert [(s.name, s.idle_seconds, s.proven) for s in reading.sources] == [
        ("A", 30.0, False),
        ("B", 500.0, False),
    ]
    assert reading.locked is True
    assert reading.remote_users == (RemoteUser("anna", 40.0),)
    assert reading.presentation == "Teams: a call"
    assert reading.others_cpu is UNKNOWN
    assert reading.memory_free is not UNKNOWN
    assert reading.memory_total is not UNKNOWN
    assert 0 < reading.memory_free < reading.memory_total
    assert reading.disk_free is not UNKNOWN
    assert reading.on_battery in (True, False, UNKNOWN)
    assert reading.engaged
    sensors.close()


async def test_whatever_all_probes_do_a_reading_comes_in_time(
    keyboard: Keyboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(station, "TIMEOUT_SECONDS", 0.1)
    stuck = threading.Event()
    system = System(
        {"hangs": Says(stuck, "hangs"), "fails": Says(OSError("broken"), "fails")},
        people=Says(stuck),
        shown={"x": Says(ValueError("nonsense"))},
    )
    sensors = the_sensors(system, SYSTEM_CLOCK, tmp_path)
    for each in (sensors._people, *(sensors._inputs._sources.values())):
        each._timeout = 0.1

    reading = await asyncio.wait_for(sensors.read(), 5)
    started = SYSTEM_CLOCK.monotonic()
    again = await asyncio.wait_for(sensors.read(), 5)

    assert SYSTEM_CLOCK.monotonic() - started < 0.5
    for one in (reading, again):
        assert {s.idle_seconds for s in one.sources} == {UNKNOWN}
        assert (one.locked, one.remote_users, one.presentation) == (UNKNOWN, UNKNOWN, UNKNOWN)
    rows = {row.source: row for row in sensors.describe()}
    assert "has not answered for" in rows["hangs"].value
    assert rows["fails"].value == "OSError: broken"
    assert all(rows[name].advice for name in ("hangs", "fails"))
    stuck.set()
    sensors.close()


async def test_a_source_counts_from_its_first_reset_on_and_after_a_restart(
    clock: FakeClock, keyboard: Keyboard, tmp_path: Path
) -> None:
    system = System({"a": Says(keyboard.idle, "A")})
    sensors = the_sensors(system, clock, tmp_path)
    for _ in range(3):
        clock.advance(10)
        (source,) = (await sensors.read()).sources
        assert not source.proven
    (row,) = [row for row in sensors.describe() if row.source == "A"]
    assert row.proven is False
    assert "press a key" in row.advice

    clock.advance(5)
    keyboard.touch()
    clock.advance(5)
    (source,) = (await sensors.read()).sources

    assert source.proven
    (row,) = [row for row in sensors.describe() if row.source == "A"]
    assert (row.proven, row.advice) == (True, "")
    sensors.close()
    wait_until((tmp_path / "sensors.json").exists)
    assert list(json.loads((tmp_path / "sensors.json").read_text())["seen_to_reset"]) == ["a"]
    again = the_sensors(system, clock, tmp_path)
    (source,) = (await again.read()).sources
    assert source.proven
    again.close()


async def test_proofs_that_cannot_be_kept_are_told_and_do_no_other_harm(
    clock: FakeClock, keyboard: Keyboard, tmp_path: Path
) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    sensors = the_sensors(System({"a": Says(keyboard.idle, "A")}), clock, tmp_path / "home")
    for _ in range(3):
        clock.advance(10)
        await sensors.read()
    keyboard.touch()
    clock.advance(10)
    await sensors.read()

    (row,) = wait_until(
        lambda: [row for row in sensors.describe() if row.source == "what was seen to reset"]
    )

    assert str(tmp_path / "home") in row.value
    assert row.advice
    assert (await sensors.read()).sources[0].proven
    sensors.close()


@pytest.mark.parametrize("expected", [True, False])
async def test_a_source_that_is_no_more_is_unknown_if_it_is_the_owners_else_forgotten(
    expected: bool, clock: FakeClock, tmp_path: Path
) -> None:
    system = System({"a": Says(5.0, "A")}, expected=expected)
    sensors = the_sensors(system, clock, tmp_path)
    await sensors.read()

    system.sources["a"].value = Unseen("gone")
    del system.sources["a"]
    sources = (await sensors.read()).sources

    assert [s.idle_seconds for s in sources] == ([UNKNOWN] if expected else [])
    sensors.close()


async def test_what_a_pc_does_not_have_is_no_source(clock: FakeClock, tmp_path: Path) -> None:
    system = System({"a": Says(Absent("Xwayland"), "A")}, shown={"x": Says(Absent("no KDE"))})
    sensors = the_sensors(system, clock, tmp_path)

    reading = await sensors.read()

    assert reading.sources == ()
    assert reading.presentation is None
    sensors.close()


async def test_somebody_else_at_the_screen_who_cannot_be_seen_holds_work_back(
    clock: FakeClock, tmp_path: Path
) -> None:
    people = Says(People(locked=False, strangers=(Stranger("anna"),)))
    sensors = the_sensors(System(people=people), clock, tmp_path)

    (source,) = (await sensors.read()).sources

    assert (source.name, source.idle_seconds, source.proven) == (
        "the session of anna",
        UNKNOWN,
        True,
    )
    sensors.close()


async def test_a_locker_that_fills_the_screen_is_no_presentation(
    clock: FakeClock, tmp_path: Path
) -> None:
    people = Says(People(locked=True))
    system = System(people=people, shown={"full screen": Says("i3lock, full screen")})
    sensors = the_sensors(system, clock, tmp_path)

    assert (await sensors.read()).presentation is None
    sensors.close()


async def test_nobody_is_looked_for_where_the_owner_is_nobody(
    clock: FakeClock, tmp_path: Path
) -> None:
    source, people = Says(5.0), Says(People(locked=False))
    system = System({"a": source}, people=people)
    sensors = the_sensors(system, clock, tmp_path, owner_watched=False)

    reading = await sensors.read()

    assert (reading.sources, reading.presentation) == ((), None)
    assert (source.looks, people.looks) == (0, 0)
    assert "made up" not in {row.source for row in sensors.describe()}
    sensors.close()


async def test_nothing_that_sees_the_owner_is_described_with_what_to_do(
    clock: FakeClock, tmp_path: Path
) -> None:
    sensors = the_sensors(System(), clock, tmp_path)
    await sensors.read()

    row = sensors.describe()[0]

    assert not row.known
    assert row.advice == "start it in a desktop session"
    sensors.close()


async def test_the_first_touch_is_seen_by_looking_often_where_no_event_tells_it(
    tmp_path: Path,
) -> None:
    keyboard = Keyboard(SYSTEM_CLOCK, SYSTEM_CLOCK.monotonic() - 100)
    probe = Says(keyboard.idle, "A")
    sensors = the_sensors(System({"a": probe}), SYSTEM_CLOCK, tmp_path)
    await sensors.read()

    touch = asyncio.create_task(sensors.first_touch())
    await asyncio.sleep(0.3)
    assert not touch.done()
    assert 3 < probe.looks < 12
    keyboard.touch()
    touched = SYSTEM_CLOCK.monotonic()

    assert await asyncio.wait_for(touch, 5) == "A"
    assert SYSTEM_CLOCK.monotonic() - touched < 0.5
    sensors.close()


async def test_a_touch_between_the_reading_and_the_wait_is_not_missed(tmp_path: Path) -> None:
    keyboard = Keyboard(SYSTEM_CLOCK, SYSTEM_CLOCK.monotonic() - 100)
    sensors = the_sensors(System({"a": Says(keyboard.idle, "A")}), SYSTEM_CLOCK, tmp_path)
    await sensors.read()
    keyboard.touch()

    assert await asyncio.wait_for(sensors.first_touch(), 5) == "A"
    sensors.close()


async def test_an_event_that_cannot_be_had_is_replaced_by_looking_often(tmp_path: Path) -> None:
    deaf = SimpleNamespace(
        broken="no such extension", arm=lambda _told: None, nudge=lambda: UNKNOWN, close=list
    )
    keyboard = Keyboard(SYSTEM_CLOCK, SYSTEM_CLOCK.monotonic() - 100)
    system = System({"a": Says(keyboard.idle, "A")}, make_touch=lambda: deaf)
    sensors = the_sensors(system, SYSTEM_CLOCK, tmp_path)
    await sensors.read()
    touch = asyncio.create_task(sensors.first_touch())
    await asyncio.sleep(0.1)

    keyboard.touch()

    assert await asyncio.wait_for(touch, 5) == "A"
    sensors.close()


def programs(listed: tuple[str, ...], running: dict[int, str], own: set[int]) -> frozenset[str]:
    return Programs(lambda: listed, lambda: own, running.items).look()


def test_listed_programs_are_found_whatever_their_case_and_ending() -> None:
    running = {1: "teams.exe", 2: "Zoom", 3: "cat"}

    found = programs(("Teams.exe", "zoom", "abaqus"), running, set())

    assert found == {"Teams.exe", "zoom"}


def test_a_listed_program_that_is_our_own_package_does_not_count() -> None:
    running = {1: "abaqus", 2: "zoom", 3: "zoom"}

    assert programs(("abaqus", "zoom"), running, {1, 2}) == {"zoom"}


async def test_programs_are_not_walked_unless_listed_and_a_new_list_counts_at_once(
    clock: FakeClock, tmp_path: Path
) -> None:
    sensors = the_sensors(System(running=((1, "zoom"), (2, "cat"))), clock, tmp_path)
    assert (await sensors.read()).running == frozenset()
    assert sensors._programs.at == 0.0

    for listed in ("zoom", "Cat"):
        settings: Any = SimpleNamespace(idle=an_idle(not_while_running=(listed,)))
        sensors.change(settings)
        assert (await sensors.read()).running == {listed}
    sensors.close()


@pytest.mark.skipif(sys.platform == "win32", reason="names are not cut there")
def test_a_program_whose_name_the_system_cuts_is_found_by_its_whole_name(tmp_path: Path) -> None:
    program = tmp_path / "a_program_with_a_long_name"
    program.symlink_to(sys.executable)
    with subprocess.Popen([program, "-c", "input()"], stdin=subprocess.PIPE) as process:
        listed = (program.name, "a_program_with_another")
        found = Programs(lambda: listed, list, system.everyone).look()
        process.communicate(b"\n")

    assert found == {program.name}
