"""Seconds since the last key or mouse of this session (Windows: GetLastInputInfo)."""

from __future__ import annotations

import ctypes
import sys

from jobman_agent.sensors.probe import Unseen

assert sys.platform == "win32"


class _LastInput(ctypes.Structure):
    _fields_ = (("cbSize", ctypes.c_uint32), ("dwTime", ctypes.c_uint32))


def since(tick: int, now: int) -> float:
    """Seconds between two tick counts of 32 bits in milliseconds: they wrap after 49.7 days."""
    passed = (now - tick) & 0xFFFFFFFF
    # A key after we read the clock would seem to be 49.7 days ago.
    return 0.0 if passed > 0xFFFFFFFF - 60_000 else passed / 1000


class WindowsIdle:
    """It sees the session that the agent runs in, and no other."""

    name = "keyboard and mouse (Windows)"

    def look(self) -> float:
        """Seconds.

        Raises:
            Unseen: the system refuses, or never saw any input: a service has no desktop.
        """
        last = _LastInput(ctypes.sizeof(_LastInput), 0)
        if not ctypes.windll.user32.GetLastInputInfo(ctypes.byref(last)):
            raise Unseen(f"GetLastInputInfo failed: {ctypes.FormatError()}")
        if last.dwTime == 0:
            raise Unseen("no key and no mouse since the system started, or no desktop to see them")
        return since(last.dwTime, ctypes.windll.kernel32.GetTickCount())

    def close(self) -> None:
        """Nothing is held."""
