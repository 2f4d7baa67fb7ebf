"""The mailboxes that we read in RabbitMQ: one channel, a consumer for each box, acknowledgements.

Nothing runs inside a consumer callback but an append: aio-pika cancels callbacks when the
connection goes. How much waits in memory is bounded by the prefetch counts, which become smaller
with the number of boxes; RabbitMQ has none in bytes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from jobman_agent.errors import Undeliverable
from jobman_agent.model.wire import MAX_FRAME
from jobman_agent.pool.contract import Delivery

if TYPE_CHECKING:
    from collections.abc import Sequence

    import aiormq.abc
    from aiormq import spec

    from jobman_agent.pool.amqp_link import Link

MOST_PREFETCHED = 16
"""A box alone: 16 chunks of 1 MB, as many as come in answer to one `need`."""
LEAST_PREFETCHED = 2
_PREFETCHED_IN_ALL = 64


class Inbox:
    """What arrives in the boxes listened to, until it is acknowledged."""

    def __init__(self, link: Link) -> None:
        self.junk = 0
        self._link = link
        self._channel: aiormq.abc.AbstractChannel | None = None
        self._consumers: dict[str, str] = {}
        self._arrived: deque[Delivery] = deque()
        self._removed: deque[str] = deque()
        self._junk: list[int] = []
        # Ascending: the tags of a channel are 1, 2, 3 ... in the order of delivery.
        self._unacked: dict[int, None] = {}
        self._wake = asyncio.Event()
        link.on_lost.append(self._wake.set)

    async def open(self) -> None:
        """Make the channel; PoolUnavailable and the like as the link's door has them."""
        async with self._link.door("opening a channel to read"):
            channel = await self._link.channel(writing=False)
        channel.on_consumer_cancel_callbacks.add(self._on_cancelled)
        channel.closing.add_done_callback(self._on_closed)
        self._channel = channel

    async def listen(self, box: str) -> None:
        """Let what comes into an existing box arrive here."""
        if box in self._consumers.values():
            return
        share = _PREFETCHED_IN_ALL // (len(self._consumers) + 1)
        count = max(LEAST_PREFETCHED, min(MOST_PREFETCHED, share))
        tag = f"{box}#{id(self):x}"
        self._consumers[tag] = box

        async def keep(message: aiormq.abc.DeliveredMessage) -> None:
            self._on_message(box, message)

        try:
            async with self._link.door(f"listening to the mailbox {box}"):
                channel = self._open_channel()
                await channel.basic_qos(prefetch_count=count)
                await channel.basic_consume(box, keep, consumer_tag=tag)
        except BaseException:
            self._consumers.pop(tag, None)
            raise

    async def forget(self, box: str) -> None:
        """Listen to a box no more; what has come from it, and was not given, is dropped."""
        for tag in [t for t, b in self._consumers.items() if b == box]:
            del self._consumers[tag]
            async with self._link.door(f"leaving the mailbox {box}"):
                await self._open_channel().basic_cancel(tag)
        never_given = [d for d in self._arrived if d.box == box]
        self._arrived = deque(d for d in self._arrived if d.box != box)
        if never_given:
            await self.ack(never_given)

    async def receive(self) -> Sequence[Delivery]:
        """All that has arrived, at least one; see the contract."""
        while True:
            self._link.check()
            if self._junk:
                junk, self._junk = self._junk, []
                await self._acknowledge(junk)
                continue
            if self._arrived:
                batch = list(self._arrived)
                self._arrived.clear()
                return batch
            if self._removed:
                box = self._removed.popleft()
                message = f"somebody removed the mailbox {box}"
                raise Undeliverable(message)
            self._wake.clear()
            await self._wake.wait()

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge; see the contract."""
        self._link.check()
        await self._acknowledge([d.token for d in deliveries if isinstance(d.token, int)])

    async def _acknowledge(self, tags: Sequence[int]) -> None:
        done = sorted(tag for tag in set(tags) if tag in self._unacked)
        for tag in done:
            del self._unacked[tag]
        oldest = next(iter(self._unacked), None)
        # All below the oldest that is still in use go in one frame.
        together = [tag for tag in done if oldest is None or tag < oldest]
        async with self._link.door("acknowledging messages"):
            channel = self._open_channel()
            if together:
                await channel.basic_ack(together[-1], multiple=True)
            for tag in done[len(together) :]:
                await channel.basic_ack(tag)

    def _open_channel(self) -> aiormq.abc.AbstractChannel:
        if self._channel is None:
            raise self._link.lose(f"{self._link.address}: not connected")
        return self._channel

    def _on_message(self, box: str, message: aiormq.abc.DeliveredMessage) -> None:
        tag = message.delivery_tag or 0
        self._unacked[tag] = None
        if 0 < len(message.body) <= MAX_FRAME:
            self._arrived.append(Delivery(box=box, frame=message.body, token=tag))
        else:
            self.junk += 1
            self._junk.append(tag)
        self._wake.set()

    def _on_cancelled(self, frame: spec.Basic.Cancel) -> None:
        box = self._consumers.pop(frame.consumer_tag or "", None)
        if box is not None:
            self._removed.append(box)
            self._wake.set()

    def _on_closed(self, closing: asyncio.Future[object]) -> None:
        why = "" if closing.cancelled() else str(closing.exception() or "")
        self._link.lose(f"{self._link.address}: the channel that reads was closed ({why})")
