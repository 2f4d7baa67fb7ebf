"""A pool in RabbitMQ (3.10 to 4.x): the queues of PROTOCOL 3.1, and nothing else.

Open profile: everybody declares the hiring queue, and publishes through the default exchange.
Guarded profile: it holds where the administrator has made the exchange ``jobman.wire``; then all
goes through it and ``jobman.offers``, and topic permissions say who may write where.

What is particular to this pool: `replaces` of `send` is not used, for a queue cannot drop one
message; after `Unconfirmed` by a time-out, or because a box is full, the object can still be used.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from aio_pika.exceptions import ChannelNotFoundEntity, DeliveryError, PublishError
from aiormq import spec

from jobman_agent.errors import (
    PoolMisused,
    PoolRefused,
    PoolUnavailable,
    Unconfirmed,
    Undeliverable,
)
from jobman_agent.model.names import HIRING_QUEUE, SENDER
from jobman_agent.pool.amqp_errors import Address
from jobman_agent.pool.amqp_inbox import Inbox
from jobman_agent.pool.amqp_link import Link
from jobman_agent.pool.amqp_names import (
    CONTENT_TYPE,
    HIRING_ARGUMENTS,
    OFFER_LIFE_MS,
    OFFERS_EXCHANGE,
    PREFIX,
    WIRE_EXCHANGE,
    Names,
    arguments_of,
)
from jobman_agent.pool.amqp_scan import Remove, Standing, Turn, take_turn
from jobman_agent.pool.contract import CALL_SECONDS, Delivery, Pace, Sender

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from pathlib import Path

    import aiormq.abc

T = TypeVar("T")

_PERSISTENT = 2
_MOST_POSTERS = 10_000
_MOST_POSTED = 4
_SHORT_LINE_SECONDS = 0.5
_MOST_TURNS = 4


class AmqpPool:
    """One connection of one program to a pool in RabbitMQ; keeps the contract `Pool`."""

    def __init__(
        self,
        url: str,
        sender: Sender,
        *,
        credentials: tuple[str, str] | None = None,
        ca: Path | None = None,
        call_seconds: float = CALL_SECONDS,
    ) -> None:
        """Say where; nothing is done before `connect`.

        Args:
            url: ``amqp[s]://[user:password@]host[:port][/vhost]``.
            sender: Who we are.
            credentials: User name and password, instead of those in the address.
            ca: A PEM file with the authority of an ``amqps`` server; None: those of this PC.
            call_seconds: After so many seconds without an answer the pool is out of reach.

        Raises:
            InputError: the address is not of this form.
        """
        self.blobs = None
        self.notes: list[str] = []
        self._sender = sender
        self._address = Address.parse(url, credentials)
        self._link = Link(self._address, ca, sender.id, call_seconds)
        self._inbox = Inbox(self._link)
        self._names = Names(sender.id)
        self._junk = 0
        # The last frames of each offer by message_id, noted before they are sent: any may arrive.
        self._posted: dict[str, dict[str, bytes]] = {}
        self._removed: set[str] = set()  # offers of ours that were seen and taken away
        self._asking: aiormq.abc.AbstractChannel | None = None
        self._publishing: aiormq.abc.AbstractChannel | None = None
        # One at a time: a question about a queue that is not there closes the channel.
        self._ask_lock = asyncio.Lock()
        self._open_lock = asyncio.Lock()
        self._turn_lock = asyncio.Lock()

    @property
    def junk(self) -> int:
        """How many things that were no messages have been dropped."""
        return self._junk + self._inbox.junk

    @property
    def user(self) -> str | None:
        """Guarded profile: who we are to the broker, as it stands in names of boxes; else None."""
        return self._names.me if self._names.guarded else None

    # ---- connection
    async def connect(self) -> None:
        """Connect, and make (or in the guarded profile look for) the hiring queue."""
        try:
            await self._link.open()
            await self._inbox.open()
            guarded = await self._ask(f"looking for {WIRE_EXCHANGE}", self._is_guarded)
            me = self._address.user
            if guarded and not SENDER.fullmatch(me):
                message = (
                    f"{self._address} has jobman's guarded profile, in which a user's name is part "
                    f"of names of queues: 1 to 32 of a-z 0-9 - are right, {me!r} is not"
                )
                raise PoolRefused(message)
            self._names = Names(self._sender.id, me if guarded else None)
            await self._ask("declaring the hiring queue", self._declare_hiring)
            await self._publisher()
        except BaseException:
            await self._link.close()
            raise

    async def close(self) -> None:
        """Let go of the pool; never raises, may be called twice."""
        await self._link.close()

    async def _is_guarded(self, channel: aiormq.abc.AbstractChannel) -> bool:
        try:
            await channel.exchange_declare(WIRE_EXCHANGE, passive=True)
        except ChannelNotFoundEntity:
            return False
        return True

    async def _declare_hiring(self, channel: aiormq.abc.AbstractChannel) -> None:
        if not self._names.guarded:
            await channel.queue_declare(HIRING_QUEUE, durable=True, arguments={**HIRING_ARGUMENTS})
            return
        try:
            await channel.queue_declare(HIRING_QUEUE, passive=True)
        except ChannelNotFoundEntity as exc:
            message = (
                f"{self._address} has the exchange {WIRE_EXCHANGE}, but no queue {HIRING_QUEUE!r}: "
                f"the administrator makes both, and binds the queue to {OFFERS_EXCHANGE}"
            )
            raise PoolMisused(message) from exc

    # ---- names of boxes
    def ask_box(self, employer: str, offer: str) -> str:
        """The box in which an employer awaits asks for an offer."""
        return self._names.ask_box(employer, offer)

    def work_box(self, session: str) -> str:
        """Our (a worker's) box for what an employer sends in a session."""
        return self._names.work_box(session)

    def result_box(self, employer: str, offer: str, session: str) -> str:
        """The box in which an employer awaits what we (a worker) send in a session.

        In the guarded profile only right after a scan that showed the offer: keep the name.
        """
        return self._names.result_box(employer, offer, session)

    def is_work_box(self, box: str, worker: str, session: str) -> bool:
        """Whether a name from an ask is that worker's box for that session (by pattern)."""
        return self._names.is_work_box(box, worker, session)

    def is_result_box(self, box: str, offer: str, worker: str, session: str) -> bool:
        """Whether a name from an ask is our (an employer's) box for that worker's session."""
        return self._names.is_result_box(box, worker, session)

    # ---- the hiring queue
    async def post(self, offer: str, sequence: int, frame: bytes) -> None:
        """Put an offer up; `stands` removes the older ones, or they die after 15 min."""
        message_id = f"{offer}.{sequence}"
        guarded = self._names.guarded
        properties = spec.Basic.Properties(
            delivery_mode=_PERSISTENT,
            content_type=CONTENT_TYPE,
            message_id=message_id,
            expiration=OFFER_LIFE_MS,
            app_id=self._sender.id,
            user_id=self._address.user if guarded else None,
        )
        exchange = OFFERS_EXCHANGE if guarded else ""
        self._removed.discard(offer)
        posted = self._posted.setdefault(offer, {})
        posted[message_id] = frame
        if len(posted) > _MOST_POSTED:
            del posted[next(iter(posted))]
        try:
            await self._publish(exchange, HIRING_QUEUE, properties, frame)
        except Undeliverable as exc:
            message = f"{self._address}: the hiring queue {HIRING_QUEUE!r} is gone"
            raise self._link.lose(message) from exc

    async def stands(self, offer: str) -> bool:
        """Look whether our offer is there, and remove all of its sequences but the newest."""
        found = False

        def remove(seen: list[Standing]) -> Iterable[int]:
            nonlocal found
            ours = [s for s in seen if self._is_ours(s, offer)]
            keep = self._newest(offer, ours)
            found = keep is not None
            return [s.tag for s in ours if s is not keep]

        await self._turn(remove)
        return found

    async def withdraw(self, offer: str) -> bool:
        """Remove all sequences of our offer; True once two turns running showed none.

        Seeing nothing while others stand in line counts only once ours were seen and taken away.
        """
        self._posted.pop(offer, None)
        shown = 0

        def remove(seen: list[Standing]) -> Iterable[int]:
            nonlocal shown
            ours = [s.tag for s in seen if self._is_ours(s, offer)]
            shown += len(ours)
            return ours

        clean = 0
        for _ in range(_MOST_TURNS):
            shown = 0
            gone = offer in self._removed
            turn = await self._turn(remove, _SHORT_LINE_SECONDS if gone else None)
            if not turn.complete and not (gone and turn.empty):
                return False
            if shown:
                self._removed.add(offer)
            clean = 0 if shown else clean + 1
            if clean == 2:  # noqa: PLR2004 - one proves nothing: a copy may be on its way back
                return True
        return False

    async def scan(self) -> Sequence[bytes]:
        """Every offer that stands, ours too, in the order of their posting."""
        turn = await self._turn(lambda _seen: ())
        return [s.frame for s in turn.seen if s.may_be_message]

    async def _turn(self, remove: Remove, line_s: float | None = None) -> Turn:
        def remove_junk_too(seen: list[Standing]) -> Iterable[int]:
            junk = [s.tag for s in seen if not s.may_be_message]
            self._junk += len(junk)
            return sorted({*junk, *remove(seen)})

        async with self._turn_lock:
            turn = await take_turn(self._link, remove_junk_too, line_s)
        if self._names.guarded:
            posters = {s.offer: s.user for s in turn.seen if SENDER.fullmatch(s.user)}
            if len(self._names.posters) > _MOST_POSTERS:
                self._names.posters.clear()
            self._names.posters.update(posters)
        return turn

    def _is_ours(self, standing: Standing, offer: str) -> bool:
        return standing.app == self._sender.id and standing.offer == offer

    def _newest(self, offer: str, ours: list[Standing]) -> Standing | None:
        """The one of our offers to keep; what somebody else put there as ours goes away."""
        posted = self._posted.get(offer)
        if posted is not None:
            ours = [s for s in ours if posted.get(s.message_id) == s.frame]
        return max(ours, key=lambda s: s.sequence, default=None)

    # ---- boxes
    async def open_box(self, box: str) -> None:
        """Make a box, or renew its life if it is there."""
        arguments = arguments_of(box)

        async def declare(channel: aiormq.abc.AbstractChannel) -> None:
            await channel.queue_declare(box, durable=True, arguments={**arguments})
            if self._names.guarded:
                await channel.queue_bind(box, WIRE_EXCHANGE, box.removeprefix(PREFIX))

        await self._ask(f"declaring the mailbox {box}", declare)

    async def listen(self, box: str) -> None:
        """Let `receive` give what comes into a box of ours."""
        await self.backlog(box)  # else a box that is not there would close the reading channel
        await self._inbox.listen(box)

    async def remove_box(self, box: str) -> None:
        """Remove a box and all in it; it is no error when it is gone."""
        arguments_of(box)
        await self._inbox.forget(box)

        async def delete(channel: aiormq.abc.AbstractChannel) -> None:
            await channel.queue_delete(box)

        await self._ask(f"removing the mailbox {box}", delete)

    async def backlog(self, box: str) -> int:
        """How many messages wait in a box, without those that its reader was sent already."""

        async def count(channel: aiormq.abc.AbstractChannel) -> int:
            return (await channel.queue_declare(box, passive=True)).message_count or 0

        return await self._ask(f"looking into the mailbox {box}", count)

    async def send(
        self,
        box: str,
        session: str,
        frame: bytes,
        *,
        replaces: str | None = None,
    ) -> str:
        """Put a message into a box; returns its ``message_id``."""
        count = next(self._sender.counter)
        message_id = f"{self._sender.id}.{session}.{self._sender.start:08d}{count:010d}"
        properties = spec.Basic.Properties(
            delivery_mode=_PERSISTENT, content_type=CONTENT_TYPE, message_id=message_id
        )
        if self._names.guarded:
            await self._publish(WIRE_EXCHANGE, box.removeprefix(PREFIX), properties, frame)
        else:
            await self._publish("", box, properties, frame)
        return message_id

    async def receive(self) -> Sequence[Delivery]:
        """Wait for messages in the boxes listened to; all that are there, at least one."""
        return await self._inbox.receive()

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Have done with messages: they are never given again."""
        await self._inbox.ack(deliveries)

    def expect(self, pace: Pace, floor_s: float = 0.0) -> None:
        """Nothing to do: RabbitMQ sends by itself."""

    # ---- what stands under these
    async def _publish(
        self, exchange: str, key: str, properties: spec.Basic.Properties, frame: bytes
    ) -> None:
        self._link.check()
        channel = await self._publisher()
        box = key if exchange == "" else PREFIX + key
        try:
            async with self._link.door(f"sending to {box}"):
                try:
                    await channel.basic_publish(
                        frame,
                        exchange=exchange,
                        routing_key=key,
                        properties=properties,
                        mandatory=True,
                        timeout=self._link.seconds * 0.95,
                    )
                except PublishError as exc:
                    message = f"there is no mailbox {box} (any more)"
                    raise Undeliverable(message) from exc
                except DeliveryError as exc:
                    message = f"{self._address} did not take a message for {box}: it is full"
                    raise Unconfirmed(message) from exc
                except TimeoutError as exc:
                    message = (
                        f"{self._address} did not confirm a message for {box} within "
                        f"{self._link.seconds:g} s: short of memory or disk there, it stops senders"
                    )
                    raise Unconfirmed(message) from exc
        except Unconfirmed:
            raise
        except PoolUnavailable as exc:
            raise Unconfirmed(str(exc)) from exc

    async def _publisher(self) -> aiormq.abc.AbstractChannel:
        if self._publishing is None or self._publishing.is_closed:
            async with self._open_lock, self._link.door("opening a channel to write"):
                if self._publishing is None or self._publishing.is_closed:
                    self._publishing = await self._link.channel(writing=True, confirms=True)
        return self._publishing

    async def _ask(
        self, doing: str, call: Callable[[aiormq.abc.AbstractChannel], Awaitable[T]]
    ) -> T:
        """Ask the broker something on the reading connection, which no alarm stops."""
        async with self._ask_lock, self._link.door(doing):
            if self._asking is None or self._asking.is_closed:
                self._asking = await self._link.channel(writing=False)
            return await call(self._asking)
