"""Freeze, thaw and end whole trees of processes, also those that try to slip away.

A process belongs to a run if its environment carries the run's JOBMAN_RUN, if it is in the run's
process group or in a session that began with it, or if it descends from one that belongs.
``killpg`` alone misses a grandchild that called ``setsid``.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.execution import hurry, processes, rein, spur
from jobman_agent.execution.orders import RUN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_HURRY_SECONDS = 0.1
"""A process with the least share of the PC does not even stop soon; so often its session is given
the normal share. The kernel takes no more."""
_FREEZE_SECONDS = 1.0
_END_SECONDS = 5.0


def freeze(tokens: Collection[str], groups: Collection[int]) -> int:
    """Suspend all processes of some runs; groups at once, then whoever is found.

    Returns:
        How many could not be seen suspended within a second (they wait for a disk, say).
    """
    return freeze_found(groups, lambda: members(tokens, groups))


def freeze_below(root: int, groups: Collection[int]) -> int:
    """Suspend some groups and all descendants of a process; cheaper than ``freeze``."""
    return freeze_found(groups, lambda: processes.below([root]))


def freeze_found(groups: Collection[int], find: Callable[[], list[int]]) -> int:
    """Suspend some groups, then whoever is found until none runs; returns how many still do."""
    for group in groups:
        processes.freeze_group(group)
    began = hurried = SYSTEM_CLOCK.monotonic()
    while moving := [pid for pid in find() if processes.is_moving(pid)]:
        for pid in moving:
            processes.freeze_one(pid)
        now = SYSTEM_CLOCK.monotonic()
        if now > began + _FREEZE_SECONDS:
            return len(moving)
        if now > hurried + _HURRY_SECONDS:
            hurried = now
            _hurry(moving)
        time.sleep(0.001)
    return 0


def thaw(tokens: Collection[str], groups: Collection[int]) -> None:
    """Let all processes of some runs go on."""
    _thaw(members(tokens, groups), groups)


def thaw_below(root: int, groups: Collection[int]) -> None:
    """Let some groups and all descendants of a process go on."""
    _thaw(processes.below([root]), groups)


def end_runs(tokens: Collection[str]) -> int:
    """End whatever still carries one of these JOBMAN_RUNs, and its descendants.

    For runs whose worker died: nothing else of them is known.

    Returns:
        How many processes were ended.
    """
    ended: set[int] = set()
    if not tokens:
        return 0
    began = hurried = SYSTEM_CLOCK.monotonic()
    while True:
        found = [pid for pid in members(tokens, ()) if processes.is_alive(pid)]
        for pid in found:
            processes.kill_one(pid)
        ended.update(found)
        # One that is just ending shows no environment any more, and may still hold its files.
        left = [pid for pid in ended if processes.is_alive(pid)]
        now = SYSTEM_CLOCK.monotonic()
        if not left or now > began + _END_SECONDS:
            break
        if now > hurried + _HURRY_SECONDS:
            hurried = now
            _hurry(left)
        time.sleep(0.002)
    return len(ended)


def members(tokens: Collection[str], groups: Collection[int]) -> list[int]:
    """All processes that belong to some runs, never this one."""
    here = os.getpid()
    roots = [
        seen.pid
        for seen in processes.everyone()
        if seen.pid != here and _belongs(seen, tokens, groups)
    ]
    return list(dict.fromkeys([*roots, *processes.below(roots)]))


def _hurry(pids: Collection[int]) -> None:
    """Let processes that must stop or end come to that soon, though they have the least share."""
    for pid in pids:
        spur(pid)
    found = [seen for seen in map(processes.see, pids) if seen is not None]
    for pid in {seen.session: seen.pid for seen in found}.values():
        hurry(now=True, of=pid)


def _belongs(seen: processes.Seen, tokens: Collection[str], groups: Collection[int]) -> bool:
    if seen.group in groups or seen.session in groups:
        return True
    return bool(tokens) and processes.variable(seen.pid, RUN_VARIABLE) in tokens


def _thaw(pids: Collection[int], groups: Collection[int]) -> None:
    rein(pids)
    for group in groups:
        processes.thaw_group(group)
    for pid in pids:
        processes.thaw_one(pid)
