"""Start the agent again when it has crashed: for Windows, where the setup's launcher is not there.

The same rule as the line of sh (``keep_alive``), in a Python of its own.
"""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from jobman_agent.cli.autostart.entry import CALM_S, FIRST_WAIT_S, LONGEST_WAIT_S
from jobman_agent.clock import SYSTEM_CLOCK, Clock
from jobman_agent.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)


def keep(
    start: Callable[[], int],
    clock: Clock = SYSTEM_CLOCK,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Start the agent until it was quit, or another one runs; the exit code.

    Args:
        start: Starts it, waits until it has ended, and returns its exit code.
        clock: For how long it ran.
        sleep: Waits so many seconds.
    """
    wait = FIRST_WAIT_S
    while True:
        began = clock.monotonic()
        if start() in (ExitCode.DONE, ExitCode.NOT_ALLOWED):
            return ExitCode.DONE
        if clock.monotonic() - began >= CALM_S:
            wait = FIRST_WAIT_S
        sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT_S)


def starter(argv: Sequence[str], environ: Mapping[str, str]) -> Callable[[], int]:
    """Starts a command without a window, and waits for it."""

    def start() -> int:
        return subprocess.run(
            argv,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            creationflags=_NO_WINDOW,
            check=False,
        ).returncode

    return start
