"""How the agent uses its sensors: readings that know of the last touch, and the first touch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jobman_agent.agent.sight import blind
from jobman_agent.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobman_agent.agent.sight import Sight
    from jobman_agent.clock import Clock
    from jobman_agent.model.reading import Reading
    from jobman_agent.settings.pc import Settings

READ_S = 3.0
_log = get_logger(__name__)


class Eyes:
    """Sensors that are made when there are settings for them.

    Args:
        make: Makes the sensors.
        touched: Called at the first key or mouse after a reading, while that is watched.
        clock: The clocks.
    """

    def __init__(
        self, make: Callable[[Settings], Sight], touched: Callable[[], None], clock: Clock
    ) -> None:
        self._make = make
        self._touched = touched
        self._clock = clock
        self._sight: Sight | None = None
        self._settings: Settings | None = None
        self._touch: asyncio.Task[None] | None = None
        self._touches = 0
        self._failure = ""
        """What was logged last: sensors that fail are asked again every second."""

    async def look(self, settings: Settings | None) -> Reading:
        """Everything, as it is after the last touch; without settings nothing is looked at."""
        if settings is None:
            return blind(self._clock.monotonic())
        if self._sight is None:
            self._sight = self._make(settings)
        elif settings is not self._settings:
            self._sight.change(settings)
        self._settings = settings
        touches = self._touches
        reading = await self._read(self._sight)
        if touches == self._touches:
            return reading
        # That one may have been begun before the touch. The next touch is watched only later.
        return await self._read(self._sight)

    def watch(self, *, wanted: bool) -> None:
        """Watch for the first touch after the last reading, or no more."""
        if self._touch is not None and not wanted:
            self._touch.cancel()
        elif wanted and self._sight and (self._touch is None or self._touch.done()):
            self._touch = asyncio.create_task(self._first_touch(self._sight), name="first touch")

    async def close(self) -> None:
        """Let go of everything."""
        if self._touch is not None:
            self._touch.cancel()
            await asyncio.wait({self._touch})
        if self._sight is not None:
            self._sight.close()

    async def _read(self, sight: Sight) -> Reading:
        try:
            async with asyncio.timeout(READ_S):
                reading = await sight.read()
        except Exception as exc:  # noqa: BLE001 - sensors that fail as a whole: nothing is known
            self._note(exc)
            return blind(self._clock.monotonic())
        self._failure = ""
        return reading

    async def _first_touch(self, sight: Sight) -> None:
        try:
            await sight.first_touch()
        except Exception as exc:  # noqa: BLE001 - what cannot be watched counts as a touch
            self._note(exc)
        self._touches += 1
        self._touched()

    def _note(self, failure: Exception) -> None:
        what = repr(failure)
        if what != self._failure:
            self._failure = what
            _log.error("the sensors fail", exc_info=failure)
