"""What a pool in memory has for tests, beside the contract."""

from __future__ import annotations

import asyncio

import pytest

from jobman_agent.errors import PoolUnavailable, Unconfirmed
from jobman_agent.pool.contract import Pace, Sender
from jobman_agent.pool.memory import MemoryHub, MemoryPool
from tests.contract.places import frames, take
from tests.fakes import Faults, FlakyPool

SESSION = "s" * 16


@pytest.fixture
async def hub():
    return MemoryHub()


@pytest.fixture
async def alice(hub):
    pool = MemoryPool(hub, Sender("a" * 16, 1))
    await pool.connect()
    await pool.open_box("box")
    await pool.listen("box")
    yield pool
    await pool.close()


async def test_settle_waits_until_every_message_has_been_acknowledged(hub, alice):
    await alice.send("box", SESSION, b"1")
    settling = asyncio.ensure_future(hub.settle(5))
    got = await alice.receive()
    await asyncio.sleep(0)
    assert not settling.done()

    await alice.ack(got)

    await settling


async def test_settle_says_when_it_takes_too_long(hub, alice):
    await alice.send("box", SESSION, b"1")

    with pytest.raises(TimeoutError):
        await hub.settle(0.01)


async def test_settle_does_not_wait_for_boxes_that_nobody_reads(hub, alice):
    await alice.open_box("unread")
    await alice.send("unread", SESSION, b"1")

    await hub.settle(1)


async def test_the_pace_that_was_asked_for_can_be_seen(alice):
    alice.expect(Pace.FULL, 2.0)

    assert (alice.pace, alice.floor_s) == (Pace.FULL, 2.0)


async def test_a_flaky_pool_drops_doubles_and_leaves_unsure(alice):
    flaky = FlakyPool(alice, Faults(drop=1))
    await flaky.send("box", SESSION, b"dropped")
    flaky.faults = Faults(duplicate=1)
    await flaky.send("box", SESSION, b"twice")
    flaky.faults = Faults(unconfirmed=1)
    for _ in range(20):
        with pytest.raises(Unconfirmed):
            await flaky.send("box", SESSION, b"unsure")

    got = frames(await flaky.receive())

    assert got[:2] == [b"twice", b"twice"]
    assert 0 < got.count(b"unsure") < 20


async def test_a_flaky_pool_delays(alice):
    flaky = FlakyPool(alice, Faults(delay=1, delay_seconds=0.01))
    await flaky.send("box", SESSION, b"late")
    flaky.faults = Faults()
    await flaky.send("box", SESSION, b"prompt")

    await flaky.settle()

    assert await take(alice, 2) == [b"prompt", b"late"]


async def test_a_flaky_pool_goes_away_even_while_somebody_waits(alice):
    flaky = FlakyPool(alice, Faults())
    receiving = asyncio.ensure_future(flaky.receive())
    await asyncio.sleep(0)

    flaky.faults.away = True

    with pytest.raises(PoolUnavailable):
        await receiving
    with pytest.raises(PoolUnavailable):
        await flaky.scan()
    flaky.faults.away = False
    assert await flaky.scan() == []
    await flaky.close()
