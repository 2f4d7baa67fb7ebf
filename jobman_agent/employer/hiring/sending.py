"""Messages go out side by side for different sessions, one after the other within one.

A lane is what is still to be sent in a session. A lost connection empties all lanes; what was in
them is told to whoever put it there, who lets the core decide what to send again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from jobman_agent.errors import JobmanError, PoolUnavailable
from jobman_agent.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Step = tuple[Callable[[], Awaitable[None]], Callable[[], None]]

_log = get_logger(__name__)


def _nobody() -> None:
    """Nobody needs to be told that something was not sent."""


class Lanes:
    """The lanes of one connection.

    Args:
        lost: Called once when something could not be sent because the pool is out of reach.
        failed: Called with a fault of our own side: the job cannot go on.
    """

    def __init__(
        self, lost: Callable[[PoolUnavailable], None], failed: Callable[[Exception], None]
    ) -> None:
        self._lost = lost
        self._failed = failed
        self._lanes: dict[str, deque[Step]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._open = True

    def put(
        self, lane: str, send: Callable[[], Awaitable[None]], dropped: Callable[[], None] = _nobody
    ) -> None:
        """Have something sent after what is in its lane; ``dropped`` is called if it never is."""
        if not self._open:
            dropped()
            return
        self._lanes.setdefault(lane, deque()).append((send, dropped))
        if lane not in self._tasks:
            self._tasks[lane] = asyncio.create_task(self._run(lane), name=f"lane {lane}")

    async def drained(self, timeout: float | None = None) -> bool:
        """Wait until all lanes are empty; False if the connection was lost, or time is over."""
        try:
            async with asyncio.timeout(timeout):
                while self._tasks and self._open:
                    await asyncio.wait(set(self._tasks.values()))
        except TimeoutError:
            return False
        return self._open

    async def close(self) -> None:
        """Drop what has not been sent."""
        self._shut()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()

    def _shut(self) -> None:
        self._open = False
        for lane in self._lanes.values():
            while lane:
                lane.popleft()[1]()

    async def _run(self, lane: str) -> None:
        waiting = self._lanes[lane]
        try:
            while waiting and self._open:
                send, dropped = waiting.popleft()
                try:
                    await send()
                except PoolUnavailable as exc:
                    dropped()
                    self._shut()
                    self._lost(exc)
                except asyncio.CancelledError:
                    dropped()
                    raise
        except JobmanError as exc:
            self._failed(exc)
        except Exception as exc:  # noqa: BLE001 - a task's boundary: the job ends with it
            _log.exception("sending in lane %s", lane)
            self._failed(exc)
        finally:
            del self._lanes[lane]
            del self._tasks[lane]
