"""The pool in RabbitMQ: docs/protocol.md, section 7, the open profile."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re

import aio_pika
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError, DeliveryError
from envelope import id_of

HIRING = "jobman"
HIRING_ARGUMENTS = {"x-queue-type": "classic", "x-single-active-consumer": True}
WORK_ARGUMENTS = {"x-queue-type": "classic", "x-expires": 86_400_000}
RESULT_ARGUMENTS = {"x-queue-type": "classic", "x-expires": 604_800_000}
BOX = re.compile(r"jobman\.(ask|work|res)\.[a-z0-9.-]+")
PATIENCE_S = 20


class Rabbit:
    """One worker's connection."""

    has_blobs = False

    def __init__(self, url: str, me: str) -> None:
        """Args: URL of the broker, own id."""
        self.url = url + ("&" if "?" in url else "?") + "heartbeat=10"
        self.me = me
        self.poll_s = 0.0
        self.arrived: asyncio.Queue[aio_pika.abc.AbstractIncomingMessage | None] = asyncio.Queue()

    async def open(self) -> None:
        self.connection = await aio_pika.connect(self.url, timeout=PATIENCE_S)
        self.connection.close_callbacks.add(lambda *_: self.arrived.put_nowait(None))
        self.channel = await self.connection.channel(on_return_raises=True)
        await self.channel.declare_queue(HIRING, durable=True, arguments=HIRING_ARGUMENTS)

    async def scan(self) -> list[bytes]:
        """All offers that stand; they stay where they are."""
        found: asyncio.Queue[bytes] = asyncio.Queue()
        channel = await self.connection.channel()
        queue = await channel.declare_queue(HIRING, passive=True)
        frames = []

        async def keep(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            found.put_nowait(message.body)

        try:
            await queue.consume(keep)
            frames.append(await asyncio.wait_for(found.get(), 10))
            async with asyncio.timeout(5):
                while True:
                    before = len(frames) + found.qsize()
                    state = await channel.declare_queue(HIRING, passive=True)
                    while not found.empty():
                        frames.append(found.get_nowait())
                    ready = state.declaration_result.message_count
                    if ready == 0 and len(frames) == before:
                        break
        except TimeoutError:
            pass
        finally:
            await channel.close()
        return frames

    @staticmethod
    def ask_box(employer: str, offer: str) -> str:
        return f"jobman.ask.{id_of(employer)}.{offer}"

    def work_box(self, session: str) -> str:
        return f"jobman.work.{self.me}.{session}"

    def result_box(self, employer: str, offer: str, session: str) -> str:
        return f"jobman.res.{id_of(employer)}.{self.me}.{session}"

    async def join(self, employer: str, offer: str, session: str) -> None:
        """Make both boxes, and read the work box."""
        work = await self.channel.declare_queue(
            self.work_box(session), durable=True, arguments=WORK_ARGUMENTS
        )
        await self.channel.declare_queue(
            self.result_box(employer, offer, session), durable=True, arguments=RESULT_ARGUMENTS
        )

        async def keep(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            self.arrived.put_nowait(message)

        self.stop_reading = functools.partial(work.cancel, await work.consume(keep))

    async def leave(self, session: str) -> None:
        await self.stop_reading()
        await self.remove(self.work_box(session))

    async def remove(self, box: str) -> None:
        await self.channel.queue_delete(box)

    async def close(self) -> None:
        with contextlib.suppress(*FAILURES):
            await self.connection.close()

    async def send(self, box: str, session: str, frame: bytes, number: tuple[int, int]) -> None:
        if BOX.fullmatch(box) is None:
            raise ValueError(f"no box of version 1: {box!r}")
        await self.channel.default_exchange.publish(
            aio_pika.Message(
                frame,
                content_type="application/vnd.jobman+dsse",
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            ),
            routing_key=box,
            mandatory=True,
            timeout=PATIENCE_S,
        )

    async def receive(self) -> list[tuple[aio_pika.abc.AbstractIncomingMessage, bytes]]:
        """The next messages, with what `done` wants."""
        found = [await self.arrived.get()]
        while not self.arrived.empty():
            found.append(self.arrived.get_nowait())
        if None in found:
            raise ConnectionError("the broker is gone")
        return [(message, message.body) for message in found]

    async def done(self, handles: list[aio_pika.abc.AbstractIncomingMessage]) -> None:
        for message in handles:
            await message.ack()


FAILURES = (AMQPError, ChannelInvalidStateError, DeliveryError, OSError, TimeoutError)
