"""Faces that stay and wait for news: the tray."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from jobman_agent.control.messages import WATCH_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobman_agent.clock import Clock
    from jobman_agent.control.messages import Seen, Watch

_ALIVE_S = 5.0
"""A tray that has not asked for so long has gone, or hangs."""


class Watchers:
    """For the event loop's thread.

    Args:
        look: All that there is to see, with a version.
        clock: The clocks of this PC.
    """

    def __init__(self, look: Callable[[int], Seen], clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self._news = asyncio.Event()
        self._version = 1
        self._key: object = None
        self._waiting = 0
        self._asked_at: float | None = None

    @property
    def are_there(self) -> bool:
        """Whether some face watches."""
        asked = self._asked_at
        return self._waiting > 0 or (
            asked is not None and self._clock.monotonic() - asked < _ALIVE_S
        )

    def nudge(self) -> None:
        """There may be news."""
        self._news.set()

    async def answer(self, watch: Watch) -> Seen:
        """What there is to see: at once if it is news to who asks, else when it is, or in 10 s."""
        until = self._clock.monotonic() + WATCH_S
        self._waiting += 1
        try:
            while True:
                self._news.clear()
                seen = self._now()
                left = until - self._clock.monotonic()
                if seen.version != watch.version or left <= 0:
                    return seen
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._news.wait()
        finally:
            self._waiting -= 1
            self._asked_at = self._clock.monotonic()

    def _now(self) -> Seen:
        seen = self._look(self._version)
        key = _key(seen)
        if key != self._key:
            self._key, self._version = key, self._version + 1
            seen = self._look(self._version)
        return seen


def _key(seen: Seen) -> object:
    """What counts as news: seconds that pass and numbers that flicker do not."""
    status = seen.status
    return (
        status.state,
        [reason.code for reason in status.reasons],
        status.paused_until,
        [(each.name, each.employer, each.state) for each in status.packages],
        seen.pausing,
        seen.work_until,
        seen.failing,
        seen.unknown,
        seen.night,
        seen.first_night,
        seen.settings_file,
    )
