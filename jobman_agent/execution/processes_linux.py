"""Processes and their descendants, read from /proc (Linux)."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

assert sys.platform == "linux"

_PAGE = os.sysconf("SC_PAGE_SIZE")
_MOST = 1 << 20
"""Bytes read of one environment or list of children."""


class Seen(NamedTuple):
    """One process at one moment."""

    pid: int
    parent: int
    group: int
    session: int
    state: str
    """``R`` running, ``T`` stopped, ``Z`` ended and not reaped, and others: proc(5)."""
    started: int
    """Clock ticks after the system's start: with the pid it names a process for good."""

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.state in "ZX"


def see(pid: int) -> Seen | None:
    """A process, or None if there is none of that number."""
    text = _read(f"/proc/{pid}/stat")
    if text is None:
        return None
    # The name, in parentheses, may hold anything, closing parentheses too.
    fields = text[text.rindex(b")") + 2 :].split()
    return Seen(
        pid,
        int(fields[1]),
        int(fields[2]),
        int(fields[3]),
        fields[0].decode(),
        int(fields[19]),
    )


def is_stopped(pid: int) -> bool:
    """Whether a process is suspended."""
    seen = see(pid)
    return seen is not None and seen.state in "Tt"


def is_alive(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    seen = see(pid)
    return seen is not None and not seen.ended


def is_moving(pid: int) -> bool:
    """Whether a process is there and neither suspended nor ended."""
    seen = see(pid)
    return seen is not None and seen.state not in "TtZX"


def everyone() -> Iterator[Seen]:
    """All processes of this PC that can be seen."""
    with os.scandir("/proc") as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
    for pid in pids:
        if (seen := see(pid)) is not None:
            yield seen


def children(pid: int) -> list[int]:
    """The children of a process, ended ones too."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        with os.scandir(f"/proc/{pid}/task") as entries:
            threads = [entry.name for entry in entries]
        for thread in threads:
            text = _read(f"/proc/{pid}/task/{thread}/children")
            found += [int(word) for word in (text or b"").split()]
    return found


def below(roots: list[int]) -> list[int]:
    """All descendants of some processes, without these."""
    found: dict[int, None] = {}
    waiting = list(roots)
    while waiting:
        for child in children(waiting.pop()):
            if child not in found:
                found[child] = None
                waiting.append(child)
    return list(found)


def memory(pid: int) -> int:
    """Resident bytes of a process; 0 if it has ended."""
    text = _read(f"/proc/{pid}/statm")
    return int(text.split()[1]) * _PAGE if text else 0


def variable(pid: int, name: str) -> str | None:
    """A variable in the environment that a process was started with, where we may see it."""
    text = _read(f"/proc/{pid}/environ") or b""
    start = os.fsencode(name) + b"="
    for line in text.split(b"\0"):
        if line.startswith(start):
            return os.fsdecode(line[len(start) :])
    return None


def freeze_one(pid: int) -> None:
    """Suspend one process."""
    _send(os.kill, pid, signal.SIGSTOP)


def thaw_one(pid: int) -> None:
    """Let one process go on."""
    _send(os.kill, pid, signal.SIGCONT)


def kill_one(pid: int) -> None:
    """End one process."""
    _send(os.kill, pid, signal.SIGKILL)


def freeze_group(group: int) -> None:
    """Suspend a whole process group."""
    _send(os.killpg, group, signal.SIGSTOP)


def thaw_group(group: int) -> None:
    """Let a whole process group go on."""
    _send(os.killpg, group, signal.SIGCONT)


def let_go() -> None:
    """Nothing: who is suspended can be let go on by anybody."""


def _send(how: Callable[[int, int], None], number: int, what: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # gone, or not ours
        how(number, what)


def _read(path: str) -> bytes | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        pieces: list[bytes] = []
        while (piece := os.read(fd, 1 << 16)) and len(pieces) * (1 << 16) < _MOST:
            pieces.append(piece)
        return b"".join(pieces)
    except OSError:  # it ended while we looked
        return None
    finally:
        os.close(fd)
