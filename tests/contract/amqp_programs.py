"""Programs that meet in a virtual host of RabbitMQ, ours and others."""

from __future__ import annotations

from contextlib import asynccontextmanager

import aio_pika
import pytest

from jobman_agent.pool.amqp import AmqpPool
from jobman_agent.pool.contract import Sender
from tests.contract.places import Pair, name_id

OFFER = name_id("offer")


@asynccontextmanager
async def raw(url):
    """A channel of a program that is not jobman."""
    async with await aio_pika.connect(url) as connection:
        yield await connection.channel()


async def put(channel, queue, *bodies, **properties):
    for body in bodies:
        await channel.default_exchange.publish(
            aio_pika.Message(body, **properties), routing_key=queue
        )


class Programs:
    """Pools at one address; whatever was opened is closed at the end."""

    def __init__(self, url):
        self.url = url
        self.opened = []

    def sender(self, name):
        return Sender(name_id(name), start=1)

    async def connect(self, name, url=None, **options):
        pool = AmqpPool(url or self.url, self.sender(name), **options)
        self.opened.append(pool)
        await pool.connect()
        return pool

    async def close(self):
        for pool in self.opened:
            await pool.close()


@pytest.fixture
async def programs(broker_url):
    found = Programs(broker_url)
    yield found
    await found.close()


async def meet(programs, **options):
    pair = Pair(
        await programs.connect("alice", **options),
        await programs.connect("bob", **options),
        programs,
    )
    await pair.open()
    return pair
