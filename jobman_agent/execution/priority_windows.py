"""The owner's programs come first (Windows): the lowest priority class."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import psutil

assert sys.platform == "win32"


RUNNER_FLAGS = subprocess.CREATE_NO_WINDOW
"""How the runner is started: with a console of its own that nobody sees, for CTRL_BREAK."""


def prepare(*, yields: bool) -> None:
    """Nothing: a runner has a console of its own, so Ctrl-C elsewhere does not reach it."""
    del yields


def hurry(*, now: bool, of: int | None = None) -> bool:
    """Nothing: here only the packages have a low priority, not the runner."""
    del now, of
    return True


def lower(pid: int, largest_file: int, *, yields: bool) -> None:
    """Let one package yield to everything; what it has started by now keeps its class."""
    del largest_file
    if yields:
        with contextlib.suppress(psutil.Error):  # it has ended already
            psutil.Process(pid).nice(psutil.IDLE_PRIORITY_CLASS)
