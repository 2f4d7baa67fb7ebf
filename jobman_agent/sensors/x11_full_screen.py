"""What fills the screen of one X server."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from jobman_agent.sensors.probe import Absent, Unseen
from jobman_agent.sensors.x11 import connect

if TYPE_CHECKING:
    from Xlib.display import Display


class X11FullScreen:
    """The active window, where EWMH's _NET_WM_STATE_FULLSCREEN says that it does."""

    name = "full screen (X11)"

    def __init__(self, display: str) -> None:
        """Set it up; it connects when it is first asked."""
        self._display = display
        self._link: Display | None = None

    def look(self) -> str | None:
        """The program, or None.

        Raises:
            Absent: no such server, or Xwayland.
        """
        from Xlib import error

        try:
            if self._link is None:
                self._link = connect(self._display)
            return self._full_screen(self._link)
        except (error.BadWindow, error.BadAtom):
            return None  # the window was closed while we looked
        except Unseen as exc:
            raise Absent(str(exc)) from exc
        except Exception as exc:
            self.close()
            raise Unseen(f"the X server {self._display} went away: {exc}") from exc

    def close(self) -> None:
        """Let go of the server."""
        link, self._link = self._link, None
        if link is not None:
            with contextlib.suppress(Exception):  # it is gone already
                link.close()

    def _full_screen(self, link: Display) -> str | None:
        from Xlib import Xatom

        root = link.screen().root
        active = root.get_full_property(link.intern_atom("_NET_ACTIVE_WINDOW"), Xatom.WINDOW)
        if active is None or not active.value or not active.value[0]:
            return None
        window = link.create_resource_object("window", active.value[0])
        state = window.get_full_property(link.intern_atom("_NET_WM_STATE"), Xatom.ATOM)
        if state is None or link.intern_atom("_NET_WM_STATE_FULLSCREEN") not in state.value:
            return None
        names = window.get_wm_class() or ("a program",)
        return f"{names[-1]}, full screen"
