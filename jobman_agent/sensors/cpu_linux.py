"""The times of the processor and of processes, from /proc (Linux)."""

from __future__ import annotations

import os
import sys

from jobman_agent.sensors.cpu_times import Total, Used

assert sys.platform == "linux"

_TICK = os.sysconf("SC_CLK_TCK")


def total() -> Total:
    """The first line of /proc/stat (proc(5)); what a hypervisor took is nobody's here."""
    with open("/proc/stat", "rb") as file:
        words = file.readline().split()
    user, nice, system, idle, iowait, irq, softirq = (int(word) for word in words[1:8])
    busy = user + nice + system + irq + softirq
    return Total(busy / _TICK, (busy + idle + iowait) / _TICK)


def used(pid: int) -> Used | None:
    """/proc/PID/stat; None if the process has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    # The name, in parentheses, may hold anything, closing parentheses too.
    fields = text[text.rindex(b")") + 2 :].split()
    own, of_system, children, children_of_system = (int(field) for field in fields[11:15])
    return Used(
        (own + of_system) / _TICK, (children + children_of_system) / _TICK, int(fields[19]) / _TICK
    )
