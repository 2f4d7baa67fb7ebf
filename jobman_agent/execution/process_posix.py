"""Start a package on Linux and macOS, wait for its end, and send signals to its group.

posix_spawn through ctypes, because (measured on two cores, per start) it costs 65 µs of the
starter's time where ``Popen`` costs 110, it lets other threads run meanwhile, and unlike
``os.posix_spawn`` it can change the folder. ``preexec_fn`` would force a fork.

A package leads a process group of its own. It stays in the runner's session, whose share of the
CPU was made small once and for all (``priority_linux``).

Its stdout and stderr are a pipe that the slot uses again and again: reading what a small package
printed costs one system call, no file is ever made, and when the runner dies the package gets
SIGPIPE. A full pipe waits for the keeper, which looks 20 times a second and stays with it while
there is much to read.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobman_agent.execution.log_text import LogText

assert sys.platform != "win32"

_SETPGROUP, _SETSIGDEF, _SETSIGMASK = 2, 4, 8  # <spawn.h>, the same on Linux and macOS
_OPAQUE = 1024
"""Bytes for the library's own structs; the largest known is 336 (glibc's attributes)."""
_F_SETPIPE_SZ = 1031
_PIPE_BYTES = 256 << 10
_READ_BYTES = 64 << 10
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGHUP, signal.SIGTERM)

_PATH = "/usr/local/bin:/usr/bin:/bin"

_libc = ctypes.CDLL(None, use_errno=True)
_strings = ctypes.POINTER(ctypes.c_char_p)
_libc.posix_spawn.argtypes = [
    ctypes.POINTER(ctypes.c_int),
    ctypes.c_char_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
    _strings,
    _strings,
]


class Usage(NamedTuple):
    """What a process used, as the kernel says when it is reaped."""

    exit_code: int | None
    signal: int | None
    cpu_seconds: float
    peak_memory: int
    """Bytes, of the largest single process."""


class Launcher:
    """Starts one package after another in one folder. For one slot's thread."""

    def __init__(self, folder: str) -> None:
        self._null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        self.output, self._inlet = os.pipe()
        """The descriptor from which a package's output can be read, non-blocking."""
        os.set_blocking(self.output, False)
        with contextlib.suppress(OSError):  # macOS has no such call; 64 KiB do as well
            fcntl.fcntl(self._inlet, _F_SETPIPE_SZ, _PIPE_BYTES)
        self._actions = ctypes.create_string_buffer(_OPAQUE)
        self._attributes = ctypes.create_string_buffer(_OPAQUE)
        self._prepare(folder)

    def _prepare(self, folder: str) -> None:
        actions, attributes = self._actions, self._attributes
        _check(_libc.posix_spawn_file_actions_init(actions))
        # glibc 2.29, musl 1.1.24, macOS 10.15
        _check(_libc.posix_spawn_file_actions_addchdir_np(actions, os.fsencode(folder)))
        for fd, target in ((self._null, 0), (self._inlet, 1), (self._inlet, 2)):
            _check(_libc.posix_spawn_file_actions_adddup2(actions, fd, target))
        _check(_libc.posix_spawnattr_init(attributes))
        flags = ctypes.c_short(_SETPGROUP | _SETSIGDEF | _SETSIGMASK)
        _check(_libc.posix_spawnattr_setflags(attributes, flags))
        _check(_libc.posix_spawnattr_setpgroup(attributes, 0))
        signals = ctypes.create_string_buffer(_OPAQUE)
        _libc.sigemptyset(signals)
        _check(_libc.posix_spawnattr_setsigmask(attributes, signals))
        for number in _IGNORED_BY_PYTHON:
            _libc.sigaddset(signals, int(number))
        _check(_libc.posix_spawnattr_setsigdefault(attributes, signals))

    def start(self, argv: Sequence[str], environment: Mapping[str, str]) -> Child:
        """Start a program; argv[0] is its path.

        Raises:
            OSError: it cannot be started.
            ValueError: a zero byte in an argument or variable, which would cut it short.
        """
        pid = ctypes.c_int()
        words = _encode(argv)
        lines = _encode([f"{name}={value}" for name, value in environment.items()])
        code = _libc.posix_spawn(
            ctypes.byref(pid),
            words[0],
            self._actions,
            self._attributes,
            (ctypes.c_char_p * (len(words) + 1))(*words, None),
            (ctypes.c_char_p * (len(lines) + 1))(*lines, None),
        )
        if code:
            raise OSError(code, os.strerror(code), argv[0])
        return Child(pid.value)

    def drain(self, log: LogText, most: int = 16 << 20) -> int:
        """Read what has been printed, without waiting; returns the bytes read."""
        total = 0
        while total < most:
            try:
                piece = os.read(self.output, _READ_BYTES)
            except BlockingIOError:
                break
            log.add(piece)
            total += len(piece)
        return total

    def finish(self, log: LogText) -> None:
        """Read all that is left; nothing of the package runs any more."""
        self.drain(log)

    def close(self) -> None:
        """Let go of the pipe; what still prints into it gets SIGPIPE."""
        _libc.posix_spawn_file_actions_destroy(self._actions)
        _libc.posix_spawnattr_destroy(self._attributes)
        for fd in (self._null, self.output, self._inlet):
            os.close(fd)


class Child:
    """A package's first process, which leads its group. Signals are safe until ``reap``."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def wait(self) -> None:
        """Wait for its end, without reaping it: its pid stays its own."""
        wait_for_end(self.pid)

    def notify(self) -> None:
        """Ask the group to end."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the group."""
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        """Suspend the group."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the group go on."""
        self._signal(signal.SIGCONT)

    def reap(self) -> Usage:
        """Take its exit status; from now on its pid may be another process's."""
        return reap(self.pid)

    def _signal(self, number: signal.Signals) -> None:
        # macOS says EPERM for a group of which only the ended leader is left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def system_environment(home: str) -> dict[str, str]:
    """What every program expects of the system; ``home`` is used for all own folders."""
    del home
    return {"PATH": _PATH}


def reap(pid: int) -> Usage:
    """Take the exit status of a child that has ended.

    Raises:
        ChildProcessError: it is no child of this process.
    """
    _, status, usage = os.wait4(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    return Usage(
        exit_code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_memory=usage.ru_maxrss * unit,
    )


if sys.platform == "darwin":

    def wait_for_end(pid: int) -> None:
        """Wait until a child has ended, without reaping it (no os.waitid before 3.13 here)."""
        with contextlib.closing(select.kqueue()) as queue:
            event = select.kevent(
                pid,
                filter=select.KQ_FILTER_PROC,
                flags=select.KQ_EV_ADD | select.KQ_EV_ONESHOT,
                fflags=select.KQ_NOTE_EXIT,
            )
            with contextlib.suppress(ProcessLookupError):  # it has ended already
                queue.control([event], 1)
else:

    def wait_for_end(pid: int) -> None:
        """Wait until a child has ended, without reaping it."""
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def _encode(texts: Sequence[str]) -> list[bytes]:
    """All texts in one go (a third of the cost of one by one)."""
    encoded = os.fsencode("\0".join(texts)).split(b"\0")
    if len(encoded) != len(texts):
        raise ValueError("there are no words, or one holds a zero byte")
    return encoded


def _check(code: int) -> None:
    if code:
        raise OSError(code, os.strerror(code))
