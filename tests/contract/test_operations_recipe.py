"""The RabbitMQ permissions of docs/operations.md are enough for both sides, and not for more."""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import aio_pika
import pytest
from aiormq.exceptions import ChannelAccessRefused

from jobman_agent.pool.amqp import AmqpPool
from jobman_agent.pool.contract import Sender
from tests.contract.places import name_id

if TYPE_CHECKING:
    from tests.broker import Broker

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.fixture
async def url(broker: Broker) -> str:
    """A vhost in which the user of the page has the permissions of the page."""
    vhost = await asyncio.to_thread(broker.vhost)
    (line,) = re.findall(r"^rabbitmqctl set_permissions.*$", PAGE.read_text(), re.MULTILINE)
    words = shlex.split(line)
    assert words[:5] == ["rabbitmqctl", "set_permissions", "-p", "jobman", "jobman"]

    await asyncio.to_thread(broker.ctl, "add_user", f"jobman-{vhost}", "secret")
    await asyncio.to_thread(
        broker.ctl, "set_permissions", "-p", vhost, f"jobman-{vhost}", *words[5:]
    )
    return broker.url(vhost, f"jobman-{vhost}", "secret")


async def test_the_recipe_lets_an_offer_an_ask_and_a_session_through(url):
    employer_id, worker_id = name_id("employer"), name_id("worker")
    offer, session = name_id("offer"), name_id("session")
    employer = AmqpPool(url, Sender(employer_id, 1))
    worker = AmqpPool(url, Sender(worker_id, 1))
    await employer.connect()
    await worker.connect()
    try:
        ask = employer.ask_box(employer_id, offer)
        await employer.open_box(ask)
        await employer.listen(ask)
        await employer.post(offer, 1, b"offer")
        assert list(await worker.scan()) == [b"offer"]

        work = worker.work_box(session)
        results = worker.result_box(employer_id, offer, session)
        for box in (work, results):
            await worker.open_box(box)
        await worker.listen(work)
        await worker.send(ask, session, b"ask")
        asked = await asyncio.wait_for(employer.receive(), 20)
        assert [delivery.frame for delivery in asked] == [b"ask"]
        await employer.ack(asked)

        await employer.listen(results)
        await employer.send(work, session, b"work")
        await worker.ack(await asyncio.wait_for(worker.receive(), 20))
        await worker.send(results, session, b"result")
        returned = await asyncio.wait_for(employer.receive(), 20)
        assert [delivery.frame for delivery in returned] == [b"result"]
        await employer.ack(returned)

        assert await employer.stands(offer)
        while not await employer.withdraw(offer):
            pass
        for box in (ask, results):
            await employer.remove_box(box)
        await worker.remove_box(work)
    finally:
        await worker.close()
        await employer.close()


async def test_the_recipe_allows_nothing_beside_jobmans_own_queues(url):
    async with await aio_pika.connect(url) as connection:
        for name in ("other", "a-jobman", "amq.something"):
            channel = await connection.channel()
            with pytest.raises(ChannelAccessRefused):
                await channel.declare_queue(name, durable=True)
