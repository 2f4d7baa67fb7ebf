"""One connection to the pool, from connecting to the first failure, and the one path back.

`Supervisor` makes a new pool for every connection, so that first start, reconnect, wake-up and
crash are the same. `Link` reads and writes while it lasts: what was read becomes events, what is to
be sent goes through one queue, so that a session's messages keep their order.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from jobman_agent import errors
from jobman_agent.log import get_logger
from jobman_agent.model.messages import Chunk
from jobman_agent.worker.errands import Ack, Outgoing, RemoveBlobs, Task
from jobman_agent.worker.session import actions as do
from jobman_agent.worker.session import events

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Sequence

    from jobman_agent.clock import Clock
    from jobman_agent.pool.contract import Delivery, Pace, Pool
    from jobman_agent.worker.exchange import Exchange
    from jobman_agent.worker.reading import Reader

_log = get_logger(__name__)

BACKOFF_FIRST_S = 1.0
BACKOFF_MOST_S = 60.0
BACKOFF_SPREAD = (0.5, 1.5)
STEADY_S = 60.0
"""A connection that lasted so long starts the backoff from its beginning."""
TELL_AGAIN_S = 60.0


class Link:
    """One connection; `run` returns when it is lost."""

    def __init__(
        self,
        pool: Pool,
        reader: Reader,
        exchange: Exchange,
        clock: Clock,
        post: Callable[[Sequence[events.Event], Ack | None, Link], None],
    ) -> None:
        self.pool = pool
        self._reader = reader
        self._exchange = exchange
        self._clock = clock
        self._post = post
        self._queue: asyncio.Queue[Task] = asyncio.Queue()
        self._tokens: dict[int, str] = {}
        self._scan_wanted = asyncio.Event()
        self._abandoned = asyncio.Event()
        self._junk = 0

    def put(self, *tasks: Task) -> None:
        """Have something done, in order; if the connection is lost before, it is not done."""
        for task in tasks:
            self._queue.put_nowait(task)

    def abandon(self) -> None:
        """The PC slept: the connection is no good any more, whatever it seems to be."""
        self._abandoned.set()

    async def put_and_wait(self, task: Task) -> None:
        """Have something done, and wait until it is; for ever, if the connection is lost."""
        done = asyncio.Event()
        self.put(task, done)
        await done.wait()

    def scan(self) -> None:
        """Look at the offers as soon as possible."""
        self._scan_wanted.set()

    def expect(self, pace: Pace, floor_s: float) -> None:
        """Say what we wait for."""
        self.pool.expect(pace, floor_s)

    async def run(self) -> None:
        """Read and write until the connection is lost.

        Raises:
            PoolError: it is lost; this one says why.
            StorageError: this PC's own disk is at fault.
        """
        tasks = [
            asyncio.create_task(each)
            for each in (self._receive(), self._write(), self._scan(), self._abandoned.wait())
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            raise errors.PoolUnavailable("this PC slept")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # ---- reading
    async def _receive(self) -> None:
        while True:
            deliveries = await self.pool.receive()
            happened: list[events.Event] = []
            for delivery in deliveries:
                happened += await self._read(delivery)
            if self.pool.junk > self._junk:
                junk = self.pool.junk - self._junk
                self._junk += junk
                happened.append(events.Junk("what is no message at all", junk))
            self._post(happened, Ack(deliveries), self)

    async def _read(self, delivery: Delivery) -> list[events.Event]:
        opened = self._reader.open(delivery.frame, delivery.box)
        if isinstance(opened, events.Junk | events.OtherVersion):
            return [opened]
        if isinstance(opened.message, Chunk):
            return await self._exchange.take(opened.message, opened.signer, opened.attachments)
        return [await self._reader.event(delivery.frame, opened, self._clock.now())]

    async def _scan(self) -> None:
        while True:
            await self._scan_wanted.wait()
            self._scan_wanted.clear()
            frames = await self.pool.scan()
            self._post(self._reader.offers(frames, self._clock.now()), None, self)

    # ---- writing
    async def _write(self) -> None:
        while True:
            await self._perform(await self._queue.get())

    async def _perform(self, task: Task) -> None:
        match task:
            case Outgoing():
                await self._send(task)
            case Ack(deliveries):
                await self.pool.ack(deliveries)
            case do.OpenBoxes(work_box, result_box):
                await self.pool.open_box(work_box)
                await self.pool.open_box(result_box)
                await self.pool.listen(work_box)
            case do.RemoveBox(box):
                await self.pool.remove_box(box)
            case asyncio.Event():
                task.set()
            case RemoveBlobs(sha256s):
                if self.pool.blobs is not None:
                    for sha256 in sha256s:
                        await self.pool.blobs.remove(sha256)

    async def _send(self, task: Outgoing) -> None:
        try:
            if task.first and self.pool.blobs is not None:
                from jobman_agent.pool.transfer import give_blobs

                await give_blobs(self.pool.blobs, task.first)
            older = self._tokens.pop(task.replaces, None) if task.replaces is not None else None
            token = await self.pool.send(task.box, task.session, task.frame, replaces=older)
        except errors.Undeliverable:
            if task.number is not None:
                self._post([events.Undeliverable(task.number)], None, self)
        except errors.Unconfirmed:
            if task.number is not None:
                self._post([events.Unconfirmed(task.number)], None, self)
            raise  # a pool that does not answer in time is used up
        else:
            if task.number is not None:
                self._tokens[task.number] = token
                if len(self._tokens) > 1000:  # noqa: PLR2004 - only the last few are ever replaced
                    self._tokens.pop(next(iter(self._tokens)))
                self._post([events.Sent(task.number)], None, self)


class Supervisor:
    """Connects, and connects again, for as long as the worker lives."""

    def __init__(
        self,
        make_link: Callable[[], Link],
        clock: Clock,
        rng: random.Random,
        tell: Callable[[do.Tell], None],
        wait_s: float | None = None,
    ) -> None:
        self._make_link = make_link
        self._clock = clock
        self._rng = rng
        self._tell = tell
        self._wait_s = wait_s
        self._pause = BACKOFF_FIRST_S
        self._told_at = -TELL_AGAIN_S
        self._began = clock.monotonic()
        self._ever = False
        self.hurry = asyncio.Event()
        """Set after a wake-up: the next attempt comes at once."""

    async def run(
        self,
        up: Callable[[Link], None],
        down: Callable[[Link], None],
        failed: Callable[[errors.StorageError], Awaitable[None]],
    ) -> None:
        """Hold a connection; whenever there is one, `up` is told, and `down` when it is lost.

        Raises:
            PoolRefused: the first login was refused.
            PoolMisused: the pool holds something that must not be there.
            PoolUnavailable: it did not come within the time that may be waited.
        """
        while True:
            link = self._make_link()
            try:
                await self._once(link, up, down)
            except errors.StorageError as exc:
                await failed(exc)
            except errors.PoolError as exc:
                self._judge(exc)
            finally:
                await link.pool.close()
            await self._rest()

    async def _once(
        self, link: Link, up: Callable[[Link], None], down: Callable[[Link], None]
    ) -> None:
        await link.pool.connect()
        began = self._clock.monotonic()
        self._ever = True
        self._told_at = -TELL_AGAIN_S
        for note in link.pool.notes:
            self._tell(do.Tell(note))
        up(link)
        try:
            await link.run()
        finally:
            down(link)
            if self._clock.monotonic() - began >= STEADY_S:
                self._pause = BACKOFF_FIRST_S

    def _judge(self, exc: errors.PoolError) -> None:
        if isinstance(exc, errors.PoolMisused | errors.PoolRefused) and not self._ever:
            raise exc
        now = self._clock.monotonic()
        waited = now - self._began
        if not self._ever and self._wait_s is not None and waited >= self._wait_s:
            raise errors.PoolUnavailable(f"{exc} (waited {waited:.0f} s)") from exc
        if now - self._told_at >= TELL_AGAIN_S:
            self._told_at = now
            self._tell(do.Tell(f"the pool is out of reach, trying again: {exc}", warning=True))
        _log.info("the pool is out of reach: %s", exc)

    async def _rest(self) -> None:
        pause = self._pause * self._rng.uniform(*BACKOFF_SPREAD)
        if not self._ever and self._wait_s is not None:
            left = self._wait_s - (self._clock.monotonic() - self._began)
            pause = max(0.05, min(pause, left))
        self._pause = min(BACKOFF_MOST_S, 2 * self._pause)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self.hurry.wait()
            self._pause = BACKOFF_FIRST_S
        self.hurry.clear()
