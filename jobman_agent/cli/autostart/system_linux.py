"""Linux and the like: the desktop's autostart, and systemd where there is no desktop."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.cli.autostart.desktop import DesktopEntry
from jobman_agent.cli.autostart.systemd import UserUnit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobman_agent.cli.autostart.entry import Way

assert sys.platform != "win32"


def ways(environ: Mapping[str, str]) -> dict[str, Way]:
    """Name to way; the first is the usual one."""
    home = Path.home()
    return {"desktop": DesktopEntry.of(environ, home), "systemd": UserUnit.of(environ, home)}
