"""Shutdown and sleep on a real bus: logind says so beforehand, and waits for who holds a lock."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING

import pytest

from jobman_agent.sensors import people_linux
from jobman_agent.sensors.departures import Going
from jobman_agent.sensors.departures_linux import Departures
from tests.unit.sensors.conftest import DEADLINE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.sensors.conftest import MockBus, Service

MANAGER = f"{people_linux.SERVICE}.Manager"


@pytest.fixture
def logind(bus: MockBus) -> Service:
    return bus.serve_template("logind", people_linux.SERVICE, people_linux.PATH)


@pytest.fixture
def told() -> queue.Queue[Going]:
    return queue.Queue()


@pytest.fixture
def watch(logind: Service, told: queue.Queue[Going]) -> Iterator[Departures]:
    one = Departures(told.put)
    one.start()
    wait_until(lambda: locks(logind) == 1)
    yield one
    one.close()
    wait_until(lambda: not one._thread.is_alive())


def locks(logind: Service) -> int:
    """How many delay locks of ours logind would wait for."""
    (held,) = logind.call("ListInhibitors", interface=MANAGER)
    mine = [row for row in held if row[1] == "jobman"]
    assert all(row[0] == "shutdown:sleep" and row[3] == "delay" for row in mine)
    return len(mine)


def says(logind: Service, member: str, begins: bool) -> None:
    logind.call("EmitSignal", "sssav", (MANAGER, member, "b", [("b", begins)]))


def test_a_shutdown_is_told_and_waits_until_it_is_let_go(
    logind: Service, watch: Departures, told: queue.Queue[Going]
) -> None:
    says(logind, "PrepareForShutdown", True)

    assert told.get(timeout=DEADLINE) is Going.SHUTDOWN
    assert locks(logind) == 1
    watch.let_go()
    wait_until(lambda: locks(logind) == 0)


def test_a_logind_that_refuses_to_wait_is_heard_all_the_same(
    logind: Service, told: queue.Queue[Going]
) -> None:
    logind.says(MANAGER, "Inhibit", "ssss", "h", "raise Exception('not allowed')")
    one = Departures(told.put)
    one.start()
    wait_until(lambda: logind.calls("Inhibit"))

    says(logind, "PrepareForShutdown", True)

    assert told.get(timeout=DEADLINE) is Going.SHUTDOWN
    one.close()
    wait_until(lambda: not one._thread.is_alive())


def test_after_a_sleep_the_next_one_waits_again(
    logind: Service, watch: Departures, told: queue.Queue[Going]
) -> None:
    for _ in range(2):
        says(logind, "PrepareForSleep", True)
        assert told.get(timeout=DEADLINE) is Going.SLEEP
        watch.let_go()
        wait_until(lambda: locks(logind) == 0)

        says(logind, "PrepareForSleep", False)
        assert told.get(timeout=DEADLINE) is Going.AWAKE
        wait_until(lambda: locks(logind) == 1)


def test_a_logind_that_goes_away_while_the_pc_sleeps_does_not_leave_it_asleep(
    bus: MockBus, logind: Service, watch: Departures, told: queue.Queue[Going]
) -> None:
    says(logind, "PrepareForSleep", True)
    assert told.get(timeout=DEADLINE) is Going.SLEEP

    bus.kill()

    assert told.get(timeout=DEADLINE) is Going.AWAKE
    assert watch._lock is None


def test_without_a_bus_nothing_breaks_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    one = Departures(lambda _: None)
    one.start()
    one.let_go()

    one.close()

    wait_until(lambda: not one._thread.is_alive())
