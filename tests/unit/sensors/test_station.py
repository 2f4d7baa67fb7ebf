"""Whatever a probe does, asking it ends in time, with a value."""

from __future__ import annotations

import asyncio
import threading

import pytest

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.model.reading import UNKNOWN
from jobman_agent.sensors.probe import Absent, Unseen
from jobman_agent.sensors.station import ABSENT_SECONDS, Hand, Station
from tests.fakes import FakeClock
from tests.unit.sensors.a_system import Says


def a_station(probe: Says, **options: float) -> Station[float]:
    return Station(lambda: probe, "made up", SYSTEM_CLOCK, **options)


async def test_a_probe_that_hangs_is_unknown_and_nobody_waits_for_it_again() -> None:
    stuck = threading.Event()
    station = a_station(Says(stuck), timeout=0.05)

    first = await station.ask()
    started = SYSTEM_CLOCK.monotonic()
    second = await station.ask()

    assert first.value is UNKNOWN
    assert "has not answered" in first.reason
    assert second.value is UNKNOWN
    assert SYSTEM_CLOCK.monotonic() - started < 0.04
    stuck.set()


async def test_a_probe_that_comes_back_is_believed_again() -> None:
    stuck = threading.Event()
    probe = Says(stuck)
    station = a_station(probe, timeout=1.0)
    station._timeout = 0.02
    assert (await station.ask()).value is UNKNOWN

    probe.value = 7.0
    station._timeout = 5.0
    stuck.set()
    await station.ask()

    assert (await station.ask()).value == 7.0
    station.close()


@pytest.mark.parametrize(
    ("failure", "reason", "absent"),
    [
        (Unseen("no bus"), "no bus", False),
        (Absent("no battery"), "no battery", True),
        (OSError(5, "broken"), "OSError: [Errno 5] broken", False),
        (ZeroDivisionError(), "ZeroDivisionError", False),
    ],
)
async def test_a_probe_that_fails_is_unknown_with_the_reason(
    failure: Exception, reason: str, absent: bool
) -> None:
    outcome = await a_station(Says(failure)).ask()

    assert (outcome.value, outcome.reason, outcome.absent) == (UNKNOWN, reason, absent)


async def test_an_answer_holds_for_a_while() -> None:
    probe = Says(3.0)
    station = a_station(probe, every=60.0)

    for _ in range(5):
        assert (await station.ask()).value == 3.0

    assert probe.looks == 1
    station.close()


async def test_a_probe_that_cannot_be_made_is_tried_again() -> None:
    tries: list[int] = []

    def make() -> Says:
        tries.append(1)
        if len(tries) == 1:
            raise Unseen("not there yet")
        return Says(1.0)

    station: Station[float] = Station(make, "made up", SYSTEM_CLOCK)

    assert (await station.ask()).reason == "not there yet"
    assert (await station.ask()).value == 1.0
    station.close()


async def test_probes_that_share_a_thread_are_unknown_while_one_of_them_hangs() -> None:
    stuck, hand = threading.Event(), Hand("shared")
    hangs = Station(lambda: Says(stuck), "hangs", SYSTEM_CLOCK, timeout=0.05, hand=hand)
    other = Station(lambda: Says(3.0), "other", SYSTEM_CLOCK, timeout=0.05, hand=hand)

    seen = await asyncio.gather(hangs.ask(), other.ask())

    assert [one.value for one in seen] == [UNKNOWN, UNKNOWN]
    stuck.set()
    other._timeout = 5.0
    assert (await other.ask()).value == 3.0
    for station in (hangs, other):
        station.close()
    hand.close()


async def test_what_a_pc_does_not_have_is_not_asked_for_each_time() -> None:
    clock, probe = FakeClock(), Says(Absent("no battery"))
    station: Station[float] = Station(lambda: probe, "made up", clock)

    for _ in range(5):
        assert (await station.ask()).absent
    assert probe.looks == 1
    clock.advance(ABSENT_SECONDS)
    probe.value = 3.0
    assert (await station.ask()).value == 3.0
    station.close()
