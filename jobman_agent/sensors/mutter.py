"""Seconds since the last input on GNOME: Mutter's idle monitor, on Wayland and on X11."""

from __future__ import annotations

from jobman_agent.sensors.bus import Bus, NoBus, NoService
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
