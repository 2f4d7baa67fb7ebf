"""The times of the processor and of processes through psutil (macOS, Windows); as ``cpu_linux``."""

from __future__ import annotations

import psutil  # noqa: TID251 - looking at processes is what this file is for

from jobman_agent.sensors.cpu_times import Total, Used


def total() -> Total:
    """The processor's times."""
    times = psutil.cpu_times()
    # Windows counts interrupts in ``system``, too.
    busy = float(times.user + times.system + getattr(times, "nice", 0.0))
    return Total(busy, busy + float(times.idle))


def used(pid: int) -> Used | None:
    """A process's times; None if it has ended, or is not ours to see."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            started = process.create_time()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    children = float(times.children_user + times.children_system)
    return Used(float(times.user + times.system), children, started)
