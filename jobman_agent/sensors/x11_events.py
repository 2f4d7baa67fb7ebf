"""XInput2's raw events of one X server: what is used, whoever has grabbed it.

Version 2.2 is announced: with 2.0, which python-xlib announces, a grab by a menu or a locker hides
the owner (XI2proto: from 2.1 on raw events are delivered regardless of grabs).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from jobman_agent.sensors.probe import Unseen
from jobman_agent.sensors.x11 import is_xwayland

if TYPE_CHECKING:
    from Xlib.display import Display


class RawEvents:
    """Key, button and motion events of all devices; on request, for they are many."""

    def __init__(self, link: Display) -> None:
        """Announce the version.

        Raises:
            Unseen: this server has no such events, or not of all input.
        """
        from Xlib.ext import xinput

        if not link.has_extension("XInputExtension") or is_xwayland(link):
            raise Unseen("the server has no raw events of all input")
        major = link.query_extension("XInputExtension").major_opcode
        xinput.XIQueryVersion(display=link.display, opcode=major, major_version=2, minor_version=2)
        self._link = link
        self._major = major
        self._root: Any = link.screen().root
        self._mask = xinput.RawKeyPressMask | xinput.RawButtonPressMask | xinput.RawMotionMask
        self._all = xinput.AllMasterDevices
        self._motion = xinput.RawMotion
        self._place = (0, 0)

    def open(self) -> None:
        """Ask for them."""
        self._place = self._where()
        self._root.xinput_select_events([(self._all, self._mask)])
        self._link.sync()

    def close(self) -> None:
        """Ask for no more, and forget those on their way."""
        self._root.xinput_select_events([(self._all, 0)])
        self._link.sync()
        while self._link.pending_events():
            self._link.next_event()

    def read(self) -> float | None:
        """How far the pointer went; None: keys or buttons; 0: there was no such event.

        At least 1 where the pointer stands at the edge.
        """
        touched = keys = False
        while self._link.pending_events():
            event = self._link.next_event()
            if getattr(event, "extension", None) == self._major:
                touched = True
                keys = keys or event.evtype != self._motion
        if not touched:
            return 0.0
        if keys:
            return None
        before, self._place = self._place, self._where()
        return max(1.0, math.dist(before, self._place))

    def _where(self) -> tuple[int, int]:
        pointer = self._root.query_pointer()
        return pointer.root_x, pointer.root_y
