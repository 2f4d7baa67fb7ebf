"""Orphans of a dead worker come to the agent, whatever they hide, where a system can do that.

The runner adopts what its packages leave, and ends it. When worker and runner are both killed, the
agent is the next subreaper above them (Linux). It starts nothing but workers: whatever is below it
without a worker was adopted.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import time

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.execution import SYSTEM, processes

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, <linux/prctl.h>
_NO_HANG = getattr(os, "WNOHANG", 1)
_END_S = 5.0


def adopt() -> bool:
    """Become a subreaper; False: not on this system."""
    return _set_subreaper(1)


def adopt_no_more() -> None:
    """Let orphans go to whom they would go without us, until `adopt`."""
    _set_subreaper(0)


def _set_subreaper(on: int) -> bool:
    if SYSTEM != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_SUBREAPER, on, 0, 0, 0) == 0)


def end_adopted() -> int:
    """End all that is below this process; for a moment in which it has no worker.

    Returns:
        How many processes were still alive.
    """
    ended: set[int] = set()
    deadline = SYSTEM_CLOCK.monotonic() + _END_S
    while found := processes.below([os.getpid()]):
        for pid in found:
            if processes.is_alive(pid):
                processes.kill_one(pid)
                ended.add(pid)
            # Singly, never all: subprocess waits for its own.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, _NO_HANG)
        if SYSTEM_CLOCK.monotonic() > deadline:
            break
        time.sleep(0.002)
    return len(ended)
