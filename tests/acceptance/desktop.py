"""An X desktop that nobody looks at, with a window manager and a panel, worked with xdotool.

Icons dock in two ways: by XEmbed (``trayer``; pystray's gtk) and as StatusNotifierItem
(``xfce4-panel``; pystray's appindicator).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageChops, ImageGrab

if TYPE_CHECKING:
    from collections.abc import Callable

CLONE = Path(__file__).parents[2]
SIZE = (1024, 640)
WAIT_S = 30.0
PROGRAMS = ("Xvfb", "openbox", "dbus-daemon", "xdotool", "xwininfo", "xprop")
NEAR = 24
"""So far a colour on the screen may be from the one that was drawn."""
ENOUGH = 12
"""Pixels of a colour that an icon has at least."""
PANEL = """\
<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array"><value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=8;x=0;y=0"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="length" type="uint" value="100"/>
      <property name="size" type="uint" value="32"/>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/><value type="int" value="2"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="separator">
      <property name="expand" type="bool" value="true"/>
      <property name="style" type="uint" value="0"/>
    </property>
    <property name="plugin-2" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
    </property>
  </property>
</channel>
"""


def need(*programs: str) -> None:
    """Skip at home, fail in CI, where a program is not installed."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        give_up(f"needs {', '.join(missing)} (installer/bootstrap.py test installs it)")


def give_up(text: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)


def python_with_gtk() -> str:
    """An interpreter with jobman and GTK's bindings, which ``bootstrap.py test`` has made."""
    python = CLONE / ".venv" / "with-gtk" / "bin" / "python"
    if sys.platform != "linux" or not python.exists():
        give_up("needs .venv/with-gtk (installer/bootstrap.py test makes it on Debian)")
    return str(python)


def until(what: Callable[[], object], seconds: float = WAIT_S) -> Any:
    """Wait for something to be true; what it says then."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it has not happened in time"
        time.sleep(0.05)
    return found


def middle(bar: Image.Image, colour: str) -> tuple[int, int] | None:
    """The middle of all that has a colour, if that is enough for an icon."""
    bands = ImageChops.difference(bar, Image.new("RGB", bar.size, colour)).split()
    furthest = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
    hits = [at for at, value in enumerate(furthest.tobytes()) if value <= NEAR]
    if len(hits) < ENOUGH:
        return None
    xs, ys = sorted(at % bar.width for at in hits), sorted(at // bar.width for at in hits)
    return xs[len(xs) // 2], ys[len(ys) // 2]


class Desktop:
    """One; leave it as a context manager, then nothing of it runs any more."""

    def __init__(self, folder: Path, panel: str) -> None:
        need(*PROGRAMS, panel)
        self._panel_name = panel
        self._folder = folder
        self._stack = ExitStack()
        self._panel: subprocess.Popen[bytes] | None = None
        self.env: dict[str, str] = {}

    def __enter__(self) -> Desktop:
        with ExitStack() as stack:
            self._stack = stack
            self._start()
            self.start_panel()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        # A socket's path has room for some 100 characters, a test's folder is longer.
        run = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="desk")))
        far, near = os.pipe()
        size = "x".join(map(str, SIZE))
        words = ["Xvfb", "-displayfd", str(near), "-screen", "0", f"{size}x24"]
        self._run([*words, "-nolisten", "tcp"], os.environ, pass_fds=(near,))
        os.close(near)
        with open(far, "rb") as told:  # the number, and only then the end of the line
            number = told.readline().decode().strip()
        taken = {name for name in os.environ if name.startswith(("JOBMAN_", "WAYLAND_"))}
        self.env = {name: text for name, text in os.environ.items() if name not in taken} | {
            "DISPLAY": f":{number}",
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={run}/bus",
            "GDK_BACKEND": "x11",
            "XDG_SESSION_TYPE": "x11",
            "XDG_RUNTIME_DIR": str(run),
            "XDG_CONFIG_HOME": str(self._folder / "config"),
            "XDG_CACHE_HOME": str(self._folder / "cache"),
            "NO_AT_BRIDGE": "1",
        }
        # What the bus starts (xfconfd) must not look into the home of who runs the tests.
        bus = ["dbus-daemon", "--session", "--nofork", f"--address=unix:path={run}/bus"]
        self._run([*bus, "--nopidfile"], self.env)
        until((run / "bus").exists)
        self._run(["openbox"], self.env)
        until(lambda: "0x" in self._said("xprop", "-root", "_NET_SUPPORTING_WM_CHECK"))

    def _run(self, words: list[str], env: Any, **more: Any) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more
        )

        def end() -> None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

        self._stack.callback(end)
        return process

    def _said(self, *words: str) -> str:
        done = subprocess.run(
            words, env=self.env, capture_output=True, text=True, timeout=20, check=False
        )
        return done.stdout

    # ---- the panel
    def start_panel(self) -> None:
        """Let the desktop have a notification area."""
        if self._panel_name == "trayer":
            words = ["trayer", "--edge", "bottom", "--align", "right", "--widthtype", "request"]
            words += ["--height", "32", "--SetDockType", "true"]
            words += ["--transparent", "true", "--alpha", "0", "--tint", "0x303030"]
        else:
            home = self._folder / "config" / "xfce4" / "xfconf" / "xfce-perchannel-xml"
            home.mkdir(parents=True, exist_ok=True)
            (home / "xfce4-panel.xml").write_text(PANEL, encoding="utf-8")
            words = ["xfce4-panel", "--disable-wm-check"]
        self._panel = self._run(words, self.env)

    def kill_panel(self) -> None:
        """Let it crash."""
        assert self._panel is not None
        self._panel.kill()
        self._panel.wait()

    def notifications(self, log: Path) -> Callable[[], bool]:
        """Let the desktop have a notification daemon; whether it was asked to show anything."""
        words = ["-u", "-m", "dbusmock", "--session", "--template", "notification_daemon"]
        self._run(["/usr/bin/python3", *words, "--logfile", str(log)], self.env)
        name = "org.freedesktop.Notifications"
        dbus = ["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus"]
        owned = [*dbus, "/", "org.freedesktop.DBus.NameHasOwner", f"string:{name}"]
        until(lambda: "true" in self._said(*owned))
        return lambda: log.exists() and " Notify " in log.read_text(encoding="utf-8")

    # ---- what is seen
    def screen(self) -> Image.Image:
        return ImageGrab.grab(xdisplay=self.env["DISPLAY"]).convert("RGB")

    def icon(self, colour: str, seconds: float = WAIT_S) -> tuple[int, int]:
        """The middle of the icon that has so much of a colour (``#1f74d1``) on the panel."""
        try:
            return until(lambda: self._find(colour), seconds)
        except AssertionError as exc:
            raise AssertionError(f"no icon of colour {colour} on the panel") from exc

    def has_icon(self, colour: str) -> bool:
        return self._find(colour) is not None

    def _find(self, colour: str) -> tuple[int, int] | None:
        top = SIZE[1] - 40
        found = middle(self.screen().crop((0, top, *SIZE)), colour)
        return None if found is None else (found[0], top + found[1])

    def popups(self) -> set[str]:
        """The windows that are shown, of the size of a menu at least."""
        found = set()
        for line in self._said("xwininfo", "-root", "-children").splitlines():
            words = line.split()
            if len(words) > 2 and words[0].startswith("0x"):
                width, _, height = words[-2].split("+")[0].partition("x")
                tall = width.isdigit() and int(width) > 60 and int(height) > 40
                if tall and "IsViewable" in self._said("xwininfo", "-id", words[0]):
                    found.add(words[0])
        return found

    # ---- what is done
    def does(self, *words: object) -> None:
        """Press keys and move the mouse, as xdotool says it."""
        subprocess.run(["xdotool", *map(str, words)], env=self.env, check=True, timeout=20)

    def open_menu(self, colour: str, button: int = 3) -> set[str]:
        """Click the icon; the menu's windows."""
        x, y = self.icon(colour)
        before = self.popups()
        self.does("mousemove", x, y, "click", button)
        return until(lambda: self.popups() - before)

    def choose(self, *downs: int) -> None:
        """In an open menu, so many steps down, then into the submenu and so many there ..."""
        for level, count in enumerate(downs):
            if level:
                self.does("key", "Right")
                time.sleep(0.2)  # the submenu comes up, its first item is chosen
            for _ in range(count - bool(level)):
                self.does("key", "Down")
                time.sleep(0.05)
        self.does("key", "Return")
