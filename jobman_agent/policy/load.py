"""Does the PC have room? CPU of others, memory, disk, battery, listed programs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jobman_agent.model.reading import Unknown
from jobman_agent.model.verdict import Permit, ReasonCode
from jobman_agent.policy.look import Fault, Look, duration_text
from jobman_agent.policy.rules import (
    DISK_PRESSURE,
    DISK_TO_START,
    MEMORY_PRESSURE,
    MEMORY_TO_START,
)
from jobman_agent.settings.pc import RULE_OFF

if TYPE_CHECKING:
    from jobman_agent.model.reading import Reading
    from jobman_agent.policy.memory import Memory
    from jobman_agent.policy.rules import Rules


def note_cpu(memory: Memory, reading: Reading, rules: Rules) -> Memory:
    """Remember since when others use much, and whether they stopped what is held here.

    Two thresholds, so that nothing flaps: work starts below one and stops above the other; once
    stopped, it goes on only when the CPU has been below the first for as long as a start needs.
    """
    cpu, idle = reading.others_cpu, rules.idle
    if isinstance(cpu, Unknown):
        return memory
    if cpu < idle.cpu_below:
        failed = memory.failed_at.get(ReasonCode.CPU)
        waited = failed is None or reading.taken_at - failed[0] >= idle.lasting.total_seconds()
        stopped = memory.cpu_stopped and reading.engaged and not waited
        return replace(memory, cpu_over_since=None, cpu_stopped=stopped)
    since = memory.cpu_over_since
    return replace(
        memory,
        cpu_over_since=reading.taken_at if since is None else since,
        cpu_stopped=reading.engaged and (memory.cpu_stopped or cpu > idle.cpu_above),
    )


def cpu_fault(look: Look) -> Fault | None:
    """Other programs use the processor."""
    cpu, idle = look.reading.others_cpu, look.rules.idle
    if idle.cpu_below >= RULE_OFF:
        return None
    if isinstance(cpu, Unknown):
        return Fault("CPU of other programs cannot be seen")
    if cpu < idle.cpu_below or (look.reading.engaged and not look.memory.cpu_stopped):
        return None
    over = idle.cpu_above if cpu > idle.cpu_above and look.reading.engaged else idle.cpu_below
    since = look.memory.cpu_over_since
    lasting = duration_text(0.0 if since is None else look.since(since))
    return Fault(f"CPU {cpu:.0f} % over {over:g} % for {lasting}")


def memory_fault(look: Look) -> Fault | None:
    """Too little memory is free."""
    free, total = look.reading.memory_free, look.reading.memory_total
    if isinstance(free, Unknown) or isinstance(total, Unknown) or total <= 0:
        return Fault("how much memory is free cannot be seen")
    share = free / total
    if share >= MEMORY_TO_START:
        return None
    leaves = Permit.NOTHING if share < MEMORY_PRESSURE else Permit.FINISH
    needed = 100 * MEMORY_TO_START
    return Fault(f"memory {100 * share:.0f} % free, {needed:.0f} % needed", leaves)


def disk_fault(look: Look) -> Fault | None:
    """Too little disk space is free."""
    free = look.reading.disk_free
    if isinstance(free, Unknown):
        return Fault("how much disk space is free cannot be seen")
    if free >= DISK_TO_START:
        return None
    leaves = Permit.NOTHING if free < DISK_PRESSURE else Permit.FINISH
    return Fault(f"disk {free / 1e9:.1f} GB free, {DISK_TO_START / 1e9:g} GB needed", leaves)


def battery_fault(look: Look) -> Fault | None:
    """The PC runs on battery, and its owner does not want work then."""
    if look.rules.idle.on_battery:
        return None
    if isinstance(look.reading.on_battery, Unknown):
        return Fault("whether the PC runs on battery cannot be seen")
    return Fault("on battery") if look.reading.on_battery else None


def program_fault(look: Look) -> Fault | None:
    """A listed program runs."""
    if not look.rules.idle.not_while_running:
        return None
    running = look.reading.running
    if isinstance(running, Unknown):
        return Fault("which programs run cannot be seen")
    if not running:
        return None
    return Fault(f"{', '.join(sorted(running))} {'runs' if len(running) == 1 else 'run'}")
