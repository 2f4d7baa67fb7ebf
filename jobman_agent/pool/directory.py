"""A pool in a plain shared directory: no server, no locks, no notification, any network share.

PROTOCOL 3.2 (docs/protocol.md) has the rules and what they are made of. The parts:

- `directory_files`: names; writing, reading and removing one file
- `directory_layout`: the pool's folders, inboxes, litter
- `directory_inbox`, `directory_offers`, `directory_blobs`: what is read, and what is remembered
- `directory_door` and `share_calls`: calls with deadline, patience and clear errors
- `polling`: when to look again

A batch costs one hop into a thread: listing and reading it, acknowledging it, each message sent.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, TypeVar

from jobman_agent.clock import SYSTEM_CLOCK, Clock
from jobman_agent.errors import PoolError, PoolUnavailable, Unconfirmed, Undeliverable
from jobman_agent.model.names import HIRING_QUEUE, SENDER
from jobman_agent.pool.contract import Delivery, Pace, Sender
from jobman_agent.pool.directory_blobs import DirectoryBlobs
from jobman_agent.pool.directory_door import Door, NotThere
from jobman_agent.pool.directory_files import (
    BUSY_WAITS_S,
    INBOX,
    MESSAGE,
    is_missing,
    message_name,
    offer_name,
    put_file,
    remove,
    remove_all,
)
from jobman_agent.pool.directory_inbox import Inbox, Look
from jobman_agent.pool.directory_layout import (
    BLOBS,
    INBOXES,
    NEW,
    TMP,
    Litter,
    inbox_is_there,
    make_inbox,
    make_pool,
    remove_inbox,
    remove_session,
)
from jobman_agent.pool.directory_offers import Offers
from jobman_agent.pool.polling import Polling
from jobman_agent.pool.share_calls import Lane, NoAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

T = TypeVar("T")

TIDY_S = 60.0
"""How often litter is looked for while messages are awaited."""


class DirectoryPool:
    """One program's connection to a pool in a directory."""

    def __init__(self, root: Path, sender: Sender, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self.junk = 0
        self.notes: list[str] = []
        self._root = root
        self._sender = sender
        self._clock = clock
        self._door = Door(root, clock)
        self.blobs = DirectoryBlobs(self._door, sender)
        self._hiring = f"{root}/{HIRING_QUEUE}"
        self._offers = Offers(self._hiring, clock)
        self._litter = Litter(sender, clock)
        self._inboxes: dict[str, Inbox] = {}
        self._listening: set[str] = set()
        self._opened: set[str] = set()
        self._polling = Polling()
        self._wake = asyncio.Event()
        self._sending = asyncio.Lock()
        self._tidied = clock.monotonic()

    # ---- from connect to close
    async def connect(self) -> None:
        """Reach the share; make the pool where there is none yet.

        Raises:
            PoolUnsuitable: other files are in the folder.
        """
        self._door.open()
        try:
            self.notes += await self._call("make a pool in", "", lambda: make_pool(self._root))
            await self._call("look into", "", self._tidy)
        except BaseException:
            self._door.close()
            raise

    async def close(self) -> None:
        """Clean up what is ours and let go; never raises."""
        if not self._door.is_open:
            return
        with suppress(PoolError):
            await self._call("look into", "", self._tidy)
        self._door.close()
        self._wake.set()

    # ---- names
    def ask_box(self, employer: str, offer: str) -> str:
        """`<E>.<offer>`: the inbox of the offer."""
        return f"{employer}.{offer}"

    def work_box(self, session: str) -> str:
        """`<W>.<spool>/<session>`."""
        return f"{self._sender.id}.{self._sender.spool}/{session}"

    def result_box(self, employer: str, offer: str, session: str) -> str:
        """`<E>.<offer>/<session>`."""
        return f"{employer}.{offer}/{session}"

    def is_work_box(self, box: str, worker: str, session: str) -> bool:
        """By pattern; any spool of that worker."""
        inbox, _, rest = box.partition("/")
        return rest == session and _are_words(worker, session) and _belongs(inbox, worker)

    def is_result_box(self, box: str, offer: str, worker: str, session: str) -> bool:
        """By pattern."""
        del worker  # the inbox is shared by all workers of the offer
        return _are_words(session) and box == f"{self._sender.id}.{offer}/{session}"

    # ---- the hiring queue
    async def post(self, offer: str, sequence: int, frame: bytes) -> None:
        """Put an offer up, or refresh it: first the new file, then the old ones go."""
        target = f"{self._hiring}/{offer_name(self._sender.id, offer, sequence)}"

        def write() -> None:
            put_file(f"{self._hiring}/{TMP}/{self._name(offer)}", target, frame)
            self._offers.keep_newest(self._sender.id, offer)

        await self._call("post an offer in", self._hiring, write, Lane.WRITE)

    async def stands(self, offer: str) -> bool:
        """Look whether our offer is there, and remove all but its newest sequence."""
        return await self._call(
            "look into",
            self._hiring,
            lambda: self._offers.keep_newest(self._sender.id, offer),
        )

    async def withdraw(self, offer: str) -> bool:
        """Remove all sequences of our offer; True once a look showed none."""
        return await self._call(
            "withdraw an offer from",
            self._hiring,
            lambda: self._offers.withdraw(self._sender.id, offer),
        )

    async def scan(self) -> Sequence[bytes]:
        """Every offer that stands."""
        before = self._offers.junk
        found = await self._call("read the offers in", self._hiring, self._offers.scan)
        self.junk += self._offers.junk - before
        return found

    # ---- boxes
    async def open_box(self, box: str) -> None:
        """Make an inbox of ours; another's is there or not, and `send` says so."""
        inbox, _ = _parts(box)
        if self._is_ours(inbox):
            folder = self._folder(inbox)
            await self._call("make", folder, lambda: make_inbox(folder), Lane.WRITE)
        self._opened.add(inbox)

    async def listen(self, box: str) -> None:
        """Let `receive` give what comes into a box of ours."""
        inbox, _ = _parts(box)
        if not await self._is_there(inbox):
            self._undeliverable(box)
        self._listening.add(box)
        if inbox not in self._inboxes:
            self._inboxes[inbox] = Inbox(self._folder(inbox), inbox, self._clock)
        self._wake.set()

    async def remove_box(self, box: str) -> None:
        """Remove an inbox of ours, or the messages of a session in an inbox."""
        inbox, session = _parts(box)
        folder = self._folder(inbox)
        ours = self._is_ours(inbox)
        self._listening.discard(box)
        if session:
            sender = None if ours else self._sender.id
            await self._call(
                "remove from", folder, lambda: remove_session(folder, session, sender), Lane.WRITE
            )
        elif ours:
            self._forget(inbox)
            await self._call("remove", folder, lambda: remove_inbox(folder), Lane.WRITE)

    async def backlog(self, box: str) -> int:
        """How many messages wait in the whole inbox: its folder must not grow too large."""
        inbox, _ = _parts(box)
        new = f"{self._folder(inbox)}/{NEW}"
        try:
            return await self._call("list", new, lambda: _count(new))
        except NotThere:
            await self._check_there(box)
            return 0

    async def send(
        self, box: str, session: str, frame: bytes, *, replaces: str | None = None
    ) -> str:
        """Put a message into a box; the token is the name of its file."""
        inbox, _ = _parts(box)
        folder = self._folder(inbox)

        def write() -> str:
            name = self._name(session)
            if replaces:
                remove(f"{folder}/{NEW}/{replaces}")
            put_file(f"{folder}/{TMP}/{name}", f"{folder}/{NEW}/{name}", frame)
            return name

        async with self._sending:
            for wait in (*BUSY_WAITS_S, 0.0):
                try:
                    return await self._call("write into", folder, write, Lane.WRITE)
                except NoAnswer as exc:
                    raise Unconfirmed(str(exc)) from exc
                except NotThere:
                    # Listed all the same: another client made it a moment ago.
                    await self._check_there(box)
                    await asyncio.sleep(wait)
        message = f"cannot write into {folder}: it is listed, and refuses to be found"
        raise PoolUnavailable(message)

    async def receive(self) -> Sequence[Delivery]:
        """Wait for messages in the boxes listened to."""
        while True:
            self._wake.clear()
            self._check_open()
            if not self._inboxes:
                await self._wake.wait()
                continue
            rest = self._polling.due() - self._clock.monotonic()
            if rest > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(rest):
                        await self._wake.wait()
                continue
            if found := await self._look():
                return found

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Have done with messages."""
        names: dict[str, list[str]] = {}
        for delivery in deliveries:
            names.setdefault(_parts(delivery.box)[0], []).append(str(delivery.token))
        for inbox, handled in names.items():
            if inbox in self._inboxes:
                self._inboxes[inbox].acked(handled)

        def unlink() -> None:
            for inbox, handled in names.items():
                remove_all(f"{self._folder(inbox)}/{NEW}", handled)

        await self._call("remove messages from", INBOXES, unlink)

    def expect(self, pace: Pace, floor_s: float = 0.0) -> None:
        """Say what we wait for."""
        self._polling.expect(pace, floor_s, self._clock.monotonic())
        self._wake.set()

    # ---- inside
    async def _look(self) -> list[Delivery]:
        now = self._clock.monotonic()
        if now - self._tidied >= TIDY_S:
            self._tidied = now
            await self._call("look into", "", self._tidy)
        inboxes = list(self._inboxes.values())
        looks = await self._call("read messages in", INBOXES, lambda: _look_into(inboxes))
        for inbox, look in zip(inboxes, looks, strict=True):
            if look is None and not await self._is_there(inbox.name):
                self._forget(inbox.name)
                self._undeliverable(inbox.name)
        # From here on nothing waits, so that a cancelled reader loses nothing.
        found: list[Delivery] = []
        for inbox, look in zip(inboxes, looks, strict=True):
            if look is not None:
                self.junk += inbox.accept(look)
                found += [self._delivery(inbox, name, frame) for name, frame in look.messages]
        more = any(look.more for look in looks if look)
        self._polling.looked(now, found=bool(found), more=more)
        return found

    def _delivery(self, inbox: Inbox, name: str, frame: bytes) -> Delivery:
        box = f"{inbox.name}/{name.split('.')[1]}"
        if box not in self._listening and inbox.name in self._listening:
            box = inbox.name
        return Delivery(box, frame, name)

    def _tidy(self) -> None:
        for folder in (self._hiring, f"{self._root}/{BLOBS}"):
            self._litter.sweep(f"{folder}/{TMP}", owner=False)
        for name in list(self._opened):
            self._litter.sweep(f"{self._folder(name)}/{TMP}", owner=self._is_ours(name))

    def _forget(self, inbox: str) -> None:
        self._inboxes.pop(inbox, None)
        self._opened.discard(inbox)
        self._listening = {box for box in self._listening if box.partition("/")[0] != inbox}

    async def _call(
        self, what: str, folder: str, function: Callable[[], T], lane: Lane = Lane.READ
    ) -> T:
        return await self._door.call(lane, what, os.path.join(self._root, folder), function)

    async def _is_there(self, inbox: str) -> bool:
        return await self._call("list", INBOXES, lambda: inbox_is_there(self._root, inbox))

    async def _check_there(self, box: str) -> None:
        if not await self._is_there(_parts(box)[0]):
            self._undeliverable(box)

    def _undeliverable(self, box: str) -> NoReturn:
        message = f"there is no box {box} in the pool dir:{self._root} (any more)"
        raise Undeliverable(message)

    def _check_open(self) -> None:
        if not self._door.is_open:
            message = f"this connection to the pool dir:{self._root} is closed"
            raise PoolUnavailable(message)

    def _name(self, session: str) -> str:
        sender = self._sender
        return message_name(sender.id, session, sender.start, next(sender.counter))

    def _folder(self, inbox: str) -> str:
        return f"{self._root}/{INBOXES}/{inbox}"

    def _is_ours(self, inbox: str) -> bool:
        return _belongs(inbox, self._sender.id)


def _parts(box: str) -> tuple[str, str]:
    """Inbox and session of a box; the session is empty for an ask box.

    Raises:
        Undeliverable: it is no name of a box, and never becomes a path.
    """
    inbox, slash, session = box.partition("/")
    if not INBOX.fullmatch(inbox) or (slash and not _are_words(session)):
        message = f"{box[:80]!r} is no name of a box in a directory"
        raise Undeliverable(message)
    return inbox, session


def _are_words(*parts: str) -> bool:
    return all(SENDER.fullmatch(part) for part in parts)


def _belongs(inbox: str, owner: str) -> bool:
    return INBOX.fullmatch(inbox) is not None and inbox.partition(".")[0] == owner


def _look_into(inboxes: Sequence[Inbox]) -> list[Look | None]:
    """A look into each; None for one that is not there."""
    looks: list[Look | None] = []
    for inbox in inboxes:
        try:
            looks.append(inbox.look())
        except OSError as exc:
            if not is_missing(exc):
                raise
            looks.append(None)
    return looks


def _count(folder: str) -> int:
    return sum(1 for name in os.listdir(folder) if MESSAGE.fullmatch(name))
