"""The owner's programs come first (macOS): background quality of service for all packages.

Source: setpriority(2), PRIO_DARWIN_BG: lowest CPU, disk and network priority, inherited.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

assert sys.platform == "darwin"

_PRIO_DARWIN_PROCESS, _PRIO_DARWIN_BG = 4, 0x1000  # <sys/resource.h>


RUNNER_FLAGS = 0
"""How the runner is started: in no special way."""


def prepare(*, yields: bool) -> None:
    """Have a session of its own, and leave no core files."""
    del yields
    with contextlib.suppress(PermissionError):  # it leads a group: it was started so already
        os.setsid()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


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
    """Let one package yield to everything; the kernel cannot bound another process's files."""
    del largest_file
    if not yields:
        return
    with contextlib.suppress(OSError):  # it has ended already
        os.setpriority(_PRIO_DARWIN_PROCESS, pid, _PRIO_DARWIN_BG)
