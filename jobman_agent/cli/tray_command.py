"""``jobman tray``: the icon of this user's agent, in a process of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command
from jobman_agent.errors import AlreadyRunning, ExitCode, JobmanError, StorageError
from jobman_agent.log import get_logger

if TYPE_CHECKING:
    import argparse

    from filelock import FileLock

    from jobman_agent.cli.commands import Commands
    from jobman_agent.settings.places import Places

LOCK = "tray.lock"
LOG = "tray.log"
_ONE_BEFORE_S = 3.0
"""So long one that is just ending is waited for."""
_ABOUT = """\
Show the icon of this user's agent in the notification area: what it does and why, with a menu to
pause and resume it. jobman agent starts it by itself where there is a desktop ([tray] show); this
command is for an agent that was started without one. It ends with the agent. Everything in it can
be typed, too: jobman status, why, pause, resume, work-now, ledger, keys, log, quit.
"""


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    add_command(commands, common, "tray", "show the agent's icon", _ABOUT, run)


def run(args: argparse.Namespace) -> int:
    """Show it until the agent ends."""
    from jobman_agent.cli.context import start_log
    from jobman_agent.settings.places import find_places
    from jobman_agent.tray.face import Face

    places = find_places(os.environ)
    start_log(places, args.verbose, LOG)
    try:
        with _take_lock(places):
            Face(places.home).run()
    except JobmanError as exc:
        # Whoever has started it does not listen.
        get_logger(__name__).warning("%s", exc)
        raise
    return ExitCode.DONE


def _take_lock(places: Places) -> FileLock:
    from filelock import FileLock, Timeout

    from jobman_agent.storage.files import explain

    lock = FileLock(places.home / LOCK)
    try:
        lock.acquire(timeout=_ONE_BEFORE_S)
    except Timeout:
        raise AlreadyRunning(f"the icon for {places.home} is shown already") from None
    except OSError as exc:
        raise StorageError(explain(exc, "lock", places.home / LOCK)) from exc
    return lock
