"""How an agent gets its icon: a process of its own, started anew when it has gone.

The icon's toolkit may crash, and ends the process when the display goes; the agent must not. So the
icon lives apart, knows only the control channel, and the agent knows of it only that somebody
watches. It is no child of the agent either: the agent ends what it has adopted when a worker dies,
and an editor that was opened from the menu must live on.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from jobman_agent.agent.adopted import adopt, adopt_no_more
from jobman_agent.execution import SYSTEM
from jobman_agent.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jobman_agent.agent.loop import Agent

LOOK_S = 10.0
START_S = 30.0
"""So long an icon may take to come up, on a PC that has just been switched on."""
AGAIN_MOST_S = 900.0
_log = get_logger(__name__)


def has_desktop(environ: Mapping[str, str]) -> bool:
    """Whether there may be a desktop to show an icon on."""
    if SYSTEM in ("windows", "macos"):
        return True
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


async def keep_tray(agent: Agent, is_wanted: Callable[[], bool]) -> None:
    """See to it that somebody shows the agent's icon, until cancelled.

    Args:
        agent: Says whether it is watched.
        is_wanted: Whether the settings want an icon now.
    """
    if not has_desktop(os.environ):
        _log.info("no desktop here, so no icon: DISPLAY is not set")
        return
    wait = due = 0.0
    while True:
        now = asyncio.get_running_loop().time()
        if agent.is_watched or not is_wanted():
            wait = due = 0.0
        elif now >= due:
            if wait:
                _log.warning("the icon has not come up (tray.log may say why): once more")
            wait = min(2 * wait, AGAIN_MOST_S) if wait else START_S
            due = now + wait
            try:
                await asyncio.to_thread(start_apart, _command())
            except (OSError, subprocess.SubprocessError) as exc:
                _log.warning("the icon cannot be started: %s", exc)
        await asyncio.sleep(LOOK_S)


def _command() -> list[str]:
    return [sys.executable, "-m", "jobman_agent", "tray"]


def start_apart(command: list[str]) -> None:
    """Start a program that is no child of this process, and nothing of it comes back here.

    Raises:
        OSError: it cannot be started.
    """
    if SYSTEM == "windows":
        names = ("CREATE_NO_WINDOW", "CREATE_NEW_PROCESS_GROUP")
        flags = sum(getattr(subprocess, name, 0) for name in names)
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            creationflags=flags,
        )
        return
    adopt_no_more()
    try:
        # The shell ends at once, and what it has started belongs to nobody of ours.
        subprocess.run(
            ["/bin/sh", "-c", '"$@" </dev/null >/dev/null 2>&1 &', "sh", *command],
            start_new_session=True,
            check=True,
        )
    finally:
        adopt()
