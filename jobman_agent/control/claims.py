"""One agent for each JOBMAN_HOME, and one agent's worker for each PC.

Both are locks of the operating system's on local files: free again however their holder dies.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.control import lock_machine
from jobman_agent.errors import AlreadyRunning, StorageError
from jobman_agent.storage.files import explain, make_private_dir, remove, write_atomic

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from jobman_agent.control import MachineLock

LOCK, HOLDER = "agent.lock", "agent.pid"
MACHINE_LOCK = "jobman-worker.lock"
_LOOK_S = 0.05
_HOLDER_S = 2.0
_MACHINE_S = 2.0


class AgentClaim:
    """That this process is the agent of a JOBMAN_HOME; ended by `release` or the process's end."""

    def __init__(self, lock: FileLock, holder: Path) -> None:
        self._lock = lock
        self._holder = holder

    @classmethod
    def take(cls, home: Path) -> Self:
        """Become the agent of a JOBMAN_HOME, which is made if it is not there.

        Raises:
            AlreadyRunning: there is one; its process is named.
            StorageError: the folder cannot be used.
        """
        make_private_dir(home)
        lock, holder = FileLock(home / LOCK), home / HOLDER
        try:
            lock.acquire(blocking=False)
        except Timeout:
            pid = _holder_of(holder)
            who = f"process {pid}" if pid is not None else "its process is not known"
            raise AlreadyRunning(
                f"an agent runs already for {home} ({who}): jobman quit ends it"
            ) from None
        except OSError as exc:
            raise StorageError(explain(exc, "lock", home / LOCK)) from exc
        try:
            # Not in the lock file: on Windows others cannot read what is locked. What a dead
            # holder left goes first, so that nobody is told its number for long.
            remove(holder)
            write_atomic(holder, str(os.getpid()).encode(), 0o600)
        except OSError as exc:
            lock.release()
            raise StorageError(explain(exc, "write", holder)) from exc
        except BaseException:
            lock.release()
            raise
        return cls(lock, holder)

    def release(self) -> None:
        """Let another agent begin."""
        if self._lock.is_locked:
            try:
                with contextlib.suppress(OSError):  # who reads it sees that nobody holds the lock
                    remove(self._holder)
            finally:
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()


def _holder_of(path: Path) -> int | None:
    """The process that holds the lock; waited for, because it may have got it this very moment."""
    deadline = SYSTEM_CLOCK.monotonic() + _HOLDER_S
    while SYSTEM_CLOCK.monotonic() < deadline:
        time.sleep(_LOOK_S)
        try:
            text = path.read_text("ascii", "replace")
        except OSError:
            continue
        if text.isdecimal():
            return int(text)
    return None


def claim_machine(folder: Path, *, wait_s: float = _MACHINE_S) -> MachineLock:
    """Let this process be the one agent's worker of this PC.

    Args:
        folder: Where locks of the whole machine are (``Places.lock_dir``).
        wait_s: So long others who only look, or are just leaving, are waited for.

    Raises:
        AlreadyRunning: another agent's worker runs on this PC.
        StorageError: the folder cannot be used.
    """
    deadline = SYSTEM_CLOCK.monotonic() + wait_s
    while True:
        try:
            lock = lock_machine(folder, MACHINE_LOCK)
        except OSError as exc:
            raise StorageError(explain(exc, "lock", folder / MACHINE_LOCK)) from exc
        if lock is not None:
            return lock
        if SYSTEM_CLOCK.monotonic() >= deadline:
            raise AlreadyRunning(
                f"another agent's worker runs on this PC (it holds {folder / MACHINE_LOCK})"
            )
        time.sleep(_LOOK_S)


def machine_is_claimed(folder: Path) -> bool:
    """Whether another agent's worker runs on this PC; for the agent, before it starts one.

    Raises:
        StorageError: the folder cannot be used.
    """
    try:
        lock = lock_machine(folder, MACHINE_LOCK)
    except OSError as exc:
        raise StorageError(explain(exc, "lock", folder / MACHINE_LOCK)) from exc
    if lock is None:
        return True
    lock.release()
    return False
