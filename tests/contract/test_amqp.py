"""What only RabbitMQ can do to a pool, against a real node: refusals, crowds, junk."""

from __future__ import annotations

import asyncio

import aio_pika
import pytest

from jobman_agent.errors import (
    ExitCode,
    PoolMisused,
    PoolRefused,
    PoolUnavailable,
    Unconfirmed,
    Undeliverable,
)
from jobman_agent.pool import amqp_scan
from jobman_agent.pool.amqp import AmqpPool
from jobman_agent.pool.contract import Sender
from tests.contract.amqp_programs import OFFER, meet, programs, put, raw
from tests.contract.places import WAIT_SECONDS, name_id, receive, take

__all__ = ["programs"]


# ---- refusals


async def fails_to_connect(url, **options):
    pool = AmqpPool(url, Sender(name_id("bob"), start=1), **options)
    with pytest.raises((PoolUnavailable, PoolRefused, PoolMisused)) as caught:
        await pool.connect()
    with pytest.raises(PoolUnavailable):
        await pool.scan()
    await pool.close()
    return caught.value


async def test_a_wrong_password_is_refused_and_never_shown(broker_url):
    error = await fails_to_connect(broker_url, credentials=("guest", "hunter2"))

    assert isinstance(error, PoolRefused)
    assert error.exit_code is ExitCode.NOT_ALLOWED
    assert "user 'guest'" in str(error)
    assert "hunter2" not in str(error)


async def test_a_wrong_virtual_host_is_refused_by_name(broker):
    error = await fails_to_connect(broker.url("no such"))

    assert isinstance(error, PoolRefused)
    assert "'no such'" in str(error)


async def test_a_user_without_permission_for_the_queues_is_refused(broker):
    vhost = await asyncio.to_thread(broker.vhost)
    await asyncio.to_thread(broker.ctl, "add_user", "nobody", "secret")
    await asyncio.to_thread(broker.ctl, "set_permissions", "-p", vhost, "nobody", "", "", "")

    error = await fails_to_connect(broker.url(vhost, "nobody", "secret"))

    assert isinstance(error, PoolRefused)
    assert "'nobody'" in str(error)


@pytest.mark.parametrize("arguments", [{}, {"x-queue-type": "quorum"}, {"x-max-length": 5}])
async def test_a_hiring_queue_of_another_make_is_told_with_the_remedy(broker_url, arguments):
    async with raw(broker_url) as channel:
        await channel.declare_queue("jobman", durable=True, arguments=arguments)

    error = await fails_to_connect(broker_url)

    vhost = broker_url.rpartition("/")[2]
    assert isinstance(error, PoolMisused)
    assert f"rabbitmqctl delete_queue --vhost {vhost} jobman" in str(error)
    async with raw(broker_url) as channel:
        await channel.declare_queue("jobman", durable=True, arguments=arguments)


async def test_nothing_listening_says_so():
    error = await fails_to_connect("amqp://127.0.0.1:1/")

    assert isinstance(error, PoolUnavailable)
    assert "nothing listens" in str(error)


async def test_a_host_that_is_not_there_says_so():
    error = await fails_to_connect("amqp://no-such-host.invalid/")

    assert isinstance(error, PoolUnavailable)
    assert "no host of this name" in str(error)


async def test_tls_to_a_port_without_it_is_refused(broker_url):
    error = await fails_to_connect(broker_url.replace("amqp:", "amqps:"))

    assert isinstance(error, PoolRefused)
    assert "TLS" in str(error)


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"AMQP\x00\x01\x00\x00"]
)
async def test_something_else_on_the_port_is_out_of_reach_in_time(answer):
    async def serve(reader, writer):
        await reader.read(8)
        writer.write(answer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, asyncio.timeout(WAIT_SECONDS):
        port = server.sockets[0].getsockname()[1]
        error = await fails_to_connect(f"amqp://127.0.0.1:{port}/", call_seconds=0.5)

    assert isinstance(error, PoolUnavailable)


# ---- the constants of version 1


async def test_the_queues_have_exactly_the_arguments_of_version_1(programs):
    pair = await meet(programs)
    classic = {"x-queue-type": "classic"}
    week = 604_800_000
    full = {"x-expires": week, "x-max-length": 10_000, "x-overflow": "reject-publish"}
    expected = {
        "jobman": {**classic, "x-single-active-consumer": True},
        pair.ask_box: {**classic, **full},
        pair.work_box: {**classic, "x-expires": 86_400_000},
        pair.result_box: {**classic, "x-expires": week},
    }

    async with raw(programs.url) as channel:
        for queue, arguments in expected.items():
            # RabbitMQ refuses a declaration that differs.
            await channel.declare_queue(queue, durable=True, arguments=arguments)
    alice, bob = name_id("alice"), name_id("bob")
    assert pair.ask_box == f"jobman.ask.{alice}.{OFFER}"
    assert pair.work_box == f"jobman.work.{bob}.{pair.session}"
    assert pair.result_box == f"jobman.res.{alice}.{bob}.{pair.session}"


async def test_every_publish_is_persistent_and_an_offer_dies_by_itself(programs):
    pair = await meet(programs)
    await pair.employer.remove_box(pair.ask_box)
    await pair.employer.open_box(pair.ask_box)
    await pair.employer.post(OFFER, 7, b"offer\n")
    token = await pair.worker.send(pair.ask_box, pair.session, b"ask\n")

    async with raw(programs.url) as channel:
        offer = await (await channel.get_queue("jobman")).get(no_ack=True)
        ask = await (await channel.get_queue(pair.ask_box)).get(no_ack=True)

    assert offer.message_id == f"{OFFER}.7"
    assert offer.expiration == 900
    assert ask.message_id == token
    for message in (offer, ask):
        assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
        assert message.content_type == "application/vnd.jobman+dsse"


# ---- the hiring queue


async def test_fifty_workers_who_scan_at_once_all_see_all_offers_in_order(programs):
    employer = await programs.connect("alice")
    offers = [f"offer {n}\n".encode() for n in range(5)]
    for number, frame in enumerate(offers):
        await employer.post(name_id(f"offer {number}"), 1, frame)
    workers = [await programs.connect(f"worker {n}") for n in range(50)]

    async with asyncio.timeout(WAIT_SECONDS):
        seen = await asyncio.gather(*(worker.scan() for worker in workers))

    assert all(one == offers for one in seen)


async def test_three_hundred_offers_are_all_seen_every_time(programs):
    worker = await programs.connect("bob")
    offers = [b"%d" % n + b"." * 4000 for n in range(300)]
    async with raw(programs.url) as channel:
        await put(channel, "jobman", *offers)

    for _ in range(10):
        assert await worker.scan() == offers


async def test_an_empty_hiring_queue_is_seen_to_be_empty_at_once(programs):
    worker = await programs.connect("bob")

    async with asyncio.timeout(2):
        assert await worker.scan() == []


async def test_who_scans_gives_everything_back_when_it_is_cancelled(programs):
    alice, bob = await programs.connect("alice"), await programs.connect("bob")
    await alice.post(OFFER, 1, b"offer\n")
    scanning = asyncio.create_task(bob.scan())
    await asyncio.sleep(0)
    scanning.cancel()
    await asyncio.wait([scanning])

    assert await alice.scan() == [b"offer\n"]


async def test_a_program_that_holds_the_hiring_queue_delays_but_loses_nothing(
    programs, monkeypatch
):
    monkeypatch.setattr(amqp_scan, "LINE_SECONDS", 0.3)
    alice = await programs.connect("alice")
    await alice.post(OFFER, 1, b"offer\n")
    async with raw(programs.url) as channel:
        hog = await channel.get_queue("jobman")
        held = asyncio.Event()

        async def hold(_message):
            held.set()

        await hog.consume(hold)
        await asyncio.wait_for(held.wait(), WAIT_SECONDS)

        assert await alice.scan() == []
        assert not await alice.stands(OFFER)
        assert not await alice.withdraw(OFFER)

    assert await alice.scan() == [b"offer\n"]


async def test_an_offer_is_withdrawn_though_others_stand_in_line_at_the_empty_queue(programs):
    alice = await programs.connect("alice")
    await alice.post(OFFER, 1, b"offer\n")
    others = [await programs.connect(name) for name in ("bob", "carol")]
    taken = asyncio.Event()

    async def withdraw():
        while not await alice.withdraw(OFFER):
            pass
        taken.set()

    async def scan_again_and_again(pool):
        while not taken.is_set():
            await pool.scan()

    scanning = [asyncio.create_task(scan_again_and_again(pool)) for pool in others]
    await asyncio.wait_for(withdraw(), amqp_scan.LINE_SECONDS / 2)

    for task in scanning:
        task.cancel()
    await asyncio.wait(scanning)
    assert await alice.scan() == []


async def test_the_watchdog_cuts_a_program_that_holds_the_line(programs, monkeypatch):
    alice, bob = await programs.connect("alice"), await programs.connect("bob")
    await alice.post(OFFER, 1, b"offer\n")

    async def hang(*_):
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(amqp_scan, "HOLD_SECONDS", 0.2)
        patch.setattr(amqp_scan, "_rest", hang)
        with pytest.raises(PoolUnavailable, match="held the hiring queue"):
            await asyncio.wait_for(bob.scan(), WAIT_SECONDS)

    assert await alice.scan() == [b"offer\n"]


async def test_what_a_stranger_posts_under_our_id_goes_and_ours_stays(programs):
    alice = await programs.connect("alice")
    await alice.post(OFFER, 3, b"ours\n")
    async with raw(programs.url) as channel:
        forged = {"message_id": f"{OFFER}.9999999999", "app_id": name_id("alice")}
        await put(channel, "jobman", b"forged\n", **forged)
        await put(channel, "jobman", b"odd\n", **{**forged, "message_id": f"{OFFER}.x"})

    assert await alice.stands(OFFER)

    assert await alice.scan() == [b"ours\n"]


async def test_a_refresh_that_arrived_unconfirmed_is_the_one_that_stands(programs, monkeypatch):
    alice = await programs.connect("alice")
    await alice.post(OFFER, 1, b"old\n")
    publish = alice._publishing.basic_publish

    async def lose_the_confirm(*arguments, **options):
        await publish(*arguments, **options)
        raise TimeoutError

    # No real node loses just this one at will.
    monkeypatch.setattr(alice._publishing, "basic_publish", lose_the_confirm)
    with pytest.raises(Unconfirmed):
        await alice.post(OFFER, 2, b"new\n")

    assert await alice.stands(OFFER)
    assert await alice.scan() == [b"new\n"]


async def test_a_purged_hiring_queue_is_noticed(programs):
    alice = await programs.connect("alice")
    await alice.post(OFFER, 1, b"offer\n")
    async with raw(programs.url) as channel:
        await (await channel.get_queue("jobman")).purge()

    assert not await alice.stands(OFFER)


# ---- boxes that are full or gone


async def test_a_full_ask_box_does_not_take_another_ask(programs):
    pair = await meet(programs)
    await pair.employer.close()
    async with await aio_pika.connect(programs.url) as connection:
        channel = await connection.channel(publisher_confirms=False)
        await put(channel, pair.ask_box, *[b"ask\n"] * 10_000)
        await channel.get_queue(pair.ask_box)  # answered after all of them

    with pytest.raises(Unconfirmed, match="full"):
        await pair.worker.send(pair.ask_box, pair.session, b"one more\n")

    assert await pair.worker.backlog(pair.ask_box) == 10_000
    await pair.worker.send(pair.result_box, pair.session, b"other boxes go on\n")


async def test_a_box_removed_by_somebody_is_noticed_and_the_others_go_on(programs):
    pair = await meet(programs)
    async with raw(programs.url) as channel:
        await channel.queue_delete(pair.result_box)

    with pytest.raises(Undeliverable, match=pair.result_box):
        await asyncio.wait_for(pair.employer.receive(), WAIT_SECONDS)

    await pair.worker.send(pair.ask_box, pair.session, b"ask\n")
    assert await take(pair.employer, 1) == [b"ask\n"]
    with pytest.raises(Undeliverable):
        await pair.worker.send(pair.result_box, pair.session, b"result\n")


async def test_acknowledging_in_any_order_forgets_exactly_those(programs):
    pair = await meet(programs)
    for n in range(10):
        await pair.worker.send(pair.result_box, pair.session, b"%d" % n)
    held = await receive(pair.employer, 10)

    for group in ([held[5], held[2]], [held[0]], [held[9], held[1]], [held[1]]):
        await pair.employer.ack(group)
    await pair.employer.close()

    employer = await programs.connect("alice")
    await employer.listen(pair.result_box)
    assert [d.frame for d in await receive(employer, 5)] == [b"3", b"4", b"6", b"7", b"8"]
