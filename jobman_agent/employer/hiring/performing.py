"""The core's actions on a connection: each is put into its lane, and its outcome fed back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jobman_agent.employer.hiring.receiving import Entry
from jobman_agent.employer.session.events import (
    Action,
    BoxGone,
    Event,
    Fetch,
    Finish,
    Finished,
    Hand,
    Listen,
    Look,
    OfferSeen,
    Post,
    ReadOut,
    RemoveBox,
    Send,
    SendFailed,
    Settled,
    Unreadable,
    Withdraw,
)
from jobman_agent.errors import Undeliverable
from jobman_agent.log import get_logger
from jobman_agent.model.messages import Bye, Need, Work
from jobman_agent.model.wire import MAX_INLINE
from jobman_agent.pool.transfer import give_blobs
from jobman_agent.trust.frames import seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobman_agent.employer.hiring.connection import Connection
    from jobman_agent.employer.hiring.packing import Packed, Parcel
    from jobman_agent.model.messages import Wanted
    from jobman_agent.pool.contract import Blobs

_OFFER = "offer"
_AGAIN_SECONDS = 1.0
_LONGEST_READING_SECONDS = 60.0
_LONGEST_LISTENING_SECONDS = 10.0
_MOST_IN_INBOX = 64
"""Messages that may wait in a worker's inbox of a shared directory (PROTOCOL 3.2, rule 7)."""
_WITHDRAW_TRIES = 10
_ROOM_TRIES = 30

_log = get_logger(__name__)


class Performer:
    """Performs actions on one connection.

    Args:
        connection: Open.
        fingerprints: Told of each package's inputs as they were handed out.
        withdrawn: Called when the offer has been taken down.
    """

    def __init__(
        self,
        connection: Connection,
        fingerprints: Callable[[dict[str, str]], None],
        withdrawn: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._pool = connection.pool
        self._tools = connection.tools
        self._lanes = connection.lanes
        self._fingerprints = fingerprints
        self._withdrawn = withdrawn
        self._to_remove: list[str] = []
        self._greeted: set[str] = set()
        """Sessions that got the common files on this connection."""
        self._given: set[str] = set()
        """Files that were put into a shared directory on this connection."""
        self._packing = asyncio.Lock()

    def perform(self, action: Action) -> None:  # noqa: C901 - one table
        """Have an action done, in its turn."""
        lanes = self._lanes
        match action:
            case Listen(session):
                lanes.put(session, lambda: self._listen(action))
            case Send(session):
                lanes.put(session, lambda: self._send(action))
            case Hand(session):
                lanes.put(session, lambda: self._hand(action), lambda: self._not_sent(action))
            case Post():
                lanes.put(_OFFER, lambda: self._post(action))
            case Look():
                lanes.put(_OFFER, self._look)
            case Withdraw():
                lanes.put(_OFFER, self._withdraw)
            case Fetch(session):
                lanes.put(f"files of {session}", lambda: self._fetch(action))
            case ReadOut():
                self._connection.begin(self._read_out())
            case RemoveBox(box):
                self._to_remove.append(box)
            case Finish():
                self._connection.begin(self._finish())
            case _:
                _log.error("this is nothing that a pool can do: %r", action)

    def ask_files(self, session: str, wanted: list[Wanted]) -> None:
        """Send a ``need`` in a session."""
        core = self._tools.core
        found = core.state.sessions.get(session)
        if found is None:
            return
        start, count = core.next_count()
        need = Need(
            time=self._tools.time,
            poll_s=self._tools.poll_s,
            offer=self._tools.offer,
            session=session,
            start=start,
            count=count,
            files=tuple(wanted),
        )
        self._connection.send(session, found.row.work_box, need)

    def _event(self, event: Event) -> None:
        self._connection.feed(Entry([event]))

    # ---- sessions
    async def _listen(self, action: Listen) -> None:
        try:
            await self._pool.listen(action.box)
        except Undeliverable:
            self._event(BoxGone(action.session))

    async def _send(self, action: Send) -> None:
        try:
            frame = seal(action.message, self._tools.key)
            await self._pool.send(action.box, action.session, frame)
        except Undeliverable:
            if not isinstance(action.message, Bye):
                self._event(SendFailed(action.session, undeliverable=True))

    async def _hand(self, action: Hand) -> None:
        first = action.session not in self._greeted
        async with self._packing:
            packer = self._tools.packer
            packed = await asyncio.to_thread(packer.pack, action.packages, first=first)
        self._fingerprints(packed.fingerprints)
        for package, attempt, why in packed.unreadable:
            self._event(Unreadable(package, attempt, why))
        sent: set[tuple[str, int]] = set()
        try:
            for parcel in packed.parcels:
                if not await self._has_room(action.box):
                    self._not_sent(action, but=frozenset(sent))
                    return
                await self._send_work(action, packed, parcel)
                sent.update(parcel.names)
        except Undeliverable:
            self._not_sent(action, undeliverable=True, but=frozenset(sent))
        else:
            self._greeted.add(action.session)

    async def _send_work(self, action: Hand, packed: Packed, parcel: Parcel) -> None:
        if self._pool.blobs is not None:
            await self._give_large(self._pool.blobs, packed, parcel)
        work = Work(
            time=self._tools.time,
            poll_s=self._tools.poll_s,
            offer=self._tools.offer,
            session=action.session,
            recipe=packed.recipe,
            packages=tuple(parcel.packages),
            attachments=parcel.attachments,
        )
        frame = seal(work, self._tools.key, list(parcel.contents.values()))
        await self._pool.send(action.box, action.session, frame)

    async def _give_large(self, blobs: Blobs, packed: Packed, parcel: Parcel) -> None:
        """Put what is not attached where the worker finds it, before the message names it."""
        listed = [f for p in parcel.packages for f in (*p.files, *p.checkpoint)]
        large = {f.sha256 for f in (*listed, *packed.recipe.common) if f.size > MAX_INLINE}
        found = {sha256: self._tools.exchange.find(sha256) for sha256 in large - self._given}
        await give_blobs(blobs, {s: path for s, path in found.items() if path is not None})
        self._given |= found.keys()

    async def _has_room(self, box: str) -> bool:
        """Wait for room in a worker's inbox: no folder of a shared directory gets too many files.

        False after a while: that worker does not read, and is not to be waited for.
        """
        if self._pool.blobs is None:
            return True
        for _ in range(_ROOM_TRIES):
            if await self._pool.backlog(box) <= _MOST_IN_INBOX:
                return True
            await asyncio.sleep(_AGAIN_SECONDS)
        return False

    def _not_sent(
        self,
        action: Hand,
        *,
        undeliverable: bool = False,
        but: frozenset[tuple[str, int]] = frozenset(),
    ) -> None:
        names = tuple((p.package, p.attempt) for p in action.packages)
        left = tuple(name for name in names if name not in but)
        self._event(SendFailed(action.session, undeliverable, left))

    async def _fetch(self, action: Fetch) -> None:
        tools = self._tools
        returned = await tools.contents.get((action.package, action.attempt))
        missing = tools.contents.missing(returned.result, returned.attached)
        now = tools.clock.monotonic()
        await tools.exchange.want(action.session, returned.result, missing, self._pool.blobs, now)

    # ---- the offer
    async def _post(self, action: Post) -> None:
        frame = seal(action.offer, self._tools.key)
        await self._pool.post(action.offer.offer, action.offer.sequence, frame)

    async def _look(self) -> None:
        self._event(OfferSeen(await self._pool.stands(self._tools.offer)))

    async def _withdraw(self) -> None:
        for _ in range(_WITHDRAW_TRIES):
            if await self._pool.withdraw(self._tools.offer):
                break
            await asyncio.sleep(_AGAIN_SECONDS)
        self._withdrawn()

    # ---- all boxes
    async def _read_out(self) -> None:
        """Wait until nothing has come for a moment: then what waited has been read."""
        clock, enough = self._tools.clock, self._tools.quiet_s
        await self._lanes.drained(_LONGEST_LISTENING_SECONDS)
        begun = clock.monotonic()
        while self._tools.core.state.sessions:
            now = clock.monotonic()
            quiet = now - max(self._connection.heard, begun)
            if quiet >= enough or now - begun > _LONGEST_READING_SECONDS:
                break
            await asyncio.sleep(max(0.01, enough - quiet))
        self._event(Settled())

    async def _finish(self) -> None:
        """Remove the boxes once all good-byes are out."""
        if not await self._lanes.drained():
            return
        for box in self._to_remove:
            await self._pool.remove_box(box)
        self._to_remove.clear()
        await self._pool.remove_box(self._connection.ask_box)
        if self._pool.blobs is not None:
            for sha256 in self._tools.exchange.given():
                await self._pool.blobs.remove(sha256)
        self._event(Finished())
