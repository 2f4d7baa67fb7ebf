"""Screen lockers that tell the session bus and not logind: Xfce, MATE, Cinnamon, older KDE.

Their screen saver being active counts as locked: nobody is at the PC either way, and the first key
or mouse ends it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from jobman_agent.sensors.bus import Bus, NoBus
from jobman_agent.sensors.probe import Unseen

if TYPE_CHECKING:
    from jobman_agent.clock import Clock

assert sys.platform == "linux"

WHO_SECONDS = 30.0
"""So often it is asked which of them run; none is started by asking."""
_LOCKERS = {
    "org.freedesktop.ScreenSaver": "/org/freedesktop/ScreenSaver",
    "org.gnome.ScreenSaver": "/org/gnome/ScreenSaver",
    "org.mate.ScreenSaver": "/org/mate/ScreenSaver",
    "org.cinnamon.ScreenSaver": "/org/cinnamon/ScreenSaver",
    "org.xfce.ScreenSaver": "/org/xfce/ScreenSaver",
}


class Lockers:
    """Those of our session."""

    def __init__(self, clock: Clock) -> None:
        """Set it up."""
        self._bus = Bus("SESSION")
        self._clock = clock
        self._running: tuple[str, ...] = ()
        self._asked_at = -WHO_SECONDS

    def active(self) -> bool | None:
        """Whether one of them has the screen; None: none of them runs, or says."""
        said = [self._ask(name) for name in self._who()]
        known = [one for one in said if one is not None]
        return any(known) if known else None

    def close(self) -> None:
        """Let go of the bus."""
        self._bus.close()

    def _who(self) -> tuple[str, ...]:
        now = self._clock.monotonic()
        if now - self._asked_at >= WHO_SECONDS:
            self._asked_at = now
            call = "org.freedesktop.DBus.ListNames"
            try:
                (names,) = self._bus.call("org.freedesktop.DBus", "/org/freedesktop/DBus", call)
            except Unseen:
                names = ()
            self._running = tuple(name for name in _LOCKERS if name in names)
        return self._running

    def _ask(self, name: str) -> bool | None:
        try:
            (active,) = self._bus.call(name, _LOCKERS[name], f"{name}.GetActive")
        except NoBus:
            self._asked_at = -WHO_SECONDS
            return None
        except Unseen:
            return None  # gone, deaf, or without such a method: it does not say
        return bool(active)
