"""The owner's programs come first (Windows): the lowest priority class."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil

from jobman_agent.execution import job_windows

if TYPE_CHECKING:
    from collections.abc import Collection

assert sys.platform == "win32"


RUNNER_FLAGS = subprocess.CREATE_NO_WINDOW
"""How the runner is started: with a console of its own that nobody sees, for CTRL_BREAK."""
_log = logging.getLogger(__name__)


def prepare(*, yields: bool) -> None:
    """Nothing: a runner has a console of its own, so Ctrl-C elsewhere does not reach it."""
    del yields


def hurry(*, now: bool, of: int | None = None) -> bool:
    """Nothing: here only the packages have a low priority, not the runner."""
    del now, of
    return True


def spur(pid: int) -> None:
    """Nothing: here a process stops and ends whatever its priority."""
    del pid


def rein(pids: Collection[int]) -> None:
    """Nothing: none was spurred."""
    del pids


def lower(pid: int, largest_file: int, *, yields: bool) -> None:
    """Let one package yield to everything, by its job object: whatever it starts yields too."""
    del largest_file
    job = job_windows.JobObject.of(pid) if yields else None
    if job is None:
        return
    with contextlib.closing(job):
        try:
            job.yield_to_all()
        except OSError as error:
            _log.warning("package %d: its job object takes no priority: %s", pid, error)
        # Not every Windows lets those follow that are in it already (Wine lets none).
        for member in job.pids():
            with contextlib.suppress(psutil.Error, OSError):  # it has ended already
                psutil.Process(member).nice(psutil.IDLE_PRIORITY_CLASS)
