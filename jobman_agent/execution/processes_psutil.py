"""Processes and their descendants through psutil (macOS, Windows); as ``processes_linux``."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

import psutil  # noqa: TID251 - looking at processes is what this file is for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, OSError)


def _none(pid: int) -> int:
    del pid
    return 0


_group_of: Callable[[int], int] = getattr(os, "getpgid", _none)  # not on Windows
_session_of: Callable[[int], int] = getattr(os, "getsid", _none)


class Seen(NamedTuple):
    """One process at one moment; group and session are 0 where the system has none."""

    pid: int
    parent: int
    group: int
    session: int


def see(pid: int) -> Seen | None:
    """A process, or None if there is none of that number that we may look at."""
    try:
        parent = psutil.Process(pid).ppid()
        return Seen(pid, parent, _group_of(pid), _session_of(pid))
    except _GONE:
        return None


def is_stopped(pid: int) -> bool:
    """Whether a process is suspended."""
    return _status(pid) == psutil.STATUS_STOPPED


def is_alive(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    return _status(pid) not in (None, psutil.STATUS_ZOMBIE)


def is_moving(pid: int) -> bool:
    """Whether a process is there and neither suspended nor ended."""
    return _status(pid) not in (None, psutil.STATUS_ZOMBIE, psutil.STATUS_STOPPED)


def everyone() -> Iterator[Seen]:
    """All processes of this PC that we may look at."""
    for pid in psutil.pids():
        if (seen := see(pid)) is not None:
            yield seen


def below(roots: list[int]) -> list[int]:
    """All descendants of some processes, without these."""
    found: dict[int, None] = {}
    for root in roots:
        with contextlib.suppress(*_GONE):
            found |= dict.fromkeys(p.pid for p in psutil.Process(root).children(recursive=True))
    return list(found)


def memory(pid: int) -> int:
    """Resident bytes of a process; 0 if it has ended."""
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
    """Suspend one process."""
    with contextlib.suppress(*_GONE):
        psutil.Process(pid).suspend()


def thaw_one(pid: int) -> None:
    """Let one process go on."""
    with contextlib.suppress(*_GONE):
        psutil.Process(pid).resume()


def kill_one(pid: int) -> None:
    """End one process."""
    with contextlib.suppress(*_GONE):
        psutil.Process(pid).kill()


def freeze_group(group: int) -> None:
    """Suspend a process group (on Windows: a process and its descendants)."""
    for pid in _group(group):
        freeze_one(pid)


def thaw_group(group: int) -> None:
    """Let a process group go on (on Windows: a process and its descendants)."""
    for pid in _group(group):
        thaw_one(pid)


def let_go() -> None:
    """Nothing: who is suspended can be let go on by anybody."""


def _group(group: int) -> list[int]:
    if _group_of is _none:
        return [group, *below([group])]
    return [seen.pid for seen in everyone() if seen.group == group]


def _status(pid: int) -> str | None:
    try:
        return str(psutil.Process(pid).status())
    except _GONE:
        return None
