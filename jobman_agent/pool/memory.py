"""A pool in memory, for unit tests and dry runs: the same contract without any road.

A `MemoryHub` is the shared place; every program (or test) has a `MemoryPool` on it. Both live in
one asyncio loop. Faults are not made here: a test wraps a pool in one that loses and doubles.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobman_agent.errors import PoolUnavailable, StorageError, Undeliverable
from jobman_agent.model.names import SENDER
from jobman_agent.model.wire import MAX_FRAME
from jobman_agent.pool.contract import Delivery, Pace, Sender

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_PREFIX = "memory"


@dataclass(slots=True)
class _Box:
    waiting: deque[tuple[int, bytes]] = field(default_factory=deque)
    held: dict[int, bytes] = field(default_factory=dict)
    reader: MemoryPool | None = None

    def take_back(self) -> None:
        """What was given and not acknowledged waits again, in its old order."""
        self.waiting.extendleft(sorted(self.held.items(), reverse=True))
        self.held.clear()


class MemoryHub:
    """The place where memory pools meet."""

    def __init__(self, *, blobs: bool = False) -> None:
        self.keeps_blobs = blobs
        self._blobs: dict[str, list[bytes]] = {}
        self._offers: dict[tuple[str, str], dict[int, bytes]] = {}
        self._boxes: dict[str, _Box] = {}
        self._numbers = itertools.count(1)
        self._change = asyncio.Event()

    async def settle(self, timeout: float) -> None:
        """Wait until every message in a box that somebody reads has been acknowledged.

        Raises:
            TimeoutError: that was not so within `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            while any(b.reader and (b.waiting or b.held) for b in self._boxes.values()):
                await self.changed()

    async def changed(self) -> None:
        """Wait until something in the pool is not as it was."""
        event = self._change
        await event.wait()

    def put_raw(self, box: str, frame: bytes) -> None:
        """Put anything into a box, as a stranger could.

        Raises:
            Undeliverable: the box does not exist.
        """
        self._put(box, frame)

    def _touch(self) -> None:
        # Everybody who waits holds the old event, so nobody misses a change.
        self._change.set()
        self._change = asyncio.Event()

    def _find(self, box: str) -> _Box:
        try:
            return self._boxes[box]
        except KeyError:
            message = f"there is no box {box} in this pool (any more)"
            raise Undeliverable(message) from None

    def _put(self, box: str, frame: bytes) -> int:
        number = next(self._numbers)
        self._find(box).waiting.append((number, bytes(frame)))
        self._touch()
        return number


class MemoryPool:
    """One program's connection to a `MemoryHub`."""

    def __init__(self, hub: MemoryHub, sender: Sender) -> None:
        self.blobs = MemoryBlobs(hub) if hub.keeps_blobs else None
        self.junk = 0
        self.notes: list[str] = []
        self.pace = Pace.LOW
        self.floor_s = 0.0
        self._hub = hub
        self._sender = sender
        self._listening: dict[str, _Box] = {}
        self._connected = False

    async def connect(self) -> None:
        """Begin; there is nothing to reach."""
        self._connected = True

    async def close(self) -> None:
        """Let go; the next reader is given again what was not acknowledged."""
        self._connected = False
        for box in self._listening.values():
            if box.reader is self:
                box.reader = None
        self._listening.clear()
        self._hub._touch()

    # ---- names
    def ask_box(self, employer: str, offer: str) -> str:
        """`memory.ask.<E>.<offer>`."""
        return f"{_PREFIX}.ask.{employer}.{offer}"

    def work_box(self, session: str) -> str:
        """`memory.work.<W>.<session>`."""
        return f"{_PREFIX}.work.{self._sender.id}.{session}"

    def result_box(self, employer: str, offer: str, session: str) -> str:
        """`memory.res.<E>.<W>.<session>`."""
        del offer
        return f"{_PREFIX}.res.{employer}.{self._sender.id}.{session}"

    def is_work_box(self, box: str, worker: str, session: str) -> bool:
        """By pattern."""
        return _named(worker, session) and box == f"{_PREFIX}.work.{worker}.{session}"

    def is_result_box(self, box: str, offer: str, worker: str, session: str) -> bool:
        """By pattern."""
        del offer
        me = self._sender.id
        return _named(worker, session) and box == f"{_PREFIX}.res.{me}.{worker}.{session}"

    # ---- the hiring queue
    async def post(self, offer: str, sequence: int, frame: bytes) -> None:
        """Put an offer up, or refresh it."""
        await self._alive()
        mine = self._hub._offers.setdefault((self._sender.id, offer), {})
        mine[sequence] = bytes(frame)
        for old in sorted(mine)[:-1]:
            del mine[old]
        self._hub._touch()

    async def stands(self, offer: str) -> bool:
        """Whether our offer is there."""
        await self._alive()
        return (self._sender.id, offer) in self._hub._offers

    async def withdraw(self, offer: str) -> bool:
        """Remove our offer; a look always shows none then."""
        await self._alive()
        self._hub._offers.pop((self._sender.id, offer), None)
        self._hub._touch()
        return True

    async def scan(self) -> Sequence[bytes]:
        """Every offer that stands, in the order of their first posting."""
        await self._alive()
        found = [frame for versions in self._hub._offers.values() for frame in versions.values()]
        return [frame for frame in found if self._is_message(frame)]

    # ---- boxes
    async def open_box(self, box: str) -> None:
        """Make a box."""
        await self._alive()
        self._hub._boxes.setdefault(box, _Box())
        self._hub._touch()

    async def listen(self, box: str) -> None:
        """Let `receive` give what comes into a box; a reader before us loses it."""
        await self._alive()
        found = self._hub._find(box)
        if found.reader is not self:
            found.take_back()
        found.reader = self
        self._listening[box] = found
        self._hub._touch()

    async def remove_box(self, box: str) -> None:
        """Remove a box and all in it."""
        await self._alive()
        self._listening.pop(box, None)
        self._hub._boxes.pop(box, None)
        self._hub._touch()

    async def backlog(self, box: str) -> int:
        """How many messages wait in a box, given ones that are not acknowledged as well."""
        await self._alive()
        found = self._hub._find(box)
        return len(found.waiting) + len(found.held)

    async def send(
        self, box: str, session: str, frame: bytes, *, replaces: str | None = None
    ) -> str:
        """Put a message into a box; the token is its number."""
        del session
        await self._alive()
        if replaces is not None:
            waiting = self._hub._find(box).waiting
            stale = next((item for item in waiting if str(item[0]) == replaces), None)
            if stale is not None:
                waiting.remove(stale)
        return str(self._hub._put(box, frame))

    async def receive(self) -> Sequence[Delivery]:
        """Wait for messages in the boxes listened to."""
        while True:
            await self._alive()
            if found := self._take():
                return found
            await self._hub.changed()

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Have done with messages."""
        await self._alive()
        for delivery in deliveries:
            box = self._listening.get(delivery.box)
            if box is not None and isinstance(delivery.token, int):
                box.held.pop(delivery.token, None)
        self._hub._touch()

    def expect(self, pace: Pace, floor_s: float = 0.0) -> None:
        """Remembered for tests; nothing is polled here."""
        self.pace = pace
        self.floor_s = floor_s

    def _take(self) -> list[Delivery]:
        found: list[Delivery] = []
        for name, box in list(self._listening.items()):
            if self._hub._boxes.get(name) is not box:
                del self._listening[name]
                message = f"somebody else has removed the box {name}"
                raise Undeliverable(message)
            if box.reader is not self:
                continue
            while box.waiting:
                number, frame = box.waiting.popleft()
                if self._is_message(frame):
                    box.held[number] = frame
                    found.append(Delivery(name, frame, number))
        return found

    def _is_message(self, frame: bytes) -> bool:
        whole = 0 < len(frame) <= MAX_FRAME
        self.junk += not whole
        return whole

    async def _alive(self) -> None:
        # Other tasks get their turn, as they do with every real pool.
        await asyncio.sleep(0)
        if not self._connected:
            message = "this connection to the pool in memory is closed"
            raise PoolUnavailable(message)


class MemoryBlobs:
    """Larger files by hash, as a shared directory has them."""

    def __init__(self, hub: MemoryHub) -> None:
        self._hub = hub

    async def put(self, sha256: str, source: Path, *, again: bool = False) -> None:
        """Make a file available."""
        copies = self._hub._blobs.setdefault(sha256, [])
        if again or not copies:
            copies.append(await asyncio.to_thread(source.read_bytes))

    async def get(self, sha256: str, size: int, target: Path) -> bool:
        """Copy a file, verified, to `target`; does not wait for one that is not there."""
        for data in self._hub._blobs.get(sha256, []):
            if len(data) == size and hashlib.sha256(data).hexdigest() == sha256:
                try:
                    await asyncio.to_thread(_write, target, [data])
                except OSError as exc:
                    message = f"cannot write {target}: {exc.strerror}"
                    raise StorageError(message) from exc
                return True
        return False

    async def remove(self, sha256: str) -> None:
        """Remove a file."""
        self._hub._blobs.pop(sha256, None)


def _named(*parts: str) -> bool:
    return all(SENDER.fullmatch(part) for part in parts)


def _write(target: Path, pieces: Iterable[bytes]) -> None:
    with target.open("xb") as file:
        file.writelines(pieces)
