"""The icon on the desktop, by pystray: the only file that knows it.

Rules that hold here:

1. Importing pystray looks for a desktop, and fails in several ways where there is none: late.
2. The toolkit has the main thread (`run`). `show`, `tell` and `stop` may come from any other.
3. What is chosen is handed on and not done here: a desktop that waits for us freezes.
4. A menu that is open is left alone: on Windows pystray would destroy it under the pointer.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Any

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.errors import NoDesktop
from jobman_agent.log import get_logger
from jobman_agent.tray.drawing import draw
from jobman_agent.tray.menu import LINE, same_choices
from jobman_agent.tray.view import WINDOWS_TOOLTIP

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobman_agent.clock import Clock
    from jobman_agent.tray.menu import Choice, Item
    from jobman_agent.tray.picture import Picture
    from jobman_agent.tray.view import View

NAME = "jobman"
CALM_S = 30.0
"""Where only texts below the first are others, a menu is changed so often: a panel may draw it anew
while it is open."""
_WINDOWS, _GTK = "win32", ("gtk", "appindicator")
_TOOLTIP = 600
_SIZES = {_WINDOWS: 64, "darwin": 44, "xorg": 32}
_SIZE = 48
"""Pixels of the picture that a backend is given; each makes it smaller to what its bar needs."""
_WM_CANCELMODE = 0x1F
_log = get_logger(__name__)


class TrayIcon:
    """The icon; made in the main thread.

    Args:
        chosen: Called in the toolkit's thread with what the owner has chosen; returns at once.
        clock: The clocks of this PC.

    Raises:
        NoDesktop: there is none here, or none that pystray can use.
    """

    def __init__(self, chosen: Callable[[Choice], None], clock: Clock = SYSTEM_CLOCK) -> None:
        self._chosen = chosen
        self._clock = clock
        self._pystray: Any = _import()
        self.backend: str = self._pystray.Icon.__module__.rpartition("._")[2]
        self.tooltip_most = WINDOWS_TOOLTIP if self.backend == _WINDOWS else _TOOLTIP
        self._picture: Picture | None = None
        self._menu: tuple[Item, ...] = ()
        self._menu_at = 0.0
        self._lock = threading.Lock()
        self._waiting: View | None = None
        self._is_up = False
        self._stopped = False
        self._icon: Any = self._icon_class()(NAME, title=NAME)
        self._size = _SIZES.get(self.backend, _SIZE) * _scale(self.backend)
        if self.backend == "xorg":  # a traceback each time that there is no panel (yet)
            logging.getLogger("pystray").setLevel(logging.CRITICAL)

    @property
    def has_menu(self) -> bool:
        """Whether this desktop can show one (python3-gi brings it on Linux)."""
        return bool(self._pystray.Icon.HAS_MENU)

    def run(self, view: View) -> None:
        """Show the icon until `stop`; in the main thread."""
        self._put(view)

        def up(icon: Any) -> None:
            icon.visible = True
            self._put_tooltip(view.tooltip)
            with self._lock:
                self._is_up = True
                late, self._waiting = self._waiting, None
            if late is not None:
                self._put(late)
            if self._stopped:
                icon.stop()

        try:
            self._icon.run(up)
        except Exception as exc:  # of any toolkit
            if not self._stopped:
                raise
            # GLib's, where no notification daemon is there to take notifications back.
            _log.debug("at its end: %s", exc)

    def show(self, view: View) -> None:
        """Show this from now on."""
        with self._lock:
            if not self._is_up:
                self._waiting = view
                return
        self._put(view)

    def tell(self, title: str, text: str) -> None:
        """Show a notification where this desktop has them."""
        _log.info("told: %s", text)
        if self._pystray.Icon.HAS_NOTIFICATION and self._is_up:
            self._icon.notify(text, title)

    def stop(self) -> None:
        """Let `run` return."""
        self._stopped = True
        if self._is_up:
            self._icon.stop()

    # ---- what is shown
    def _put(self, view: View) -> None:
        """Change only what is another."""
        icon = self._icon
        if view.picture != self._picture or self._is_adrift():
            self._picture = view.picture
            icon.icon = draw(view.picture, self._size)
        if view.tooltip != icon.title:
            icon.title = view.tooltip
            self._put_tooltip(view.tooltip)
        now = self._clock.monotonic()
        same = view.menu[:1] == self._menu[:1] and same_choices(view.menu, self._menu)
        calm = same and now - self._menu_at < CALM_S
        if view.menu != self._menu and not calm:
            self._menu, self._menu_at = view.menu, now
            icon.menu = self._made(view.menu)

    def _is_adrift(self) -> bool:
        """Whether the xorg backend has lost its panel: it looks for another only when it draws."""
        return self.backend == "xorg" and self._icon._systray_manager is None

    def _put_tooltip(self, text: str) -> None:
        """GTK's icon takes its title for those who cannot see; the tooltip is another property."""
        status_icon = getattr(self._icon, "_status_icon", None)
        if status_icon is not None:
            from pystray._util.gtk import mainloop

            mainloop(status_icon.set_tooltip_text)(text)

    def _made(self, items: tuple[Item, ...]) -> Any:
        return self._pystray.Menu(*(self._made_item(item) for item in items))

    def _made_item(self, item: Item) -> Any:
        if item == LINE:
            return self._pystray.Menu.SEPARATOR
        text = _escaped(item.text) if self.backend == _WINDOWS else item.text
        if item.items:
            return self._pystray.MenuItem(text, self._made(item.items))
        if item.choice is None:
            return self._pystray.MenuItem(text, None, enabled=False)
        choice = item.choice
        return self._pystray.MenuItem(text, lambda: self._chosen(choice))

    def _icon_class(self) -> Any:
        if self.backend in _GTK:
            return _gtk_icon(self._pystray.Icon)
        return _windows_icon(self._pystray.Icon) if self.backend == _WINDOWS else self._pystray.Icon


def _import() -> Any:
    os.environ.setdefault("NO_AT_BRIDGE", "1")  # GTK complains where no accessibility bus is
    try:
        import pystray
    except Exception as exc:
        raise NoDesktop(f"no desktop for a tray icon ({type(exc).__name__}: {exc})") from exc
    logging.getLogger("pystray").parent = logging.getLogger("jobman_agent")
    return pystray


def _scale(backend: str) -> int:
    """How many pixels a dot of this desktop has: 2 on many 4 K screens."""
    if backend not in _GTK:
        return 1
    from gi.repository import Gdk  # pystray has chosen its version

    display = Gdk.Display.get_default()
    monitors = [display.get_monitor(n) for n in range(display.get_n_monitors())] if display else []
    return max((int(monitor.get_scale_factor()) for monitor in monitors), default=1)


def _escaped(text: str) -> str:
    """As Windows wants a menu's text: an ampersand would underline the letter after it."""
    return text.replace("&", "&&")


def _gtk_icon(base: Any) -> Any:
    """An icon whose menu a left click opens too. GTK itself keeps a menu that is open."""

    class GtkIcon(base):  # type: ignore[misc]
        def _on_status_icon_activate(self, status_icon: object) -> None:
            self._on_status_icon_popup_menu(status_icon, 0, 0)

    return GtkIcon


def _windows_icon(base: Any) -> Any:
    """An icon whose open menu stays, in which others wait; a left click opens it too."""
    from pystray._util import win32

    # Else Windows makes icon and menu for a small screen, and blows them up.
    win32.windll.user32.SetProcessDPIAware()

    class WindowsIcon(base):  # type: ignore[misc]
        def __init__(self, *args: Any, **more: Any) -> None:
            self._menu_lock = threading.RLock()
            super().__init__(*args, **more)

        def _on_notify(self, wparam: int, lparam: int) -> None:
            if lparam in (win32.WM_LBUTTONUP, win32.WM_RBUTTONUP):
                with self._menu_lock:
                    super()._on_notify(wparam, win32.WM_RBUTTONUP)

        def _update_menu(self) -> None:
            with self._menu_lock:
                super()._update_menu()

        def _stop(self) -> None:
            # A menu that is open would wait for its owner first.
            win32.PostMessage(self._menu_hwnd, _WM_CANCELMODE, 0, 0)
            super()._stop()

    return WindowsIcon
