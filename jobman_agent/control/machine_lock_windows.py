"""Windows: a lock that all users of the machine share.

A file that nobody else may open while we have it, and that is gone when we have not: what one user
makes in ProgramData another one may not write, so a file that stays could not be locked by both.
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import wintypes
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

assert sys.platform == "win32"

# https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-createfilew
_GENERIC_WRITE = 0x40000000
_OPEN_ALWAYS = 4
_DELETE_ON_CLOSE = 0x04000000
_INVALID = ctypes.c_void_p(-1).value
# Held by another user: the file is not ours to open. Just being let go of: to be deleted.
_HELD = {5: "ERROR_ACCESS_DENIED", 32: "ERROR_SHARING_VIOLATION", 303: "ERROR_DELETE_PENDING"}

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.CreateFileW.restype = wintypes.HANDLE
_kernel32.CreateFileW.argtypes = [
    wintypes.LPCWSTR,
    wintypes.DWORD,
    wintypes.DWORD,
    ctypes.c_void_p,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.HANDLE,
]
_kernel32.CloseHandle.argtypes = [wintypes.HANDLE]


class MachineLock:
    """The lock, held; free again when it is released or the process has ended."""

    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle

    def release(self) -> None:
        """Let go of it; a second time does nothing."""
        if self._handle is not None:
            _kernel32.CloseHandle(self._handle)
            self._handle = None


def lock_machine(folder: Path, name: str) -> MachineLock | None:
    """Take a lock of the machine's, or None: somebody has it.

    Raises:
        OSError: the folder or the file in it cannot be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = _kernel32.CreateFileW(
        str(folder / name), _GENERIC_WRITE, 0, None, _OPEN_ALWAYS, _DELETE_ON_CLOSE, None
    )
    if handle not in (None, _INVALID):
        return MachineLock(handle)
    error = ctypes.get_last_error()
    if error in _HELD and (folder / name).exists():
        return None
    raise ctypes.WinError(error)
