"""Fakes: a clock that stands until it is told, and a pool that loses, doubles and delays."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobman_agent.clock import SystemClock
from jobman_agent.errors import PoolUnavailable, Unconfirmed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobman_agent.pool.contract import Delivery, Pool


class FakeClock:
    """A clock that goes only when it is told to."""

    def __init__(self, now: datetime = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)) -> None:
        self._start = now
        self._passed = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return 1000.0 + self._passed

    def advance(self, seconds: float) -> None:
        self._passed += seconds


class JumpingClock(SystemClock):
    """The clocks of this PC, and what a test has added to them."""

    def __init__(self) -> None:
        self._added = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self._added

    def advance(self, seconds: float) -> None:
        self._added += seconds


@dataclass
class Faults:
    """How often (0 to 1) what goes wrong; change it while the test runs."""

    drop: float = 0.0
    """`send` returns, and nothing arrives."""
    duplicate: float = 0.0
    """The message arrives twice."""
    delay: float = 0.0
    """The message arrives up to `delay_seconds` later, after messages that were sent later."""
    delay_seconds: float = 0.05
    unconfirmed: float = 0.0
    """`send` raises Unconfirmed; in half of the cases the message arrives."""
    away: bool = False
    """Every call raises PoolUnavailable, a `receive` that waits as well."""


class FlakyPool:
    """A pool with faults around another one, by default a `MemoryPool`; same seed, same faults.

    Only `send` is unreliable: what has arrived follows the contract. Everything else passes.
    """

    def __init__(self, pool: Pool, faults: Faults, seed: int = 0) -> None:
        self.faults = faults
        self._pool = pool
        self._random = random.Random(seed)
        self._late: set[asyncio.Task[None]] = set()
        self._receiving: asyncio.Task[Sequence[Delivery]] | None = None

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._pool, name)
        if not asyncio.iscoroutinefunction(value):
            return value

        async def call(*args: Any, **named: Any) -> Any:
            self._check()
            return await value(*args, **named)

        return call

    async def send(
        self, box: str, session: str, frame: bytes, *, replaces: str | None = None
    ) -> str:
        self._check()
        if self._happens(self.faults.unconfirmed):
            if self._random.random() < 0.5:
                await self._pool.send(box, session, frame)
            raise Unconfirmed("a test has lost the confirmation")
        if self._happens(self.faults.drop):
            return "dropped"
        if self._happens(self.faults.delay):
            self._send_late(box, session, frame)
            return "delayed"
        if self._happens(self.faults.duplicate):
            await self._pool.send(box, session, frame)
        return await self._pool.send(box, session, frame, replaces=replaces)

    async def receive(self) -> Sequence[Delivery]:
        # The task outlives a cancelled call, so that nothing that it has taken gets lost.
        if self._receiving is None:
            self._receiving = asyncio.ensure_future(self._pool.receive())
        while not self._receiving.done():
            self._check()
            await asyncio.wait([self._receiving], timeout=0.02)
        self._check()
        received, self._receiving = self._receiving, None
        return received.result()

    async def close(self) -> None:
        if self._receiving is not None:
            self._receiving.cancel()
            await asyncio.wait([self._receiving])
        await self._pool.close()

    async def settle(self) -> None:
        """Wait until everything that was delayed has arrived."""
        while self._late:
            await asyncio.wait(self._late)

    def _send_late(self, box: str, session: str, frame: bytes) -> None:
        async def late() -> None:
            await asyncio.sleep(self._random.random() * self.faults.delay_seconds)
            await self._pool.send(box, session, frame)

        task = asyncio.ensure_future(late())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    def _happens(self, share: float) -> bool:
        return self._random.random() < share

    def _check(self) -> None:
        if self.faults.away:
            raise PoolUnavailable("a test has taken the pool away")
