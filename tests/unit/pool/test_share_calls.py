"""Calls into a shared folder: in threads, with a deadline, and none while one hangs."""

from __future__ import annotations

import asyncio
import threading

import pytest

from jobman_agent.pool.share_calls import Lane, NoAnswer, Share


@pytest.fixture
def share(tmp_path):
    share = Share.of(tmp_path)
    share.deadline_s = 0.1
    yield share
    share.release()


@pytest.fixture
def hang():
    thaw = threading.Event()
    yield thaw
    thaw.set()


async def _ends(share):
    async with asyncio.timeout(10):
        while share.hangs:
            await asyncio.sleep(0.001)


async def test_what_a_call_returns_or_raises_comes_home(share):
    assert await share.call(Lane.READ, lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        await share.call(Lane.READ, lambda: 1 / 0)


async def test_calls_of_a_lane_happen_in_their_order_in_one_thread(share):
    done = []

    await asyncio.gather(
        *(
            share.call(Lane.WRITE, lambda k=k: done.append((k, threading.get_ident())))
            for k in range(50)
        )
    )

    assert [k for k, _ in done] == list(range(50))
    assert len({thread for _, thread in done} | {threading.get_ident()}) == 2


async def test_a_look_does_not_wait_for_a_disk_that_syncs(share, hang):
    share.deadline_s = 5
    syncing = asyncio.ensure_future(share.call(Lane.WRITE, hang.wait))
    await asyncio.sleep(0)

    assert await share.call(Lane.READ, lambda: "seen") == "seen"
    hang.set()
    await syncing


async def test_a_call_that_hangs_stops_all_until_it_returns(share, hang):
    with pytest.raises(NoAnswer, match="has not answered"):
        await share.call(Lane.READ, hang.wait)
    for lane in Lane:
        with pytest.raises(NoAnswer):
            await share.call(lane, lambda: None)

    hang.set()
    await _ends(share)

    assert await share.call(Lane.READ, lambda: "again") == "again"


async def test_a_call_that_waited_too_long_for_its_turn_never_begins(share, hang):
    begun = []
    first = asyncio.ensure_future(share.call(Lane.READ, hang.wait))
    second = asyncio.ensure_future(share.call(Lane.READ, lambda: begun.append(1)))

    await asyncio.wait([first, second])
    hang.set()
    await _ends(share)
    await share.call(Lane.READ, lambda: None)

    assert isinstance(second.exception(), NoAnswer)
    assert isinstance(first.exception(), NoAnswer)
    assert begun == []


async def test_a_new_connection_knows_of_a_call_that_hangs(tmp_path, hang):
    first = Share.of(tmp_path)
    first.deadline_s = 0.1
    waiting = asyncio.ensure_future(first.call(Lane.READ, hang.wait))
    await asyncio.sleep(0.02)
    first.release()

    second = Share.of(tmp_path)
    with pytest.raises(NoAnswer):
        await second.call(Lane.READ, lambda: None)

    with pytest.raises(NoAnswer):
        await waiting
    hang.set()
    await _ends(second)
    assert await second.call(Lane.READ, lambda: "again") == "again"
    second.release()


async def test_threads_end_with_their_last_user(tmp_path):
    before = threading.active_count()
    first, second = Share.of(tmp_path), Share.of(tmp_path)
    assert first is second
    await first.call(Lane.READ, lambda: None)
    await first.call(Lane.WRITE, lambda: None)
    assert threading.active_count() == before + 2

    first.release()
    await second.call(Lane.READ, lambda: None)
    second.release()

    async with asyncio.timeout(10):
        while threading.active_count() > before:
            await asyncio.sleep(0.001)


async def test_a_cancelled_wait_leaves_the_call_to_its_end(share, hang):
    share.deadline_s = 5
    waiting = asyncio.ensure_future(share.call(Lane.READ, hang.wait))
    await asyncio.sleep(0)
    waiting.cancel()
    hang.set()

    assert await share.call(Lane.READ, lambda: "next") == "next"
    assert waiting.cancelled()


async def test_cleaning_up_is_done_in_its_turn_without_waiting(share):
    done = threading.Event()
    share.later(Lane.READ, done.set)

    await share.call(Lane.READ, lambda: None)

    assert done.is_set()
