"""Lanes: order within a session, none between sessions, and what a lost connection leaves."""

from __future__ import annotations

import asyncio

import pytest

from jobman_agent.employer.hiring.sending import Lanes
from jobman_agent.errors import PoolUnavailable, StorageError


class Told:
    def __init__(self) -> None:
        self.sent: list[str] = []
        self.dropped: list[str] = []
        self.lost: list[Exception] = []
        self.failed: list[Exception] = []
        self.gate = asyncio.Event()

    def lanes(self) -> Lanes:
        return Lanes(self.lost.append, self.failed.append)

    def put(self, lanes: Lanes, lane: str, name: str, fault: Exception | None = None) -> None:
        async def send() -> None:
            if lane == "slow":
                await self.gate.wait()
            if fault is not None:
                raise fault
            self.sent.append(name)

        lanes.put(lane, send, lambda: self.dropped.append(name))


@pytest.fixture
def told():
    return Told()


async def test_a_slow_session_keeps_no_other_from_its_messages(told):
    lanes = told.lanes()
    for name in ("s1", "s2"):
        told.put(lanes, "slow", name)
    for name in ("q1", "q2"):
        told.put(lanes, "quick", name)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert told.sent == ["q1", "q2"]

    told.gate.set()

    assert await lanes.drained(5)
    assert told.sent == ["q1", "q2", "s1", "s2"]
    await lanes.close()


async def test_a_lost_connection_drops_all_that_was_not_sent_and_says_so_once(told):
    lanes = told.lanes()
    told.put(lanes, "slow", "s1", PoolUnavailable("gone"))
    told.put(lanes, "slow", "s2")
    told.put(lanes, "other", "o1")
    await asyncio.sleep(0)
    told.gate.set()

    assert not await lanes.drained(5)
    told.put(lanes, "other", "o2")

    assert sorted(told.dropped) == ["o2", "s1", "s2"]
    assert told.sent == ["o1"]
    assert len(told.lost) == 1
    await lanes.close()


async def test_closing_drops_what_is_under_way(told):
    lanes = told.lanes()
    told.put(lanes, "slow", "s1")
    told.put(lanes, "slow", "s2")
    await asyncio.sleep(0)

    await lanes.close()

    assert sorted(told.dropped) == ["s1", "s2"]
    assert told.failed == []


async def test_a_fault_of_our_own_is_told_as_such(told):
    lanes = told.lanes()
    told.put(lanes, "a", "a1", StorageError("disk"))
    told.put(lanes, "b", "b1", ValueError("bug"))

    await lanes.drained(5)

    assert [type(fault) for fault in told.failed] == [StorageError, ValueError]
    await lanes.close()


async def test_waiting_for_the_lanes_can_be_limited(told):
    lanes = told.lanes()
    told.put(lanes, "slow", "s1")

    assert not await lanes.drained(0.01)
    await lanes.close()
