"""Seconds since the last input of one X server, over one kept connection (python-xlib, late).

Xwayland shows input only while an X program has it: its idle time lies, and it is no source.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

from jobman_agent.sensors.probe import Absent, Unseen

if TYPE_CHECKING:
    from Xlib.display import Display

_UNIX: int = getattr(socket, "AF_UNIX", 0)  # not on Windows, where nobody calls this
SCREEN_SAVER = "MIT-SCREEN-SAVER"


def connect(name: str) -> Display:
    """Connect to a server of this PC.

    Raises:
        Unseen: it is not there, or lets only others in.
    """
    from Xlib import display, error, xauth

    try:
        _knock(name)
        link = display.Display(name)
    except (error.DisplayError, error.ConnectionClosedError, xauth.error.XauthError, OSError) as e:
        text = " ".join(str(e).split()) or type(e).__name__
        raise Unseen(f"the X server {name} cannot be reached: {text}") from e
    # What goes wrong with a request that has no answer is of no interest; by default it is printed.
    link.set_error_handler(_ignore)
    return link


def is_xwayland(link: Display) -> bool:
    """Whether this server is a guest in a Wayland session."""
    from Xlib.ext import xinput

    if link.has_extension("XWAYLAND"):  # from 23.1 on
        return True
    if not link.has_extension("XInputExtension"):
        return False
    devices = link.xinput_query_device(xinput.AllDevices).devices
    return any(_text(device.name).startswith("xwayland-") for device in devices)


class X11Idle:
    """The idle time of the screen saver extension, in milliseconds: any device, any grab."""

    def __init__(self, display: str, *, expected: bool) -> None:
        """Set it up; it connects when it is first asked.

        Args:
            display: ``:0``.
            expected: Whether this is the display of our session.
        """
        self.name = f"keyboard and mouse (X11 {display})"
        self._display = display
        self._expected = expected
        self._link: Display | None = None
        self._root: Any = None

    def look(self) -> float:
        """Seconds.

        Raises:
            Absent: it is Xwayland, another user's, or tells no idle time.
            Unseen: it does not answer, or went away.
        """
        try:
            if self._link is None:
                self._open()
            return float(self._root.screensaver_query_info().idle) / 1000
        except (Absent, Unseen):
            self.close()
            raise
        except Exception as exc:
            # python-xlib raises its own, struct's and socket's errors when a server goes away.
            self.close()
            raise Unseen(f"the X server {self._display} went away: {exc}") from exc

    def close(self) -> None:
        """Let go of the server."""
        link, self._link = self._link, None
        if link is not None:
            with contextlib.suppress(Exception):  # it is gone already
                link.close()

    def _open(self) -> None:
        try:
            self._link = connect(self._display)
        except Unseen as exc:
            if self._expected:
                raise
            raise Absent(str(exc)) from exc
        # Today's Xwayland has no such extension; older ones have it, and it lies.
        if not self._link.has_extension(SCREEN_SAVER) or is_xwayland(self._link):
            raise Absent(f"{self._display} is Xwayland, or has no idle time: no source")
        self._root = self._link.screen().root


def _knock(name: str) -> None:
    """Whether anybody listens; python-xlib would go on to TCP, and leave its sockets open."""
    path = f"/tmp/.X11-unix/X{name.removeprefix(':')}"  # noqa: S108 - where every X server listens
    failed: OSError | None = None
    for address in (path, f"\0{path}"):
        with socket.socket(_UNIX) as door:
            try:
                door.connect(address)
            except OSError as exc:
                failed = failed or exc
            else:
                return
    if failed is not None:
        raise failed


def _text(name: object) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


def _ignore(*_args: object) -> int:
    return 0
