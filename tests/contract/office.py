"""A shared folder, the programs that use it, and the clock of all of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jobman_agent.pool.contract import Sender
from jobman_agent.pool.directory import DirectoryPool
from tests.contract.places import frames, name_id
from tests.fakes import JumpingClock

if TYPE_CHECKING:
    from pathlib import Path

OFFER = name_id("offer")
SESSION = name_id("session")


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


class Office:
    """A shared folder, the programs that use it, and the clock of all of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = JumpingClock()
        self._open: list[DirectoryPool] = []

    async def connect(self, name: str, start: int = 1, spool: str = "0") -> DirectoryPool:
        pool = DirectoryPool(self.root, Sender(name_id(name), start, spool), clock=self.clock)
        await pool.connect()
        self._open.append(pool)
        return pool

    async def reader(self, name: str = "bob", **options) -> tuple[DirectoryPool, str]:
        """Somebody with a box that he listens to."""
        pool = await self.connect(name, **options)
        box = pool.work_box(SESSION)
        await pool.open_box(box)
        await pool.listen(box)
        return pool, box

    def inbox(self, name: str = "bob") -> Path:
        return self.root / "inbox" / f"{name_id(name)}.0"

    def message(self, count: int = 1, sender: str = "stranger", session: str = SESSION) -> str:
        return f"{name_id(sender)}.{session}.00000001{count:010d}"

    async def look(self, pool: DirectoryPool) -> list[bytes]:
        """What one look of a reader gives, if anything."""
        self.clock.advance(60)
        receiving = asyncio.ensure_future(pool.receive())
        await asyncio.wait([receiving], timeout=0.1)
        receiving.cancel()
        try:
            return frames(await receiving)
        except asyncio.CancelledError:
            return []

    async def close(self) -> None:
        for pool in self._open:
            await pool.close()
