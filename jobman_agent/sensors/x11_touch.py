"""The first key or mouse as an event: XInput2's raw events of one X server.

Events are asked for only between ``arm`` and what settles whether it was a bump: a mouse in use
would wake us a thousand times a second.
"""

from __future__ import annotations

import contextlib
import math
import select
import socket
import threading
from typing import TYPE_CHECKING

from jobman_agent.model.reading import UNKNOWN, Unknown
from jobman_agent.sensors.x11 import connect
from jobman_agent.sensors.x11_events import RawEvents

if TYPE_CHECKING:
    from collections.abc import Callable

    from Xlib.display import Display

SETTLED_SECONDS = 2.0
"""So long after the first touch the pointer's way is still followed; longer than a bump."""
SETTLED_PIXELS = 50.0
"""Or so far: that was no bump."""


class X11Touch:
    """Follows one server in a thread of its own, over a connection of its own."""

    def __init__(self, display: str) -> None:
        """Set it up; it connects when it is first armed."""
        self.broken = ""
        self._display = display
        self._near, self._far = socket.socketpair()
        self._lock = threading.Lock()
        self._wanted: Callable[[], None] | None = None
        self._moved: float | Unknown | None = UNKNOWN
        self._follows = False
        """Whether events come now."""
        self._ends = False
        self._thread: threading.Thread | None = None

    def arm(self, touched: Callable[[], None]) -> None:
        """As ``Touch.arm``."""
        with self._lock:
            self._wanted = touched
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._work, name=f"touch {self._display}", daemon=True
            )
            self._thread.start()
        else:
            self._near.send(b"a")

    def nudge(self) -> float | Unknown | None:
        """As ``Touch.nudge``."""
        with self._lock:
            moved = self._moved
            self._moved = 0.0 if self._follows else UNKNOWN
            return moved

    def close(self) -> None:
        """End the thread."""
        self._ends = True
        with contextlib.suppress(OSError):  # closed already
            self._near.send(b"e")
        if self._thread is None or not self._thread.is_alive():
            self._close_pair()

    def _close_pair(self) -> None:
        self._near.close()
        self._far.close()

    # ------------------------------------------------------------ in the thread

    def _work(self) -> None:
        self._follow()
        if self._ends:
            self._close_pair()

    def _follow(self) -> None:
        link = None
        try:
            link = connect(self._display)
            events = RawEvents(link)
            self._open(events)
            self.broken = ""
            self._loop(link, events)
        except Exception as exc:  # noqa: BLE001 - python-xlib's, struct's and socket's errors
            self.broken = f"events of the X server {self._display} cannot be had: {exc}"
            if self._follows:
                # It went away: that counts as a touch, and whoever looks then decides.
                self._saw(None)
            self._forget()
        finally:
            if link is not None:
                with contextlib.suppress(Exception):  # it is gone already
                    link.close()

    def _open(self, events: RawEvents) -> None:
        events.open()
        with self._lock:
            self._follows = True
            if isinstance(self._moved, Unknown):
                self._moved = 0.0

    def _forget(self) -> None:
        """What comes from now on is not seen: no distance is the whole one."""
        with self._lock:
            self._follows, self._moved = False, UNKNOWN

    def _loop(self, link: Display, events: RawEvents) -> None:
        left = math.inf
        while not self._ends:
            if not link.pending_events():
                wait = None if left == math.inf else left
                ready, _, _ = select.select([link, self._far], [], [], wait)
                if not ready:
                    events.close()
                    self._forget()
                    left = math.inf
                    continue
                if self._far in ready:
                    self._far.recv(64)
                    if not self._follows:
                        self._open(events)
                    left = math.inf
            moved = events.read() if link.pending_events() else 0.0
            if moved == 0.0:
                continue
            self._saw(moved)
            left = SETTLED_SECONDS
            if moved is None or moved > SETTLED_PIXELS:
                events.close()
                left = math.inf
                with self._lock:
                    self._follows = False

    def _saw(self, moved: float | None) -> None:
        with self._lock:
            wanted, self._wanted = self._wanted, None
            before = self._moved
            if moved is None or before is None:
                self._moved = None
            else:
                self._moved = moved + (0.0 if isinstance(before, Unknown) else before)
        if wanted is not None:
            wanted()
