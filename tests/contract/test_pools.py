"""What pool/contract.py promises, once for all three transports."""

from __future__ import annotations

import asyncio
import hashlib
import os

import pytest

from jobman_agent.errors import PoolUnavailable, Undeliverable
from jobman_agent.model.wire import MAX_FRAME
from jobman_agent.pool.contract import Pace
from tests.contract.places import (
    WAIT_SECONDS,
    AmqpPlace,
    DirectoryPlace,
    MemoryPlace,
    Pair,
    People,
    Place,
    frames,
    meet,
    name_id,
    receive,
    take,
)

OFFER = name_id("offer")


@pytest.fixture(params=["memory", "directory", pytest.param("amqp", marks=pytest.mark.broker)])
def place(request, tmp_path) -> Place:
    match request.param:
        case "memory":
            return MemoryPlace()
        case "directory":
            return DirectoryPlace(tmp_path / "pool")
        case _:
            return AmqpPlace(request.getfixturevalue("broker_url"))


@pytest.fixture
async def pools(place):
    people = People(place)
    yield people
    await people.close()


# ---- 1. at least once


async def test_what_is_sent_reaches_the_reader_of_the_box(pools):
    pair = await meet(pools)

    await pair.worker.send(pair.ask_box, pair.session, b"ask\n")
    await pair.employer.send(pair.work_box, pair.session, b"work\n")
    await pair.worker.send(pair.result_box, pair.session, b"result\n")

    [work] = await receive(pair.worker, 1)
    assert (work.box, work.frame) == (pair.work_box, b"work\n")
    assert sorted(frames(await receive(pair.employer, 2))) == [b"ask\n", b"result\n"]


async def test_a_delivery_says_which_session_it_came_in(pools):
    pair = await meet(pools)

    await pair.worker.send(pair.result_box, pair.session, b"result\n")

    [delivery] = await receive(pair.employer, 1)
    assert delivery.box == pair.result_box


async def test_messages_wait_for_a_reader_who_comes_later(pools):
    pair = await meet(pools)
    await pair.employer.close()
    await pair.worker.send(pair.result_box, pair.session, b"1\n")

    pools.restart("alice")
    employer = await pools.connect("alice")
    await employer.listen(pair.ask_box)
    await employer.listen(pair.result_box)

    assert await take(employer, 1) == [b"1\n"]


async def test_what_was_not_acknowledged_comes_again_after_a_reconnect(pools):
    pair = await meet(pools)
    for text in (b"1\n", b"2\n", b"3\n"):
        await pair.employer.send(pair.work_box, pair.session, text)
    first, *_ = await receive(pair.worker, 3)
    await pair.worker.ack([first])
    await pair.worker.close()

    worker = await pools.connect("bob")
    await worker.listen(pair.work_box)

    assert frames(await receive(worker, 2)) == [b"2\n", b"3\n"]


async def test_what_was_acknowledged_never_comes_again(pools):
    pair = await meet(pools)
    await pair.employer.send(pair.work_box, pair.session, b"1\n")
    await take(pair.worker, 1)
    await pair.worker.close()

    worker = await pools.connect("bob")
    await worker.listen(pair.work_box)
    await pair.employer.send(pair.work_box, pair.session, b"2\n")

    assert await take(worker, 1) == [b"2\n"]


async def test_what_was_given_is_not_given_again_by_the_same_connection(pools):
    pair = await meet(pools)
    await pair.employer.send(pair.work_box, pair.session, b"1\n")
    [held] = await receive(pair.worker, 1)
    await pair.employer.send(pair.work_box, pair.session, b"2\n")

    later = await receive(pair.worker, 1)

    assert frames(later) == [b"2\n"]
    await pair.worker.ack([held, *later])


async def test_what_came_before_the_reader_listened_is_given(pools):
    pair = Pair(await pools.connect("alice"), await pools.connect("bob"), pools)
    await pair.worker.open_box(pair.work_box)
    await pair.employer.send(pair.work_box, pair.session, b"early\n")

    await pair.worker.listen(pair.work_box)

    assert await take(pair.worker, 1) == [b"early\n"]


async def test_opening_a_box_again_keeps_what_is_in_it(pools):
    pair = await meet(pools)
    await pair.worker.send(pair.result_box, pair.session, b"kept\n")

    await pair.worker.open_box(pair.result_box)

    assert await take(pair.employer, 1) == [b"kept\n"]


# ---- 2. whole


@pytest.mark.parametrize("size", [1, 255 << 10, MAX_FRAME])
async def test_a_message_of_any_size_arrives_as_it_was(pools, size):
    pair = await meet(pools)
    frame = os.urandom(size)

    await pair.employer.send(pair.work_box, pair.session, frame)

    assert await take(pair.worker, 1) == [frame]


async def test_many_senders_at_once_are_never_mixed(pools):
    pair = await meet(pools)
    names = [f"worker {n}" for n in range(4)]
    senders = [await pools.connect(name) for name in names]
    sent = {f"{name} {k}\n".encode() * 500 for name in names for k in range(25)}

    async def send_all(name, pool):
        for k in range(25):
            await pool.send(pair.ask_box, name_id(name), f"{name} {k}\n".encode() * 500)

    _, got = await asyncio.gather(
        asyncio.gather(*map(send_all, names, senders)), take(pair.employer, len(sent))
    )

    assert len(got) == len(sent)
    assert set(got) == sent


# ---- 3. order


async def test_the_messages_of_a_session_come_in_the_order_of_their_sending(pools):
    pair = await meet(pools)
    sent = [b"%d\n" % k for k in range(150)]

    async def send_all():
        for frame in sent:
            await pair.employer.send(pair.work_box, pair.session, frame)

    _, got = await asyncio.gather(send_all(), take(pair.worker, len(sent)))

    assert got == sent


async def test_the_order_holds_over_a_reconnect_and_a_restart_of_the_sender(pools):
    pair = await meet(pools)
    await pair.employer.send(pair.work_box, pair.session, b"1\n")
    await pair.employer.close()
    again = await pools.connect("alice")
    await again.send(pair.work_box, pair.session, b"2\n")
    await again.close()
    pools.restart("alice")
    restarted = await pools.connect("alice")
    await restarted.send(pair.work_box, pair.session, b"3\n")

    assert await take(pair.worker, 3) == [b"1\n", b"2\n", b"3\n"]


async def test_what_comes_again_comes_before_what_was_sent_later(pools):
    pair = await meet(pools)
    await pair.employer.send(pair.work_box, pair.session, b"1\n")
    await pair.employer.send(pair.work_box, pair.session, b"2\n")
    await receive(pair.worker, 2)
    await pair.employer.send(pair.work_box, pair.session, b"3\n")
    await pair.worker.close()

    worker = await pools.connect("bob")
    await worker.listen(pair.work_box)

    assert frames(await receive(worker, 3)) == [b"1\n", b"2\n", b"3\n"]


# ---- 4. what is not there is said


async def test_sending_to_a_box_that_nobody_made_is_undeliverable(pools):
    pair = Pair(await pools.connect("alice"), await pools.connect("bob"), pools)

    with pytest.raises(Undeliverable):
        await pair.employer.send(pair.work_box, pair.session, b"work\n")


async def test_sending_to_a_box_that_was_removed_is_undeliverable(pools):
    pair = await meet(pools)
    await pair.employer.remove_box(pair.ask_box)

    with pytest.raises(Undeliverable):
        await pair.worker.send(pair.ask_box, pair.session, b"ask\n")


async def test_listening_to_a_box_that_is_not_there_is_undeliverable(pools):
    alice = await pools.connect("alice")

    with pytest.raises(Undeliverable):
        await alice.listen(alice.ask_box(name_id("alice"), OFFER))


async def test_the_backlog_of_a_box_that_is_not_there_is_undeliverable(pools):
    pair = Pair(await pools.connect("alice"), await pools.connect("bob"), pools)

    with pytest.raises(Undeliverable):
        await pair.employer.backlog(pair.work_box)


async def test_after_undeliverable_the_pool_can_still_be_used(pools):
    pair = await meet(pools)
    with pytest.raises(Undeliverable):
        await pair.worker.send(pair.worker.ask_box(name_id("nobody"), OFFER), OFFER, b"ask\n")

    await pair.worker.send(pair.ask_box, pair.session, b"ask\n")

    assert await take(pair.employer, 1) == [b"ask\n"]


async def test_a_reader_whose_box_somebody_removes_is_told(pools):
    pair = await meet(pools)
    other = await pools.connect("alice")
    reading = asyncio.ensure_future(pair.employer.receive())
    await asyncio.sleep(0)

    await other.remove_box(pair.ask_box)
    await other.remove_box(pair.result_box)

    with pytest.raises((Undeliverable, PoolUnavailable)):
        async with asyncio.timeout(WAIT_SECONDS):
            await reading


async def test_after_a_box_was_removed_by_somebody_the_others_are_read_on(pools):
    pair = await meet(pools)
    kept = pair.employer.ask_box(name_id("alice"), name_id("another offer"))
    await pair.employer.open_box(kept)
    await pair.employer.listen(kept)
    other = await pools.connect("alice")
    await other.remove_box(pair.result_box)
    await other.remove_box(pair.ask_box)
    await pair.worker.send(kept, pair.session, b"kept\n")
    got: list[bytes] = []

    async with asyncio.timeout(WAIT_SECONDS):
        while not got:
            try:
                got = frames(await pair.employer.receive())
            except Undeliverable:
                continue

    assert got == [b"kept\n"]


# ---- 5. an offer stands


async def test_a_new_pool_holds_no_offers(pools):
    assert await (await pools.connect("bob")).scan() == []


async def test_an_offer_is_read_by_many_any_number_of_times(pools):
    alice, bob, carol = [await pools.connect(n) for n in ("alice", "bob", "carol")]
    await alice.post(OFFER, 1, b"offer\n")

    for reader in (bob, carol, bob, alice, carol):
        assert list(await reader.scan()) == [b"offer\n"]


async def test_offers_are_read_in_the_order_in_which_they_came(pools):
    alice, bob = await pools.connect("alice"), await pools.connect("bob")
    for n in range(4):
        await alice.post(name_id(f"offer {n}"), 1, b"%d\n" % n)
        await bob.scan()

    assert list(await bob.scan()) == [b"0\n", b"1\n", b"2\n", b"3\n"]


async def test_a_scan_sees_the_newest_sequence_of_an_offer(pools):
    alice, bob = await pools.connect("alice"), await pools.connect("bob")
    await alice.post(OFFER, 1, b"old\n")
    await alice.post(OFFER, 2, b"new\n")

    assert b"new\n" in await bob.scan()
    assert await alice.stands(OFFER)
    assert list(await bob.scan()) == [b"new\n"]


async def test_an_offer_stays_to_be_seen_while_it_is_refreshed(pools):
    alice, bob = await pools.connect("alice"), await pools.connect("bob")
    await alice.post(OFFER, 1, b"1\n")

    async def refresh():
        for n in range(2, 12):
            await alice.post(OFFER, n, b"%d\n" % n)

    refreshing = asyncio.ensure_future(refresh())
    while not refreshing.done():
        assert await bob.scan()
    await refreshing


async def test_an_offer_outlives_the_connection_of_its_poster(pools):
    alice, bob = await pools.connect("alice"), await pools.connect("bob")
    await alice.post(OFFER, 1, b"offer\n")
    await alice.close()

    assert list(await bob.scan()) == [b"offer\n"]


async def test_an_offer_stands_until_its_poster_withdraws_it(pools):
    alice, bob = await pools.connect("alice"), await pools.connect("bob")
    await alice.post(OFFER, 1, b"offer\n")
    assert await alice.stands(OFFER)

    await _withdraw(alice, OFFER)

    assert not await alice.stands(OFFER)
    assert await bob.scan() == []


async def test_withdrawing_one_offer_leaves_the_others(pools):
    alice, bob = await pools.connect("alice"), await pools.connect("bob")
    await alice.post(OFFER, 1, b"alice 1\n")
    await alice.post(name_id("second"), 1, b"alice 2\n")
    await bob.post(OFFER, 1, b"bob\n")

    await _withdraw(alice, OFFER)

    assert sorted(await bob.scan()) == [b"alice 2\n", b"bob\n"]


async def test_the_offer_of_another_is_not_ours_to_withdraw(pools):
    alice, bob = await pools.connect("alice"), await pools.connect("bob")
    await alice.post(OFFER, 1, b"offer\n")

    await _withdraw(bob, OFFER)

    assert not await bob.stands(OFFER)
    assert list(await bob.scan()) == [b"offer\n"]


async def _withdraw(pool, offer):
    async with asyncio.timeout(WAIT_SECONDS):
        while not await pool.withdraw(offer):
            await asyncio.sleep(0.02)


# ---- boxes


async def test_removing_the_box_of_a_session_removes_its_messages(pools):
    pair = await meet(pools)
    await pair.employer.send(pair.work_box, pair.session, b"old\n")

    await pair.worker.remove_box(pair.work_box)
    await pair.worker.open_box(pair.work_box)
    await pair.worker.listen(pair.work_box)
    await pair.employer.send(pair.work_box, pair.session, b"new\n")

    assert (await take(pair.worker, 1))[-1] == b"new\n"


async def test_removing_a_box_that_is_gone_is_no_error(pools):
    pair = await meet(pools)

    for box in (pair.ask_box, pair.work_box, pair.result_box):
        await pair.employer.remove_box(box)
        await pair.employer.remove_box(box)


async def test_removing_one_session_leaves_the_others(pools):
    pair = await meet(pools)
    second = name_id("second session")
    second_box = pair.worker.work_box(second)
    await pair.worker.open_box(second_box)
    await pair.employer.send(second_box, second, b"second\n")

    await pair.worker.remove_box(pair.work_box)
    await pair.worker.listen(second_box)

    assert await take(pair.worker, 1) == [b"second\n"]


async def test_the_backlog_counts_what_nobody_has_acknowledged(pools):
    pair = Pair(await pools.connect("alice"), await pools.connect("bob"), pools)
    await pair.worker.open_box(pair.work_box)
    assert await pair.employer.backlog(pair.work_box) == 0

    for k in range(3):
        await pair.employer.send(pair.work_box, pair.session, b"%d\n" % k)

    assert await pair.employer.backlog(pair.work_box) == 3


async def test_the_new_message_arrives_when_it_replaces_one(pools):
    pair = await meet(pools)
    token = await pair.worker.send(pair.result_box, pair.session, b"old beat\n")
    await pair.worker.send(pair.result_box, pair.session, b"new beat\n", replaces=token)
    await pair.worker.send(pair.result_box, pair.session, b"end\n")

    got: list[bytes] = []
    while b"end\n" not in got:
        got += await take(pair.employer, 1)

    assert got in ([b"new beat\n", b"end\n"], [b"old beat\n", b"new beat\n", b"end\n"])


async def test_replacing_a_message_that_was_read_long_ago_is_no_error(pools):
    pair = await meet(pools)
    token = await pair.worker.send(pair.result_box, pair.session, b"old beat\n")
    await take(pair.employer, 1)

    await pair.worker.send(pair.result_box, pair.session, b"new beat\n", replaces=token)

    assert await take(pair.employer, 1) == [b"new beat\n"]


# ---- names of boxes


async def test_both_sides_know_each_others_boxes_by_their_names(pools):
    pair = await meet(pools)
    bob, session = name_id("bob"), pair.session

    assert pair.employer.is_work_box(pair.work_box, bob, session)
    assert pair.employer.is_result_box(pair.result_box, pair.offer, bob, session)


@pytest.mark.parametrize("change", ["worker", "session"])
async def test_a_box_of_somebody_else_is_not_taken_for_the_askers(pools, change):
    pair = await meet(pools)
    bob = name_id("carol" if change == "worker" else "bob")
    session = name_id("another") if change == "session" else pair.session

    assert not pair.employer.is_work_box(pair.work_box, bob, session)
    assert change == "worker" or not pair.employer.is_result_box(
        pair.result_box, pair.offer, bob, session
    )


@pytest.mark.parametrize("evil", ["", "jobman", "../../etc/x", "{}/../x", "{}\n", "/{}", "*", "#"])
async def test_a_name_that_is_no_box_is_never_taken_for_one(pools, evil):
    pair = await meet(pools)
    bob, session = name_id("bob"), pair.session

    assert not pair.employer.is_work_box(evil.format(pair.work_box), bob, session)
    assert not pair.employer.is_result_box(evil.format(pair.result_box), pair.offer, bob, session)


async def test_a_wrong_session_never_makes_a_name_right(pools):
    pair = await meet(pools)
    for session in ("../x", "", ".*", "a/b"):
        box = pair.work_box.replace(pair.session, session)
        assert not pair.employer.is_work_box(box, name_id("bob"), session)


# ---- 6. one reader, in one process or in several


async def test_two_workers_of_one_employer_read_only_what_is_theirs(pools):
    alice, bob, carol = [await pools.connect(n) for n in ("alice", "bob", "carol")]
    boxes = {}
    for pool, name in ((bob, "bob"), (carol, "carol")):
        boxes[name] = pool.work_box(name_id(f"session of {name}"))
        await pool.open_box(boxes[name])
        await pool.listen(boxes[name])
    for name in ("bob", "carol", "bob", "carol"):
        await alice.send(boxes[name], name_id(f"session of {name}"), name.encode())

    assert await take(bob, 2) == [b"bob", b"bob"]
    assert await take(carol, 2) == [b"carol", b"carol"]


async def test_a_pool_listens_to_several_boxes(pools):
    alice, bob = await pools.connect("alice"), await pools.connect("bob")
    offers = [name_id(f"offer {n}") for n in range(3)]
    for n, offer in enumerate(offers):
        box = alice.ask_box(name_id("alice"), offer)
        await alice.open_box(box)
        await alice.listen(box)
        await bob.send(box, name_id("session"), b"%d\n" % n)

    assert sorted(await take(alice, 3)) == [b"0\n", b"1\n", b"2\n"]


# ---- 7. nothing hangs


async def test_a_receive_that_is_cancelled_loses_nothing(pools):
    pair = await meet(pools)
    sent = [b"%d\n" % k for k in range(60)]
    got: list[bytes] = []

    async def send_all():
        for frame in sent:
            await pair.employer.send(pair.work_box, pair.session, frame)

    sending = asyncio.ensure_future(send_all())
    async with asyncio.timeout(WAIT_SECONDS):
        for wait in range(10_000):
            try:
                async with asyncio.timeout(wait % 7 * 0.001):
                    deliveries = await pair.worker.receive()
            except TimeoutError:
                continue
            await pair.worker.ack(deliveries)
            got += frames(deliveries)
            if len(got) >= len(sent):
                break
    await sending

    assert got == sent


async def test_a_receive_that_waits_ends_when_the_pool_is_closed(pools):
    pair = await meet(pools)
    reading = asyncio.ensure_future(pair.worker.receive())
    await asyncio.sleep(0)

    await pair.worker.close()

    with pytest.raises(PoolUnavailable):
        async with asyncio.timeout(WAIT_SECONDS):
            await reading


async def test_a_closed_pool_says_so_and_closes_twice(pools):
    pair = await meet(pools)
    await pair.worker.close()
    await pair.worker.close()

    with pytest.raises(PoolUnavailable):
        await pair.worker.scan()
    with pytest.raises(PoolUnavailable):
        await pair.worker.send(pair.result_box, pair.session, b"x")


@pytest.mark.parametrize("pace", list(Pace))
async def test_messages_arrive_at_every_pace(pools, pace):
    pair = await meet(pools)
    pair.worker.expect(pace, 0.001)
    await pair.employer.send(pair.work_box, pair.session, b"work\n")

    assert await take(pair.worker, 1) == [b"work\n"]


async def test_a_reader_who_waits_at_leisure_can_be_told_to_hurry(pools):
    pair = await meet(pools)
    pair.worker.expect(Pace.FULL)
    reading = asyncio.ensure_future(take(pair.worker, 1))
    await pair.employer.send(pair.work_box, pair.session, b"work\n")

    pair.worker.expect(Pace.LOW)

    async with asyncio.timeout(2.0):
        assert await reading == [b"work\n"]


# ---- 8. junk stays inside


@pytest.mark.parametrize("junk", [b"", b"x" * (MAX_FRAME + 1)], ids=["empty", "too large"])
async def test_what_cannot_be_a_message_is_counted_and_never_given(pools, junk):
    pair = await meet(pools)
    await pools.place.put_raw(pair.work_box, junk)

    await pair.employer.send(pair.work_box, pair.session, b"work\n")

    assert await take(pair.worker, 1) == [b"work\n"]
    assert pair.worker.junk == 1


async def test_frames_are_not_looked_into(pools):
    pair = await meet(pools)
    await pools.place.put_raw(pair.work_box, b"\x00not ours")

    assert await take(pair.worker, 1) == [b"\x00not ours"]


# ---- larger files


with_blobs = pytest.mark.parametrize("place", ["memory", "directory"], indirect=True)


@with_blobs
async def test_a_file_put_by_one_is_read_by_another(pools, tmp_path):
    blobs = (await pools.connect("alice")).blobs
    sha256, size, source = _file(tmp_path, os.urandom(3_000_000))
    await blobs.put(sha256, source)
    reader = (await pools.connect("bob")).blobs

    assert await reader.get(sha256, size, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()


@with_blobs
async def test_putting_a_file_twice_and_removing_it_twice_is_fine(pools, tmp_path):
    blobs = (await pools.connect("alice")).blobs
    sha256, size, source = _file(tmp_path, b"large")
    await blobs.put(sha256, source)
    await blobs.put(sha256, source)
    assert await blobs.get(sha256, size, tmp_path / "copy")

    await blobs.remove(sha256)
    await blobs.remove(sha256)


@with_blobs
async def test_an_empty_file_is_a_file(pools, tmp_path):
    blobs = (await pools.connect("alice")).blobs
    sha256, size, source = _file(tmp_path, b"")
    await blobs.put(sha256, source)

    assert await blobs.get(sha256, size, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b""


def _file(folder, content):
    source = folder / "source"
    source.write_bytes(content)
    return hashlib.sha256(content).hexdigest(), len(content), source
