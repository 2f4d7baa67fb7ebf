"""Whatever a package leaves behind, found and ended (macOS).

There is no subreaper here, so all processes are looked at after each run, by process group and by
JOBMAN_RUN: some milliseconds each time. A process that hides both is not found.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.execution import processes_psutil as processes
from jobman_agent.execution.orders import RUN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

assert sys.platform == "darwin"

_PATIENCE = 5.0


class Swept(NamedTuple):
    """What ending a package's leftovers came to; as in ``survivors_linux``."""

    left: int
    cpu_seconds: float


class Survivors:
    """Finds what packages leave behind."""

    def end(self, run: str, group: int, running: Mapping[str, int]) -> Swept:
        """End what is left of a run whose leader has ended and is not yet reaped."""
        del running
        deadline = SYSTEM_CLOCK.monotonic() + _PATIENCE
        while left := [pid for pid in self._of(run, group) if pid != group]:
            for pid in left:
                processes.kill_one(pid)
            if SYSTEM_CLOCK.monotonic() > deadline:
                return Swept(len(left), 0.0)
            time.sleep(0.005)
        return Swept(0, 0.0)

    def members(self, run: str, pid: int, running: Mapping[str, int]) -> list[int]:
        """All processes of a run that still goes on."""
        del run, running
        return [pid, *processes.below([pid])]

    @staticmethod
    def _of(run: str, group: int) -> list[int]:
        return [
            seen.pid
            for seen in processes.everyone()
            if processes.is_alive(seen.pid)
            and (seen.group == group or processes.variable(seen.pid, RUN_VARIABLE) == run)
        ]
