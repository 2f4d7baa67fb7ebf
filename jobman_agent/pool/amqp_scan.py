"""A turn at the hiring queue: see all that stands there, and leave it as it was.

The queue has a single active consumer, so the broker lines scanners up, first come first served.
Each looks, and closes its channel *without cancelling*: all goes back, in order. Nobody holds the
line for longer than 5 s. Measured (PROTOCOL 3.1): a thousand scanners at once all saw all offers.

When is a turn complete? The broker sends only some 200 deliveries ahead of a reply, so one
declare-ok overtakes them. Complete is: a reply says that 0 are ready, and nothing came since the
reply before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobman_agent.log import get_logger
from jobman_agent.model.names import HIRING_QUEUE
from jobman_agent.model.wire import MAX_FRAME

if TYPE_CHECKING:
    import aiormq.abc

    from jobman_agent.pool.amqp_link import Link

LINE_SECONDS = 10.0
"""How long to stand in line for the first delivery."""
COLLECT_SECONDS = 4.0
HOLD_SECONDS = 5.0
"""After this the watchdog cuts the connection, whatever hangs."""
_FIRST_LOOK_SECONDS = 0.05
_LONGEST_LOOK_SECONDS = 2.0

_log = get_logger(__name__)


@dataclass(slots=True)
class Standing:
    """A message in the hiring queue."""

    frame: bytes
    message_id: str
    app: str
    """The id of the poster, as the poster says."""
    user: str
    """The poster's user name in the broker, if given: the broker has checked it."""
    tag: int

    @property
    def may_be_message(self) -> bool:
        """Whether its size is that of a message."""
        return 0 < len(self.frame) <= MAX_FRAME

    @property
    def offer(self) -> str:
        """The id of the offer, as the poster says."""
        return self.message_id.rpartition(".")[0]

    @property
    def sequence(self) -> int:
        """Which of its offers this is; -1 if it does not say."""
        digits = self.message_id.rpartition(".")[2]
        return int(digits) if digits.isdecimal() and digits.isascii() else -1


@dataclass(slots=True)
class Turn:
    """What one turn showed."""

    seen: list[Standing] = field(default_factory=list)
    complete: bool = False
    """Whether it was our turn at all, and nothing was missed."""
    empty: bool = False
    """Whether nothing stood there, as far as those can tell who stand in line with others."""


Remove = Callable[[list[Standing]], Iterable[int]]
"""Told what stands there, it says the tags of what is to go away."""


async def take_turn(link: Link, remove: Remove, line_s: float | None = None) -> Turn:
    """Stand in line, look, remove what is ours to remove, and give back the rest.

    Args:
        link: Where.
        remove: Told what is there; returns the tags of what goes away.
        line_s: Seconds to stand in line for the first delivery; None: as long as a scan may.

    Raises:
        PoolUnavailable: the link is lost.
        PoolRefused: we may not read the hiring queue.
        Undeliverable: there is no hiring queue.
    """
    turn = Turn()
    came = asyncio.Event()

    async def keep(message: aiormq.abc.DeliveredMessage) -> None:
        properties = message.header.properties
        turn.seen.append(
            Standing(
                frame=message.body,
                message_id=properties.message_id or "",
                app=properties.app_id or "",
                user=properties.user_id or "",
                tag=message.delivery_tag or 0,
            )
        )
        came.set()

    async with link.door("opening a channel to the hiring queue"):
        channel = await link.channel(writing=False)
    try:
        async with link.door("reading the hiring queue"):
            await channel.basic_consume(HIRING_QUEUE, keep)
        turn.complete, turn.empty = await _first(
            link, channel, came, LINE_SECONDS if line_s is None else line_s
        )
        if turn.seen:
            await _hold(link, channel, turn, remove)
    finally:
        await _leave(link, channel)
    return turn


async def _hold(
    link: Link,
    channel: aiormq.abc.AbstractChannel,
    turn: Turn,
    remove: Remove,
) -> None:
    """See the rest and let go, under the watchdog."""
    try:
        async with asyncio.timeout(HOLD_SECONDS):
            turn.complete = await _rest(link, channel, turn.seen)
            async with link.door("removing offers of ours"):
                for tag in remove(turn.seen):
                    await channel.basic_ack(tag)
            await _leave(link, channel)
    except TimeoutError as exc:
        raise link.abort(f"held the hiring queue for {HOLD_SECONDS:g} s") from exc


async def _first(
    link: Link, channel: aiormq.abc.AbstractChannel, came: asyncio.Event, line_s: float
) -> tuple[bool, bool]:
    """Wait for the first delivery: whether there surely is none, and whether none was to be seen.

    On an empty queue two scanners cannot tell it from one that somebody else holds.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + line_s
    alone, empty = False, True
    pause = _FIRST_LOOK_SECONDS
    while not came.is_set():
        ready, scanners = await _count(link, channel)
        empty = empty and ready == 0
        # With nobody else in line, what is not ready would have been sent to us.
        if ready == 0 and scanners == 1 and not came.is_set():
            if alone:
                return True, True
            alone = True
            continue
        alone = False
        if clock() > deadline:
            _log.info("others stood at the hiring queue for %g s", line_s)
            return False, empty
        await _event_or_pause(came, min(pause, line_s))
        pause = min(2 * pause, _LONGEST_LOOK_SECONDS)
    return False, False


async def _rest(link: Link, channel: aiormq.abc.AbstractChannel, seen: list[Standing]) -> bool:
    """Collect until all is there; False if that took too long."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + COLLECT_SECONDS
    before = -1
    while clock() < deadline:
        ready, _ = await _count(link, channel)
        if ready == 0 and len(seen) == before:
            return True
        before = len(seen)
    return False


async def _count(link: Link, channel: aiormq.abc.AbstractChannel) -> tuple[int, int]:
    async with link.door("looking at the hiring queue"):
        reply = await channel.queue_declare(HIRING_QUEUE, passive=True)
    return reply.message_count or 0, reply.consumer_count or 0


async def _event_or_pause(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


async def _leave(link: Link, channel: aiormq.abc.AbstractChannel) -> None:
    if link.lost is None and not channel.is_closed:
        async with link.door("leaving the hiring queue"):
            await channel.close()
