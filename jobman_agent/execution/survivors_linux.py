"""Whatever a package leaves behind, found and ended (Linux).

The runner is a subreaper: when a process of a package ends, its children become children of the
runner's first thread, which starts nothing itself. So one read of that thread's list of children
(3 µs) says for sure whether a package left anything, even a grandchild that called ``setsid`` and
cleared its environment. Only then the slow search begins.

An orphan belongs to a run by its process group or its JOBMAN_RUN. One that hides both is a
suspect: it is ended as soon as every run that it may have come from has ended.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.execution import process_posix
from jobman_agent.execution import processes_linux as processes
from jobman_agent.execution.orders import RUN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

assert sys.platform == "linux"

_PATIENCE = 5.0
"""Seconds in which killed processes must be gone; one that waits for a dead disk may not be."""


class Swept(NamedTuple):
    """What ending a package's leftovers came to."""

    left: int
    """Processes that could not be ended."""
    cpu_seconds: float
    """What the orphans had used, as far as nobody else counted it."""


_CLEAN = Swept(0, 0.0)


class Survivors:
    """All orphans that the runner has inherited. One for the whole runner."""

    def __init__(self) -> None:
        thread = threading.main_thread().native_id
        self._fd = os.open(f"/proc/self/task/{thread}/children", os.O_RDONLY | os.O_CLOEXEC)
        self._lock = threading.Lock()
        self._suspects: dict[tuple[int, int], set[str]] = {}

    def end(self, run: str, group: int, running: Mapping[str, int]) -> Swept:
        """End what is left of a run whose leader has ended and is not yet reaped.

        Args:
            run: its JOBMAN_RUN.
            group: its process group, already killed.
            running: process groups of all runs, this one included.
        """
        if not os.pread(self._fd, 1, 0) and not self._suspects:
            return _CLEAN
        deadline = SYSTEM_CLOCK.monotonic() + _PATIENCE
        pause, cpu_seconds = 0.0005, 0.0
        while True:
            mine = self._of(run, group, dict(running))
            if not mine:
                break
            for pid in (*mine, *processes.below(mine)):
                processes.kill_one(pid)
            cpu_seconds += sum(self._reap(pid) for pid in mine)
            if SYSTEM_CLOCK.monotonic() > deadline:
                return Swept(len(mine), cpu_seconds)
            time.sleep(pause)
            pause = min(pause * 2, 0.05)
        with self._lock:
            self._forget(run)
        return Swept(0, cpu_seconds)

    def members(self, run: str, pid: int, running: Mapping[str, int]) -> list[int]:
        """All processes of a run that still goes on; orphans of it that have ended are reaped."""
        roots = [pid]
        if os.pread(self._fd, 1, 0):
            mine = self._of(run, pid, dict(running))
            for orphan in mine:
                self._reap(orphan)
            roots += mine
        return [*roots, *processes.below(roots)]

    def _orphans(self) -> list[int]:
        pieces, offset = [], 0
        while piece := os.pread(self._fd, 1 << 16, offset):
            pieces.append(piece)
            offset += len(piece)
        return [int(word) for word in b"".join(pieces).split()]

    def _of(self, run: str, group: int, running: Mapping[str, int]) -> list[int]:
        with self._lock:
            return [pid for pid in self._orphans() if self._is_of(pid, run, group, running)]

    def _is_of(self, pid: int, run: str, group: int, running: Mapping[str, int]) -> bool:
        seen = processes.see(pid)
        if seen is None:
            return False
        if seen.group == group:
            return True
        if seen.group in running.values():
            return False
        token = processes.variable(pid, RUN_VARIABLE)
        if token is not None:
            return token == run or token not in running  # the latter's run is over
        # It hides where it comes from: whoever runs now may have made it.
        suspected = self._suspects.setdefault((pid, seen.started), set(running))
        return suspected <= {run}

    def _forget(self, run: str) -> None:
        alive = {}
        for (pid, started), runs in self._suspects.items():
            runs.discard(run)
            seen = processes.see(pid)
            if seen is not None and seen.started == started:
                alive[pid, started] = runs
        self._suspects = alive

    @staticmethod
    def _reap(pid: int) -> float:
        seen = processes.see(pid)
        if seen is None or not seen.ended:
            return 0.0
        with contextlib.suppress(ChildProcessError):  # reaped by somebody else meanwhile
            return process_posix.reap(pid).cpu_seconds
        return 0.0
