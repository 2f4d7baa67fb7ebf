"""What the agent needs of the sensors; ``sensors.Sensors`` gives it, and so do tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from jobman_agent.model.reading import UNKNOWN, Reading

if TYPE_CHECKING:
    from jobman_agent.settings.pc import Settings


class Sight(Protocol):
    """The sensors of this PC. All of it is called in the event loop."""

    async def read(self, *, engaged: bool = False) -> Reading:
        """All of it now, within about a second; what does not answer is UNKNOWN."""
        ...

    async def first_touch(self) -> str:
        """Wait for the next key or mouse after the last reading; the name of what saw it."""
        ...

    def change(self, settings: Settings) -> None:
        """Go by other settings from the next reading on."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


def blind(taken_at: float) -> Reading:
    """The reading of sensors that fail altogether: nothing is known, so nothing is done."""
    return Reading(
        taken_at=taken_at,
        sources=(),
        locked=UNKNOWN,
        remote_users=UNKNOWN,
        others_cpu=UNKNOWN,
        memory_free=UNKNOWN,
        memory_total=UNKNOWN,
        disk_free=UNKNOWN,
        on_battery=UNKNOWN,
        running=UNKNOWN,
        presentation=UNKNOWN,
    )
