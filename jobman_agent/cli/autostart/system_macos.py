"""macOS: a LaunchAgent is the only way."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.cli.autostart.launch_agent import LaunchAgent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobman_agent.cli.autostart.entry import Way

assert sys.platform == "darwin"


def ways(environ: Mapping[str, str]) -> dict[str, Way]:
    """Name to way; the first is the usual one."""
    del environ
    return {"launch-agent": LaunchAgent.of(Path.home())}
