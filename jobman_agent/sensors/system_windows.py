"""What there is to look at on Windows."""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING

from jobman_agent.sensors import (
    cpu_psutil,
    hardware,
    idle_windows,
    people_windows,
    programs_windows,
)
from jobman_agent.sensors.probe import InputSpec, Unseen

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobman_agent.clock import Clock
    from jobman_agent.sensors.probe import People, Probe, Surroundings

assert sys.platform == "win32"

ADVICE = {
    "windows": "start the agent when you log in, not as a service: a service sees no desktop",
    "": "start the agent when you log in, or write owner = nobody for a server",
}
"""What to do where a source does not answer, by the first word of its key."""

_SHOWN = {
    2: "a program in full screen",  # QUNS_BUSY
    3: "a game in full screen",  # QUNS_RUNNING_D3D_FULL_SCREEN
    4: "presentation mode",  # QUNS_PRESENTATION_MODE
}


def inputs(around: Surroundings, clock: Clock, people: People | None) -> list[InputSpec]:
    """Every source of input there may be now."""
    del around, clock, people
    return [InputSpec("windows", idle_windows.WindowsIdle)]


def who_is_here(clock: Clock) -> Probe[People]:
    """The probe of sessions."""
    del clock
    return people_windows.WhoIsHere()


def presentations(around: Surroundings) -> dict[str, Callable[[], Probe[str | None]]]:
    """The probes of what is shown, by a key."""
    del around
    return {"full screen": Shown}


class Shown:
    """What Windows keeps its own notifications back for (SHQueryUserNotificationState)."""

    name = "full screen and presentation (Windows)"

    def look(self) -> str | None:
        """What, or None.

        Raises:
            Unseen: the system refuses.
        """
        state = ctypes.c_int(0)
        result = ctypes.windll.shell32.SHQueryUserNotificationState(ctypes.byref(state))
        if result != 0:
            raise Unseen(f"SHQueryUserNotificationState: {result & 0xFFFFFFFF:#x}")
        return _SHOWN.get(state.value)

    def close(self) -> None:
        """Nothing is held."""


battery = hardware.Battery
total, used = cpu_psutil.total, cpu_psutil.used
everyone = programs_windows.everyone
