"""Linux and macOS: a lock that all users of the machine share.

Not filelock: in a sticky folder (/run/lock) Linux refuses to open another user's file for creation
(``fs.protected_regular``), and flock needs no permission to write.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

assert sys.platform != "win32"

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class MachineLock:
    """The lock, held; free again when it is released or the process has ended."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let go of it; a second time does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def lock_machine(folder: Path, name: str) -> MachineLock | None:
    """Take a lock of the machine's, or None: somebody has it.

    Raises:
        OSError: the folder or the file in it cannot be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    try:
        descriptor = os.open(path, _FLAGS | os.O_CREAT, 0o644)
    except PermissionError:  # another user made it
        descriptor = os.open(path, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is not a plain file: move it away")
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return MachineLock(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
