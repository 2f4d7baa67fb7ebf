"""How much of this PC a worker may use, by the settings and by what is free now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jobman_agent.control.pipe_messages import Limits
from jobman_agent.model.reading import Unknown
from jobman_agent.policy.rules import DISK_PRESSURE, MEMORY_PRESSURE

if TYPE_CHECKING:
    from jobman_agent.model.reading import Reading
    from jobman_agent.settings.pc import Limits as Settled


def make_limits(settled: Settled, reading: Reading) -> Limits:
    """What the owner allows, but not so much that packages would be handed back for pressure."""
    memory = 0
    if not isinstance(reading.memory_total, Unknown) and not isinstance(
        reading.memory_free, Unknown
    ):
        total = reading.memory_total
        spare = reading.memory_free - int(total * MEMORY_PRESSURE)
        memory = max(0, min(settled.memory.of(total), spare))
    disk = 0
    if not isinstance(reading.disk_free, Unknown):
        disk = max(0, min(settled.disk, reading.disk_free - DISK_PRESSURE))
    return Limits(cores=max(1, settled.cores.of(_cores())), memory=memory, disk=disk)


def _cores() -> int:
    """Processor cores that this process may use; a container may have less than the PC."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1
