"""Seconds since the last input on GNOME: Mutter's idle monitor, on Wayland and on X11.

The first touch is an event there: ``AddUserActiveWatch`` fires once, at the next key or mouse.
"""

from __future__ import annotations

from jobman_agent.sensors.bus import Bus, NoBus, NoService
from jobman_agent.sensors.one_touch import OneTouch
from jobman_agent.sensors.probe import Absent

SERVICE = "org.gnome.Mutter.IdleMonitor"
PATH = "/org/gnome/Mutter/IdleMonitor/Core"


class Mutter:
    """GetIdletime of the core monitor (all devices), in milliseconds."""

    name = "keyboard and mouse (GNOME)"

    def __init__(self, *, expected: bool) -> None:
        """Set it up.

        Args:
            expected: Whether this is a GNOME session: without Mutter nothing is seen then.
        """
        self._expected = expected
        self._bus = Bus("SESSION")

    def look(self) -> float:
        """Seconds."""
        try:
            (milliseconds,) = self._bus.call(SERVICE, PATH, f"{SERVICE}.GetIdletime")
        except (NoBus, NoService) as exc:
            if self._expected:
                raise
            raise Absent(str(exc)) from exc
        return float(milliseconds) / 1000

    def close(self) -> None:
        """Let go of the bus."""
        self._bus.close()


class MutterTouch(OneTouch):
    """Mutter's user-active watch."""

    def __init__(self) -> None:
        """Set it up; it connects when it is armed."""
        super().__init__("mutter")
        self._bus = Bus("SESSION")
        self._number = 0

    def _begin(self) -> None:
        self._bus.hear(SERVICE, PATH, SERVICE)
        (self._number,) = self._bus.call(SERVICE, PATH, f"{SERVICE}.AddUserActiveWatch")

    def _wait(self) -> None:
        while self._bus.next_signal() != ("WatchFired", (self._number,)):
            pass

    def _hang_up(self) -> None:
        self._bus.hang_up()

    def _end(self) -> None:
        self._bus.close()
