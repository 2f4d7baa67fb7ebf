"""Section ``desktop``: can there be an icon, and does the next login start an agent?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.cli.doctor.examine import later
from jobman_agent.cli.doctor.line import Line, note, ok, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobman_agent.cli.doctor.setup import Setup

_TRAY_S = 5.0
_ROOT = Path(__file__).resolve().parents[3]
"""What stands in the user's folder must not be imported."""
# In a process of its own: without a display the import fails, and Gtk, once loaded, stays.
_TRY_TRAY = """\
import json
from jobman_agent.tray.icon import TrayIcon
try:
    icon = TrayIcon(lambda chosen: None)
    told = {"backend": icon.backend, "menu": icon.has_menu}
except Exception as exc:
    told = {"why": str(exc) or type(exc).__name__}
print(json.dumps(told), flush=True)
"""


def look(setup: Setup) -> Iterator[Line]:
    """The start at login, and the icon; nothing of either is touched."""
    yield _autostart(setup)
    settings = setup.good_settings()
    if settings is not None and not settings.show_tray:
        yield ok("tray", "no icon is wanted (show = no in [tray])", wanted=False)
    else:
        yield _tray()


def _autostart(setup: Setup) -> Line:
    from jobman_agent.cli.autostart import system
    from jobman_agent.cli.autostart.entry import State

    enable = "jobman autostart enable"
    looks = {name: way.look() for name, way in system.ways(setup.environ).items()}
    found = [(name, look) for name, look in looks.items() if look.state is not State.DISABLED]
    if not found:
        return note("autostart", "the next login starts no agent", enable, state="disabled")
    name, look = found[0]
    data = {"state": look.state.value, "way": name, "entry": look.entry, "program": look.program}
    if look.state is State.STALE:
        text = f"the next login would start what is not there any more: {look.program}"
        return wrong("autostart", text, enable, data=data)
    more = f"; {look.note}" if look.note else ""
    return ok("autostart", f"the next login starts an agent ({look.entry}){more}", **data)


def _tray() -> Line:
    try:
        told = json.loads(_ask(_TRY_TRAY, _TRAY_S))
    except TimeoutError:
        return note("tray", f"whether there can be an icon was not found out in {_TRAY_S:.0f} s")
    except (OSError, ValueError) as exc:
        return note("tray", f"whether there can be an icon was not found out: {exc}")
    if "why" in told:
        text = f"{told['why']}; all that an icon offers can be typed"
        return ok("tray", text, backend=None, menu=False)
    backend = told["backend"]
    if told["menu"]:
        return ok("tray", f"an icon with a menu can be shown ({backend})", **told)
    text = f"an icon can be shown, but without a menu ({backend})"
    return note("tray", text, "sudo apt install python3-gi gir1.2-ayatanaappindicator3-0.1", **told)


def _ask(script: str, seconds: float) -> bytes:
    """What another Python says, in one line. Not to its end: others may hold its pipe (Wine).

    Raises:
        TimeoutError: it says nothing.
        OSError: it cannot be started.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=_ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    out = process.stdout
    assert out is not None  # noqa: S101 - Popen was given PIPE
    try:
        line = later(out.readline, "tray").result(seconds)
        out.close()
    finally:
        process.kill()
        process.wait()
    return line
