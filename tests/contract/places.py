"""Where the contract suite finds its pools: one place for each transport, and who is there."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Protocol

from jobman_agent.model.names import short_id
from jobman_agent.pool.contract import Delivery, Pool, Sender
from jobman_agent.pool.memory import MemoryHub, MemoryPool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WAIT_SECONDS = 20.0


def name_id(name: str) -> str:
    """The id of somebody or something in a test."""
    return short_id(name.encode())


class Place(Protocol):
    """One pool that several programs reach."""

    boxes_are_folders: bool
    """A session's box is a part of its reader's inbox (PROTOCOL 3.2)."""

    def pool(self, sender: Sender) -> Pool:
        """A connection that has not begun."""

    async def put_raw(self, box: str, data: bytes) -> None:
        """Put something into a box that no pool of ours has written."""


class MemoryPlace:
    boxes_are_folders = False

    def __init__(self) -> None:
        self.hub = MemoryHub(blobs=True)

    def pool(self, sender: Sender) -> Pool:
        return MemoryPool(self.hub, sender)

    async def put_raw(self, box: str, data: bytes) -> None:
        self.hub.put_raw(box, data)


class DirectoryPlace:
    boxes_are_folders = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def pool(self, sender: Sender) -> Pool:
        from jobman_agent.pool.directory import DirectoryPool

        return DirectoryPool(self.folder, sender)

    async def put_raw(self, box: str, data: bytes) -> None:
        inbox, _, session = box.partition("/")
        name = f"{name_id('stranger')}.{session or name_id('any')}.000000010000000001"
        path = self.folder / "inbox" / inbox / "new" / name
        await asyncio.to_thread(path.write_bytes, data)


class AmqpPlace:
    boxes_are_folders = False

    def __init__(self, url: str) -> None:
        self.url = url

    def pool(self, sender: Sender) -> Pool:
        from jobman_agent.pool.opening import make_pool, parse_pool_url

        return make_pool(parse_pool_url(self.url), sender)

    async def put_raw(self, box: str, data: bytes) -> None:
        import aio_pika

        async with await aio_pika.connect(self.url) as connection:
            channel = await connection.channel()
            await channel.default_exchange.publish(aio_pika.Message(data), routing_key=box)


class People:
    """Programs with names at one place; everything they opened is closed at the end."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._senders: dict[str, Sender] = {}
        self._open: list[Pool] = []

    def sender(self, name: str) -> Sender:
        """The same one for a name, as one process has it."""
        return self._senders.setdefault(name, Sender(name_id(name), start=1))

    def restart(self, name: str) -> None:
        """That program ends and starts again: what it remembers is gone."""
        old = self.sender(name)
        self._senders[name] = Sender(old.id, old.start + 1, counter=itertools.count(1))

    async def connect(self, name: str) -> Pool:
        """A new connection of that program."""
        pool = self.place.pool(self.sender(name))
        async with asyncio.timeout(WAIT_SECONDS):
            await pool.connect()
        self._open.append(pool)
        return pool

    async def close(self) -> None:
        """Close every connection."""
        for pool in self._open:
            await pool.close()


class Pair:
    """An employer and a worker who have met: all boxes of one session are there."""

    def __init__(self, employer: Pool, worker: Pool, people: People) -> None:
        self.employer = employer
        self.worker = worker
        self.offer = name_id("offer")
        self.session = name_id("session")
        self.ask_box = employer.ask_box(people.sender("alice").id, self.offer)
        self.work_box = worker.work_box(self.session)
        self.result_box = worker.result_box(people.sender("alice").id, self.offer, self.session)

    async def open(self) -> None:
        """In the order of the protocol: the ask box first, then the worker's two."""
        await self.employer.open_box(self.ask_box)
        await self.employer.listen(self.ask_box)
        await self.worker.open_box(self.work_box)
        await self.worker.open_box(self.result_box)
        await self.worker.listen(self.work_box)
        await self.employer.listen(self.result_box)


async def meet(people: People) -> Pair:
    """Alice offers, bob works: both connected, all boxes open, both listening."""
    pair = Pair(await people.connect("alice"), await people.connect("bob"), people)
    await pair.open()
    return pair


async def receive(pool: Pool, count: int) -> list[Delivery]:
    """The next so many messages of a pool, not acknowledged."""
    found: list[Delivery] = []
    async with asyncio.timeout(WAIT_SECONDS):
        while len(found) < count:
            found += await pool.receive()
    return found


async def take(pool: Pool, count: int) -> list[bytes]:
    """The next so many messages of a pool, acknowledged as they come."""
    found: list[bytes] = []
    async with asyncio.timeout(WAIT_SECONDS):
        while len(found) < count:
            deliveries = await pool.receive()
            await pool.ack(deliveries)
            found += frames(deliveries)
    return found


def frames(deliveries: Sequence[Delivery]) -> list[bytes]:
    """What was delivered."""
    return [delivery.frame for delivery in deliveries]
