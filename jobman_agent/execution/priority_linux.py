"""The owner's programs come first (Linux).

The kernel shares the CPU by session first (autogroup), then by process. So the runner, which has
a session of its own, gives that whole session the least share once; packages stay in it. One
session per package would need a write to /proc for each, and the kernel takes only ten a second
from ordinary users (``proc_sched_autogroup_set_nice``). Within the session packages are
SCHED_IDLE, so that the runner comes before them.

The price: on a PC that is busy with other things the runner is slow as well, and so is the end of
a package: a signal is obeyed only when its process gets the processor, and with the least share
that can be seconds later, for SIGSTOP and SIGKILL too. While packages are being ended or suspended
their session therefore takes its normal share back (``hurry``): then the owner is waiting for it.

Source: sched(7), "The autogroup feature".
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

assert sys.platform == "linux"

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, <linux/prctl.h>
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30, "riscv64": 30, "i686": 289, "armv7l": 314}
_IOPRIO_WHO_PROCESS, _IOPRIO_IDLE = 1, 3 << 13  # <linux/ioprio.h>
_OOM_SCORE = "700"
"""Of 1000: when memory is short the kernel ends a package before anything of the owner's."""

_idle = os.sched_param(0)
_spurred: set[int] = set()


RUNNER_FLAGS = 0
"""How the runner is started: in no special way."""


def prepare(*, yields: bool) -> None:
    """Make this process, and all that it will start, yield. A wish that is refused is no error.

    Args:
        yields: False for a person who waits for the package: CPU and disk are shared as usual.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_SUBREAPER, 1, 0, 0, 0)
    with contextlib.suppress(PermissionError):  # it leads a group: it was started so already
        os.setsid()
    with contextlib.suppress(OSError):  # not in this container
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if yields:
        hurry(now=False)
        number = _IOPRIO_SET.get(os.uname().machine)
        if number is not None:  # inherited by what it starts
            libc.syscall(number, _IOPRIO_WHO_PROCESS, 0, _IOPRIO_IDLE)


def hurry(*, now: bool, of: int | None = None) -> bool:
    """Take the normal share of the CPU, or the least.

    Args:
        now: Whether it is the normal one.
        of: A process of the session that it is for; None: this one's.

    Returns:
        False if the kernel says to ask again in 0.1 s; True also where there are no such shares.
    """
    try:
        path = Path(f"/proc/{'self' if of is None else of}/autogroup")
        path.write_text("0" if now else "19", encoding="ascii")
    except BlockingIOError:
        return False
    except OSError:  # not in this kernel, or not in this container; or that process has ended
        pass
    return True


def spur(pid: int) -> None:
    """Let one process that is to stop or to end come to that soon, until ``rein``.

    Where this user may: root, or who has an RLIMIT_NICE of 20 or more. For others the share of its
    session must do. While it waits for the processor with SIGSTOP, it runs nothing of its program.
    """
    with contextlib.suppress(OSError):  # it has ended, or this user may not
        if os.sched_getscheduler(pid) == os.SCHED_IDLE:
            os.sched_setscheduler(pid, os.SCHED_OTHER, _idle)
            _spurred.add(pid)


def rein(pids: Collection[int]) -> None:
    """Let those processes yield again that were spurred; before they go on."""
    for pid in _spurred.intersection(pids):
        with contextlib.suppress(OSError):  # it has ended
            os.sched_setscheduler(pid, os.SCHED_IDLE, _idle)
    _spurred.clear()


def lower(pid: int, largest_file: int, *, yields: bool) -> None:
    """Let one package yield to everything, and bound the size of a single file it writes."""
    with contextlib.suppress(OSError):  # it has ended already
        if yields:
            os.sched_setscheduler(pid, os.SCHED_IDLE, _idle)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest_file, largest_file))
