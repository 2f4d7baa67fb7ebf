"""Seconds since the last input on GNOME: Mutter's idle monitor, on Wayland and on X11.

The first touch is an event there: ``AddUserActiveWatch`` fires once, at the next key or mouse.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from jobman_agent.model.reading import UNKNOWN, Unknown
from jobman_agent.sensors.bus import Bus, NoBus, NoService
from jobman_agent.sensors.probe import Absent, Unseen

if TYPE_CHECKING:
    from collections.abc import Callable

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


class MutterTouch:
    """Waits for one watch at a time, in a thread that ends with it."""

    def __init__(self) -> None:
        """Set it up; it connects when it is armed."""
        self.broken = ""
        self._bus = Bus("SESSION")
        self._lock = threading.Lock()
        self._wanted: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None
        self._ends = False

    def arm(self, touched: Callable[[], None]) -> None:
        """As ``Touch.arm``."""
        with self._lock:
            self._wanted = touched
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="touch mutter", daemon=True)
                self._thread.start()

    def nudge(self) -> float | Unknown | None:
        """Mutter does not tell keys from the mouse."""
        return UNKNOWN

    def close(self) -> None:
        """End the thread."""
        self._ends = True
        self._bus.hang_up()

    # ---- the thread
    def _work(self) -> None:
        watched = False
        try:
            self._bus.hear(SERVICE, PATH, SERVICE)
            (number,) = self._bus.call(SERVICE, PATH, f"{SERVICE}.AddUserActiveWatch")
            self.broken, watched = "", True
            while self._bus.next_signal() != ("WatchFired", (number,)):
                pass
        except Unseen as exc:
            self.broken = f"Mutter tells no first touch: {exc}"
        self._bus.close()
        with self._lock:
            wanted, self._wanted, self._thread = self._wanted, None, None
        # A watch that is lost counts as a touch: whoever looks then decides.
        if wanted is not None and watched and not self._ends:
            wanted()
