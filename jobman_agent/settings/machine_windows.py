"""Windows: where the machine's file is, and whether an administrator made it."""

from __future__ import annotations

import ctypes
import sys
from ctypes import wintypes
from typing import TYPE_CHECKING

from platformdirs import site_data_path

if TYPE_CHECKING:
    from pathlib import Path

assert sys.platform == "win32"

# By SHGetFolderPath and not by the variable ProgramData, which any user can change.
_FOLDER = site_data_path("Jobman", appauthor=False)
MACHINE_FILE = _FOLDER / "jobman.ini"
LOCK_DIR = _FOLDER / "lock"

# https://learn.microsoft.com/windows/win32/secauthz/well-known-sids
_ADMINISTRATORS = "S-1-5-32-544"
_SYSTEM = "S-1-5-18"
_TRUSTED_INSTALLER = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
_SE_FILE_OBJECT = 1
_OWNER_SECURITY_INFORMATION = 1


def machine_file_fault(path: Path) -> str | None:
    """Why the machine's file must be ignored, or None: an administrator or SYSTEM must own it.

    Any user may create a folder in ProgramData, and owns what is made there.

    Raises:
        OSError: it cannot be looked at.
    """
    for place in (path, path.parent):
        owner = _owner(place)
        if owner not in (_ADMINISTRATORS, _SYSTEM, _TRUSTED_INSTALLER):
            return f"{place} belongs to {owner}, not to Administrators or SYSTEM"
    return None


def _owner(path: Path) -> str:
    """The owner's SID (GetNamedSecurityInfoW, ConvertSidToStringSidW)."""
    advapi = ctypes.WinDLL("advapi32", use_last_error=True)
    kernel = ctypes.WinDLL("kernel32")
    kernel.LocalFree.argtypes = [ctypes.c_void_p]
    advapi.ConvertSidToStringSidW.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    owner, descriptor, text = ctypes.c_void_p(), ctypes.c_void_p(), wintypes.LPWSTR()
    error = advapi.GetNamedSecurityInfoW(
        ctypes.c_wchar_p(str(path)),
        _SE_FILE_OBJECT,
        _OWNER_SECURITY_INFORMATION,
        ctypes.byref(owner),
        None,
        None,
        None,
        ctypes.byref(descriptor),
    )
    if error:
        raise ctypes.WinError(error)
    try:
        if not advapi.ConvertSidToStringSidW(owner, ctypes.byref(text)):
            raise ctypes.WinError(ctypes.get_last_error())
        try:
            return text.value or ""
        finally:
            kernel.LocalFree(ctypes.cast(text, ctypes.c_void_p))
    finally:
        kernel.LocalFree(descriptor)
