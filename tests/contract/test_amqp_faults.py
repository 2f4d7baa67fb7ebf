"""A RabbitMQ node that is killed or short of memory, a silent network, the guarded profile."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from jobman_agent.errors import InputError, PoolRefused, PoolUnavailable, Unconfirmed, Undeliverable
from jobman_agent.pool import amqp_link
from tests.broker import absent
from tests.contract.amqp_programs import OFFER, Programs, meet, programs, raw
from tests.contract.places import WAIT_SECONDS, name_id, receive, take

__all__ = ["programs"]


# ---- faults of the node and of the network


async def test_a_killed_node_is_noticed_at_once_and_keeps_what_it_confirmed(programs, broker):
    pair = await meet(programs)
    await pair.employer.post(OFFER, 1, b"offer\n")
    confirmed = []

    async def send_for_ever():
        while True:
            frame = b"%d" % len(confirmed)
            await pair.worker.send(pair.result_box, pair.session, frame)
            confirmed.append(frame)

    sending = asyncio.create_task(send_for_ever())
    await receive(pair.employer, 10)
    waiting = asyncio.create_task(pair.worker.receive())
    await asyncio.to_thread(broker.kill)
    try:
        async with asyncio.timeout(5):
            for task in (sending, waiting):
                with pytest.raises(PoolUnavailable):
                    await task
            with pytest.raises(PoolUnavailable):
                await receive(pair.employer, 1_000_000)
            for call in (pair.employer.scan(), pair.worker.backlog(pair.ask_box)):
                with pytest.raises(PoolUnavailable):
                    await call
            with pytest.raises(PoolUnavailable):
                await pair.worker.send(pair.ask_box, pair.session, b"ask\n")
            await pair.worker.close()
    finally:
        await asyncio.to_thread(broker.start)

    employer = await programs.connect("alice")
    await employer.listen(pair.result_box)
    found = [d.frame for d in await receive(employer, len(confirmed))]
    assert found[: len(confirmed)] == confirmed
    assert await employer.scan() == [b"offer\n"]


async def test_an_alarm_stops_senders_but_no_reader_and_passes(programs, broker):
    pair = await meet(programs, call_seconds=1)
    await pair.employer.send(pair.work_box, pair.session, b"before\n")
    await pair.worker.send(pair.result_box, pair.session, b"result\n")
    await asyncio.to_thread(broker.memory_alarm, on=True)
    try:
        with pytest.raises(Unconfirmed, match="did not confirm"):
            await pair.employer.send(pair.work_box, pair.session, b"during\n")
        assert await take(pair.worker, 1) == [b"before\n"]
        assert await take(pair.employer, 1) == [b"result\n"]
        await pair.employer.open_box(pair.ask_box)
        assert await pair.employer.scan() == []
    finally:
        await asyncio.to_thread(broker.memory_alarm, on=False)

    await pair.employer.send(pair.work_box, pair.session, b"after\n")

    # The one that was not confirmed arrives all the same: unsure is what Unconfirmed says.
    assert await take(pair.worker, 2) == [b"during\n", b"after\n"]


class Wire:
    """A TCP proxy to the node that can fall silent, as a network does."""

    def __init__(self, port):
        self.port = port
        self.open = asyncio.Event()
        self.open.set()
        self.tasks = set()
        self.writers = []

    async def serve(self, reader, writer):
        self.writers.append(writer)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
        for pair in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self.pump(*pair))
            self.tasks.add(task)

    async def pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                await self.open.wait()
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def running(self):
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            self.open.set()
            server.close()
            for task in self.tasks:
                task.cancel()
            await asyncio.wait(self.tasks)


async def test_a_silent_network_ends_every_call_and_later_the_waiting(
    programs, broker, monkeypatch
):
    monkeypatch.setattr(amqp_link, "HEARTBEAT_SECONDS", 1)
    wire = Wire(broker.port)
    async with wire.running() as port:
        url = programs.url.replace(f":{broker.port}/", f":{port}/")
        pool = await programs.connect("bob", url, call_seconds=1)
        other = await programs.connect("carol", url, call_seconds=1)
        box = pool.work_box(name_id("session"))
        await pool.open_box(box)
        waiting = asyncio.create_task(other.receive())
        wire.open.clear()

        async with asyncio.timeout(5):
            with pytest.raises(Unconfirmed):
                await pool.send(box, name_id("session"), b"x\n")
            with pytest.raises(PoolUnavailable, match="did not answer"):
                await pool.scan()
            with pytest.raises(PoolUnavailable):
                await pool.receive()
            await pool.close()
        async with asyncio.timeout(15):
            with pytest.raises(PoolUnavailable):
                await waiting
            await other.close()


@pytest.mark.parametrize("which", [0, 1], ids=["reading", "writing"])
async def test_the_loss_of_either_connection_ends_the_waiting(programs, broker, which):
    wire = Wire(broker.port)
    async with wire.running() as port:
        pool = await programs.connect("bob", programs.url.replace(f":{broker.port}/", f":{port}/"))
        waiting = asyncio.create_task(pool.receive())
        await asyncio.sleep(0)

        wire.writers[which].transport.abort()

        with pytest.raises(PoolUnavailable, match=r"was lost|was closed"):
            await asyncio.wait_for(waiting, WAIT_SECONDS)


# ---- TLS


@pytest.fixture
def certificate(broker):
    if broker.certificate is None:
        absent("openssl is not here: install it (Debian: apt install openssl)")
    return broker.certificate


def tls_url(programs, broker, host="localhost"):
    return programs.url.replace(
        f"amqp://guest:guest@127.0.0.1:{broker.port}", f"amqps://{host}:{broker.tls_port}"
    )


async def test_tls_with_the_pinned_authority_works(programs, broker, certificate):
    pool = await programs.connect("alice", tls_url(programs, broker), ca=certificate)
    await pool.post(OFFER, 1, b"offer\n")

    assert await pool.scan() == [b"offer\n"]


@pytest.mark.parametrize(("host", "pinned"), [("localhost", False), ("127.0.0.1", True)])
async def test_an_unknown_authority_and_a_wrong_host_name_are_refused(
    programs, broker, certificate, host, pinned
):
    url = tls_url(programs, broker, host)

    with pytest.raises(PoolRefused, match="certificate that is not trusted"):
        await programs.connect("alice", url, ca=certificate if pinned else None)


async def test_a_missing_file_of_the_authority_is_told(programs, broker, tmp_path):
    with pytest.raises(InputError, match=r"none\.pem"):
        await programs.connect("a", tls_url(programs, broker), ca=tmp_path / "none.pem")


async def test_plain_amqp_to_the_tls_port_is_out_of_reach(programs, broker, certificate):
    url = programs.url.replace(f":{broker.port}/", f":{broker.tls_port}/")

    with pytest.raises(PoolUnavailable, match="out of reach"):
        await programs.connect("alice", url)


# ---- the guarded profile


@pytest.fixture
async def guarded(broker):
    """A virtual host as an administrator prepares it, with a user for each program."""
    vhost = await asyncio.to_thread(broker.vhost)
    async with raw(broker.url(vhost)) as channel:
        await channel.declare_exchange("jobman.wire", "topic", durable=True)
        offers = await channel.declare_exchange("jobman.offers", "fanout", durable=True)
        arguments = {"x-queue-type": "classic", "x-single-active-consumer": True}
        hiring = await channel.declare_queue("jobman", durable=True, arguments=arguments)
        await hiring.bind(offers)

    def permit():
        rights = {
            "alice": (r"^jobman\.ask\.alice\.", r"^(work|ask\.alice)\."),
            "pc-bob": (r"^jobman\.(work|res\.[^.]+)\.pc-bob\.", r"^(ask|res\.[^.]+\.pc-bob)\."),
        }
        exchanges = r"jobman\.(offers|wire)$"
        for user, (own, keys) in rights.items():
            broker.ctl("add_user", user, "secret")
            may_write = f"({own}|^{exchanges})"
            may_read = f"({own}|^jobman$|^{exchanges}|^jobman\\.res\\.{user}\\.)"
            broker.ctl("set_permissions", "-p", vhost, user, own, may_write, may_read)
            topics = ("jobman.wire", keys, ".*")
            broker.ctl("set_topic_permissions", "-p", vhost, user, *topics)

    await asyncio.to_thread(permit)
    yield broker, vhost
    await asyncio.to_thread(lambda: [broker.ctl("delete_user", u) for u in ("alice", "pc-bob")])


async def test_in_the_guarded_profile_names_are_users_and_permissions_hold(guarded):
    broker, vhost = guarded
    programs = Programs(broker.url(vhost))
    alice = await programs.connect("alice", broker.url(vhost, "alice", "secret"))
    bob = await programs.connect("bob", credentials=("pc-bob", "secret"))
    session = name_id("session")

    await alice.open_box(alice.ask_box(name_id("alice"), OFFER))
    await alice.listen(alice.ask_box(name_id("alice"), OFFER))
    await alice.post(OFFER, 1, b"offer\n")
    assert await bob.scan() == [b"offer\n"]
    ask_box = bob.ask_box(name_id("alice"), OFFER)
    work_box, result_box = bob.work_box(session), bob.result_box(name_id("alice"), OFFER, session)
    await bob.open_box(work_box)
    await bob.open_box(result_box)
    await bob.listen(work_box)
    await bob.send(ask_box, session, b"ask\n")
    assert await take(alice, 1) == [b"ask\n"]
    await alice.listen(result_box)
    await alice.send(work_box, session, b"work\n")
    assert await take(bob, 1) == [b"work\n"]
    await bob.send(result_box, session, b"result\n")
    assert await take(alice, 1) == [b"result\n"]

    assert ask_box == f"jobman.ask.alice.{OFFER}"
    assert result_box == f"jobman.res.alice.pc-bob.{session}"
    assert alice.is_work_box(work_box, name_id("bob"), session)
    assert alice.is_result_box(result_box, OFFER, name_id("bob"), session)
    assert not alice.is_result_box(f"jobman.res.bob.x.{session}", OFFER, name_id("bob"), session)
    with pytest.raises(Undeliverable):
        await bob.send(f"jobman.res.nobody.pc-bob.{session}", session, b"result\n")
    for forbidden in (
        bob.send(f"jobman.work.pc-carol.{session}", session, b"work\n"),
        bob.open_box(f"jobman.work.pc-carol.{session}"),
        bob.listen(ask_box),
    ):
        with pytest.raises(PoolRefused, match="pc-bob"):
            await forbidden
    assert await alice.withdraw(OFFER)
    await programs.close()
