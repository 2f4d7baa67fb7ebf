"""One connection to the pool, from ``open`` until the pool is out of reach; then comes another.

It knows nothing that the next one would need: what was on its way is told to the core, which
decides what is sent again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from jobman_agent.employer.hiring.receiving import Entry, open_all
from jobman_agent.employer.hiring.sending import Lanes
from jobman_agent.employer.session.events import BoxGone
from jobman_agent.errors import PoolUnavailable, Undeliverable
from jobman_agent.log import get_logger
from jobman_agent.model.messages import Chunk, Need, Refuse, RefuseCode
from jobman_agent.pool.contract import Pace
from jobman_agent.trust.frames import seal

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from jobman_agent.employer.hiring.tools import Tools
    from jobman_agent.model.messages import Message
    from jobman_agent.pool.contract import Delivery, Pool
    from jobman_agent.trust.frames import Opened

_UNHANDLED = 4
"""So many lists of messages may be in work; the rest waits in the pool."""
_ACKS = "acks"

_log = get_logger(__name__)


class Connection:
    """A pool, the lanes to it, and what is being done with it.

    Args:
        pool: Not connected yet.
        tools: What the job is worked with.
        feed: Takes events for the core.
        failed: Called with a fault that ends the job.
    """

    def __init__(
        self,
        pool: Pool,
        tools: Tools,
        feed: Callable[[Entry], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self.pool = pool
        self.tools = tools
        self.feed = feed
        self.heard = 0.0
        """When something came last (steady)."""
        self._failed = failed
        self._lost: asyncio.Future[PoolUnavailable] = asyncio.get_running_loop().create_future()
        self.lanes = Lanes(self._note_lost, failed)
        self._room = asyncio.Semaphore(_UNHANDLED)
        self._tasks: set[asyncio.Task[None]] = set()
        self._junk = 0
        """How much the pool has dropped by itself, as far as it was counted here."""
        self._versions_refused: set[str] = set()
        self._needs: dict[str, tuple[int, int]] = {}
        """The last (start, count) of a session's ``need``."""

    @property
    def ask_box(self) -> str:
        """Where asks come in; only a pool that is connected knows its name for sure."""
        return self.pool.ask_box(self.tools.key.id, self.tools.offer)

    async def open(self) -> None:
        """Reach the pool and listen for asks.

        Raises:
            PoolUnavailable: not there (yet).
            PoolRefused: login or permission.
            PoolMisused: something in it must not be there.
        """
        await self.pool.connect()
        await self.pool.open_box(self.ask_box)
        await self.pool.listen(self.ask_box)
        self.pool.expect(Pace.EMPLOYER)

    async def serve(self) -> PoolUnavailable | Undeliverable:
        """Take in what comes, until the pool is out of reach; returns why it is."""
        receiving = asyncio.create_task(self._receive(), name="receive")
        try:
            both: set[asyncio.Future[Any]] = {receiving, self._lost}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            return receiving.result() if receiving.done() else self._lost.result()
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)

    async def close(self) -> None:
        """Let go of the pool; what has not been sent is told to the core."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.lanes.close()
        await self.pool.close()

    def begin(self, work: Coroutine[None, None, None]) -> None:
        """Do something side by side; it ends with the connection."""
        task = asyncio.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def send(self, session: str, box: str, message: Message) -> None:
        """Send a message in a session's lane; nobody is told if it never arrives."""

        async def send() -> None:
            try:
                await self.pool.send(box, session, seal(message, self.tools.key))
            except Undeliverable as exc:
                _log.info("not sent: %s", exc)

        self.lanes.put(session, send)

    # ---- what comes
    async def _receive(self) -> PoolUnavailable | Undeliverable:
        while True:
            try:
                deliveries = await self.pool.receive()
            except PoolUnavailable as exc:
                return exc
            except Undeliverable as exc:
                if self.ask_box in str(exc):
                    return exc  # made anew by the next connection
                self._note_removed(str(exc))
                continue
            self.heard = self.tools.clock.monotonic()
            self.tools.core.state.junk += self.pool.junk - self._junk
            self._junk = self.pool.junk
            await self._room.acquire()
            incoming = open_all(deliveries, self.tools, self.pool)
            for box, signer in incoming.other_version:
                self._refuse_version(box, signer)
            self.begin(self._take_files(incoming.files, deliveries, incoming.entry))

    def _note_removed(self, which: str) -> None:
        """A worker has removed its result box: it owes nothing any more."""
        for session in self.tools.core.state.sessions.values():
            if session.row.result_box in which:
                self.feed(Entry([BoxGone(session.row.session)]))

    async def _take_files(
        self, messages: Iterable[Opened], deliveries: Sequence[Delivery], entry: Entry
    ) -> None:
        """Pieces of files are on the disk before anything of their list is acknowledged."""
        for opened in messages:
            message = opened.message
            if isinstance(message, Chunk):
                content = opened.attachments[message.attachments[0].sha256]
                now = self.tools.clock.monotonic()
                await self.tools.exchange.on_chunk(message.session, message, content, now)
            elif isinstance(message, Need) and self._is_newer(message):
                self._give(message)
        entry.committed = lambda: self._done(deliveries)
        self.feed(entry)

    def _done(self, deliveries: Sequence[Delivery]) -> None:
        self._room.release()
        self.lanes.put(_ACKS, lambda: self.pool.ack(deliveries))

    def _is_newer(self, need: Need) -> bool:
        pair = (need.start, need.count)
        if pair <= self._needs.get(need.session, (0, 0)):
            return False
        self._needs[need.session] = pair
        return True

    def _give(self, need: Need) -> None:
        """Send what a worker lacks, in a lane of its own."""
        session = self.tools.core.state.sessions[need.session]
        box = session.row.work_box

        async def give() -> None:
            blobs = self.pool.blobs
            if blobs is not None:
                for wanted in need.files:
                    source = self.tools.exchange.find(wanted.sha256)
                    if source is not None:
                        await blobs.put(wanted.sha256, source, again=True)
                return
            pieces = self.tools.exchange.pieces(need, self.tools.time, self.tools.poll_s)
            try:
                while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                    if (need.start, need.count) != self._needs[need.session]:
                        return  # a newer one replaces it
                    chunk, content = piece
                    frame = seal(chunk, self.tools.key, [content])
                    await self.pool.send(box, need.session, frame)
            except Undeliverable as exc:
                _log.info("a file was not sent: %s", exc)

        self.lanes.put(f"files to {need.session}", give)

    def _refuse_version(self, box: str, signer: str) -> None:
        """Once in a session, lest two versions refuse each other for ever."""
        for session in self.tools.core.state.sessions.values():
            row = session.row
            ours = row.result_box == box and row.key == signer
            if ours and row.session not in self._versions_refused:
                self._versions_refused.add(row.session)
                refusal = Refuse(
                    time=self.tools.time,
                    offer=self.tools.offer,
                    session=session.row.session,
                    code=RefuseCode.VERSION,
                    why="this employer speaks version 1 of the protocol",
                    right="the same version of jobman at both ends",
                )
                self.send(session.row.session, session.row.work_box, refusal)

    # ---- ends
    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except PoolUnavailable as exc:
            self._note_lost(exc)
        except Exception as exc:  # noqa: BLE001 - a task's boundary: the job ends with it
            self._failed(exc)

    def _note_lost(self, exc: PoolUnavailable) -> None:
        if not self._lost.done():
            self._lost.set_result(exc)
