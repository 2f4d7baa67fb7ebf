r"""Processes and their descendants on Windows; as ``processes_linux``.

A *group* is what a package's job object holds, named by the package's first process: nothing
leaves it, also what lost its parent.

Rule: who suspends, resumes. Windows counts how often a thread was suspended, and a thread may be
suspended by its own program (garbage collectors do). So this process remembers whom it has
suspended, does it once, and undoes it once; the agent and the runner do so each for itself, and a
package runs when neither holds it.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING, NamedTuple

import psutil

from jobman_agent.execution import handles_windows as system
from jobman_agent.execution import job_windows

if TYPE_CHECKING:
    from collections.abc import Iterator

assert sys.platform == "win32"

_GONE = (psutil.Error, OSError)
_held: dict[int, system.Handle] = {}
"""Whom this process has suspended, by number; an open handle keeps the number theirs."""
_holding = threading.Lock()


class Seen(NamedTuple):
    """One process at one moment; Windows has neither groups nor sessions by number."""

    pid: int
    parent: int
    group: int = 0
    session: int = 0


def see(pid: int) -> Seen | None:
    """A process, or None if there is none of that number."""
    return next((seen for seen in everyone() if seen.pid == pid), None)


def is_stopped(pid: int) -> bool:
    """Whether a process is suspended."""
    with system.Handle.opened(pid) as process:
        return process is not None and not process.has_ended() and process.is_suspended()


def is_alive(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    with system.Handle.opened(pid) as process:
        return process is not None and not process.has_ended()


def is_moving(pid: int) -> bool:
    """Whether a process is there and neither suspended nor ended."""
    with system.Handle.opened(pid) as process:
        return process is not None and not process.has_ended() and not process.is_suspended()


def everyone() -> Iterator[Seen]:
    """All processes of this PC."""
    for listed in system.list_processes():
        yield Seen(listed.pid, listed.parent)


def below(roots: list[int]) -> list[int]:
    """All descendants of some processes, without these; also what is in a group of one of them.

    Not the hosts of consoles: without theirs, runner and packages would wait for each other.
    """
    found: dict[int, None] = {}
    children: dict[int, list[int]] = {}
    for listed in system.list_processes():
        children.setdefault(listed.parent, []).append(listed.pid)
    waiting = list(roots)
    while waiting:
        one = waiting.pop()
        for pid in (*_children_of(one, children.get(one, ())), *_group(one)):
            if pid not in found and pid not in roots and not system.hosts_console(pid):
                found[pid] = None
                waiting.append(pid)
    return list(found)


def memory(pid: int) -> int:
    """Bytes of memory that a process has; 0 if it has ended."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except _GONE:
        return 0


def variable(pid: int, name: str) -> str | None:
    """A variable in the environment of a process, where we may see it."""
    try:
        value: str | None = psutil.Process(pid).environ().get(name)
    except _GONE:
        return None
    return value


def freeze_one(pid: int) -> None:
    """Suspend one process, unless it is suspended by us already."""
    with _holding:
        process = _held.get(pid)
        if process is None:
            process = system.Handle.of(pid)
            if process is None:
                return
        elif process.is_suspended() or process.has_ended():
            return
        if process.suspend():
            _held[pid] = process
        elif pid not in _held:
            process.close()


def thaw_one(pid: int) -> None:
    """Let one process go on, as far as we have suspended it."""
    with _holding:
        process = _held.pop(pid, None)
        if process is not None:
            process.resume()
            process.close()


def kill_one(pid: int) -> None:
    """End one process."""
    with system.Handle.opened(pid) as process:
        if process is not None:
            process.terminate()


def freeze_group(group: int) -> None:
    """Suspend all processes of a group."""
    _forget_ended()
    for pid in _group(group):
        freeze_one(pid)


def thaw_group(group: int) -> None:
    """Let all processes of a group go on."""
    for pid in _group(group):
        thaw_one(pid)


def let_go() -> None:
    """Undo all that this process has suspended; what others hold stays as it is."""
    with _holding:
        while _held:
            _, process = _held.popitem()
            process.resume()
            process.close()


def _group(group: int) -> list[int]:
    job = job_windows.JobObject.of(group)
    if job is None:
        return []
    with contextlib.closing(job):
        return job.pids()


def _children_of(parent: int, listed: list[int] | tuple[int, ...]) -> list[int]:
    """Those that are younger than their parent: its number may have been another process's."""
    if not listed:
        return []
    with system.Handle.opened(parent) as process:
        born = 0 if process is None else process.born()
    found = []
    for pid in listed:
        with system.Handle.opened(pid) as child:
            if child is None or child.born() >= born:
                found.append(pid)
    return found


def _forget_ended() -> None:
    with _holding:
        for pid in [pid for pid, process in _held.items() if process.has_ended()]:
            _held.pop(pid).close()
