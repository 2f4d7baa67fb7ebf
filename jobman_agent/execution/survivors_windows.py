"""Whatever a package leaves behind (Windows): the job object has ended it already."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from jobman_agent.execution import processes_windows as processes

if TYPE_CHECKING:
    from collections.abc import Mapping

assert sys.platform == "win32"


class Swept(NamedTuple):
    """What ending a package's leftovers came to; as in ``survivors_linux``."""

    left: int
    cpu_seconds: float


class Survivors:
    """Finds what packages leave behind: nothing leaves a job object."""

    def end(self, run: str, group: int, running: Mapping[str, int]) -> Swept:
        """Nothing to do: ``Child.kill`` returned once the job object was empty."""
        del run, group, running
        return Swept(0, 0.0)

    def members(self, run: str, pid: int, running: Mapping[str, int]) -> list[int]:
        """All processes of a run that still goes on."""
        del run, running
        return [pid, *processes.below([pid])]
