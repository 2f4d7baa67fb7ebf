"""What there is to look at on Linux: X servers, the Wayland session, GNOME, KDE, consoles."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobman_agent.sensors import battery_linux, cpu_linux, people_linux, programs, wayland_linux
from jobman_agent.sensors.inhibitors import (
    GnomeInhibitors,
    KdeInhibitors,
    LogindInhibitors,
    PowerInhibitors,
)
from jobman_agent.sensors.mutter import Mutter, MutterTouch
from jobman_agent.sensors.probe import InputSpec
from jobman_agent.sensors.x11 import X11Idle
from jobman_agent.sensors.x11_full_screen import X11FullScreen
from jobman_agent.sensors.x11_touch import X11Touch

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobman_agent.clock import Clock
    from jobman_agent.sensors.probe import People, Probe, Surroundings

assert sys.platform == "linux"

_X_SOCKETS = Path("/tmp/.X11-unix")  # noqa: S108 - where every X server listens
_LOCAL = re.compile(r"(?:unix)?(:\d+)(?:\.\d+)?")
"""A display of this PC; ``localhost:10.0`` is the ssh client's."""

ADVICE = {
    "x11": "start the agent in the desktop session (DISPLAY and XAUTHORITY set)",
    "wayland": "start the agent in the desktop session (WAYLAND_DISPLAY set)",
    "mutter": "start the agent in the GNOME session (DBUS_SESSION_BUS_ADDRESS set)",
    "": "start the agent in a desktop session, or write owner = nobody for a server without one",
}
"""What to do where a source does not answer, by the first word of its key."""


def inputs(around: Surroundings, clock: Clock, people: People | None) -> list[InputSpec]:
    """Every source of input there may be now; cheap, asked with every reading."""
    environ = around.environ
    local = _LOCAL.fullmatch(environ.get("DISPLAY", ""))
    shown = local[1] if local else None
    displays = sorted({*_x_servers(), *([shown] if shown else ())})
    found = [_x11(display, expected=display == shown) for display in displays]
    gnome = "gnome" in environ.get("XDG_CURRENT_DESKTOP", "").lower()
    if environ.get("DBUS_SESSION_BUS_ADDRESS") or gnome:
        found.append(InputSpec("mutter", lambda: Mutter(expected=gnome), MutterTouch))
    wayland, runtime = environ.get("WAYLAND_DISPLAY"), environ.get("XDG_RUNTIME_DIR", "/")
    if wayland:
        found.append(
            InputSpec(
                "wayland",
                lambda: wayland_linux.WaylandIdle(wayland, runtime, clock),
                lambda: wayland_linux.WaylandTouch(wayland, runtime, clock),
            )
        )
    consoles = people.consoles if people else ()
    return found + [_console(terminal, clock) for terminal in consoles]


def who_is_here(clock: Clock) -> Probe[People]:
    """The probe of sessions."""
    return people_linux.WhoIsHere(clock)


def presentations(around: Surroundings) -> dict[str, Callable[[], Probe[str | None]]]:
    """The probes of what is shown, by a key."""
    found: dict[str, Callable[[], Probe[Any]]] = {
        "logind": lambda: LogindInhibitors(around.own_pids)
    }
    if around.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        found |= {"gnome": GnomeInhibitors, "kde": KdeInhibitors, "power": PowerInhibitors}
    local = _LOCAL.fullmatch(around.environ.get("DISPLAY", ""))
    if local:
        display = local[1]
        found["full screen"] = lambda: X11FullScreen(display)
    return found


def _x11(display: str, *, expected: bool) -> InputSpec:
    return InputSpec(
        f"x11 {display}",
        lambda: X11Idle(display, expected=expected),
        lambda: X11Touch(display),
        expected,
    )


def _console(terminal: str, clock: Clock) -> InputSpec:
    return InputSpec(
        f"console {terminal}", lambda: people_linux.Console(terminal, clock), expected=False
    )


def _x_servers() -> list[str]:
    try:
        names = [entry.name for entry in _X_SOCKETS.iterdir()]
    except OSError:
        return []
    return [f":{name[1:]}" for name in names if name[1:].isdigit() and name.startswith("X")]


battery = battery_linux.Battery
total, used = cpu_linux.total, cpu_linux.used
everyone = programs.everyone
