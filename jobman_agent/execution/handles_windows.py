"""Windows' calls about processes and their threads, as plain as they are.

Source: https://learn.microsoft.com/windows/win32/api/processthreadsapi and
https://ntdoc.m417z.com (NtSuspendProcess, NtGetNextThread, ThreadSuspendCount of Windows 8.1 on).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from ctypes import wintypes
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

assert sys.platform == "win32"

_TERMINATE, _SUSPEND_RESUME, _QUERY, _QUERY_LIMITED = 0x1, 0x800, 0x400, 0x1000
_SYNCHRONIZE = 0x100000
_THREAD_QUERY_LIMITED = 0x800
_SUSPEND_COUNT = 35
_STILL_WAITING = 0x102
_SNAPSHOT_PROCESSES = 0x2
_PATH_MOST = 32768
_ROOT = os.environ.get("SYSTEMROOT", r"C:\Windows")
_CONSOLE = rf"{_ROOT}\System32\conhost.exe".lower()
_INVALID = ctypes.c_void_p(-1).value

_ntdll = ctypes.WinDLL("ntdll")
_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.OpenProcess.restype = wintypes.HANDLE
_kernel32.OpenProcess.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.DWORD]
_kernel32.CloseHandle.argtypes = [wintypes.HANDLE]
_kernel32.WaitForSingleObject.argtypes = [wintypes.HANDLE, wintypes.DWORD]
_kernel32.TerminateProcess.argtypes = [wintypes.HANDLE, wintypes.UINT]
_kernel32.GetProcessTimes.argtypes = [wintypes.HANDLE, *[wintypes.LPVOID] * 4]
_kernel32.QueryFullProcessImageNameW.argtypes = [
    wintypes.HANDLE,
    wintypes.DWORD,
    wintypes.LPWSTR,
    wintypes.LPVOID,
]
_kernel32.CreateToolhelp32Snapshot.restype = wintypes.HANDLE
_kernel32.CreateToolhelp32Snapshot.argtypes = [wintypes.DWORD, wintypes.DWORD]
_kernel32.Process32FirstW.argtypes = [wintypes.HANDLE, wintypes.LPVOID]
_kernel32.Process32NextW.argtypes = [wintypes.HANDLE, wintypes.LPVOID]
_ntdll.NtSuspendProcess.argtypes = [wintypes.HANDLE]
_ntdll.NtResumeProcess.argtypes = [wintypes.HANDLE]
_ntdll.NtGetNextThread.argtypes = [
    wintypes.HANDLE,
    wintypes.HANDLE,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.LPVOID,
]
_ntdll.NtQueryInformationThread.argtypes = [
    wintypes.HANDLE,
    ctypes.c_int,
    wintypes.LPVOID,
    wintypes.DWORD,
    wintypes.LPVOID,
]


class _Entry(ctypes.Structure):
    _fields_: ClassVar = [
        ("dwSize", wintypes.DWORD),
        ("cntUsage", wintypes.DWORD),
        ("th32ProcessID", wintypes.DWORD),
        ("th32DefaultHeapID", ctypes.c_size_t),
        ("th32ModuleID", wintypes.DWORD),
        ("cntThreads", wintypes.DWORD),
        ("th32ParentProcessID", wintypes.DWORD),
        ("pcPriClassBase", wintypes.LONG),
        ("dwFlags", wintypes.DWORD),
        ("szExeFile", wintypes.WCHAR * wintypes.MAX_PATH),
    ]


class Listed(NamedTuple):
    """One line of the system's list of processes."""

    pid: int
    parent: int
    """Who started it; that number may be another process's by now."""
    name: str
    """Its program's file, without the folder."""


class Handle:
    """A process that stays what its number names for as long as this is open."""

    def __init__(self, value: int) -> None:
        self._value = value

    @classmethod
    @contextlib.contextmanager
    def opened(cls, pid: int) -> Iterator[Handle | None]:
        """A process for a moment; None if there is none that we may look at."""
        handle = cls.of(pid)
        try:
            yield handle
        finally:
            if handle is not None:
                handle.close()

    @classmethod
    def of(cls, pid: int) -> Handle | None:
        """A process; None if there is none that we may look at."""
        for rights in (_TERMINATE | _SUSPEND_RESUME | _QUERY, _QUERY_LIMITED):
            value = _kernel32.OpenProcess(rights | _SYNCHRONIZE, False, pid)
            if value:
                return cls(value)
        return None

    def close(self) -> None:
        """Let go of it."""
        _kernel32.CloseHandle(self._value)

    def has_ended(self) -> bool:
        """Whether nothing of it runs any more, for good."""
        return bool(_kernel32.WaitForSingleObject(self._value, 0) != _STILL_WAITING)

    def is_suspended(self) -> bool:
        """Whether it has threads, and none of them runs."""
        found = False
        for thread in self._threads():
            count = wintypes.DWORD()
            if _ntdll.NtQueryInformationThread(
                thread, _SUSPEND_COUNT, ctypes.byref(count), ctypes.sizeof(count), None
            ):
                continue  # it is just ending
            if not count.value:
                return False
            found = True
        return found

    def suspend(self) -> bool:
        """Suspend every thread once more; whether that was allowed."""
        return bool(_ntdll.NtSuspendProcess(self._value) == 0)

    def resume(self) -> None:
        """Undo one `suspend`."""
        _ntdll.NtResumeProcess(self._value)

    def terminate(self) -> None:
        """End it, if we may."""
        _kernel32.TerminateProcess(self._value, 1)

    def born(self) -> int:
        """When it started, in 100 ns since 1601; 0 if it is not told."""
        times = [wintypes.FILETIME() for _ in range(4)]
        if not _kernel32.GetProcessTimes(self._value, *map(ctypes.byref, times)):
            return 0
        return (times[0].dwHighDateTime << 32) | times[0].dwLowDateTime

    def program(self) -> str:
        """The path of its program; empty if it is not told."""
        size = wintypes.DWORD(_PATH_MOST)
        text = ctypes.create_unicode_buffer(_PATH_MOST)
        if not _kernel32.QueryFullProcessImageNameW(self._value, 0, text, ctypes.byref(size)):
            return ""
        return text.value

    def _threads(self) -> Iterator[int]:
        thread: int | None = None
        try:
            while True:
                following = wintypes.HANDLE()
                failed = _ntdll.NtGetNextThread(
                    self._value, thread, _THREAD_QUERY_LIMITED, 0, 0, ctypes.byref(following)
                )
                if thread is not None:
                    _kernel32.CloseHandle(thread)
                thread = None if failed else following.value
                if thread is None:
                    return
                yield thread
        finally:
            if thread is not None:
                _kernel32.CloseHandle(thread)


def hosts_console(pid: int) -> bool:
    """Whether a process is the system's host of a console: no program's, but it goes with one."""
    with Handle.opened(pid) as process:
        return process is not None and process.program().lower() == _CONSOLE


def list_processes() -> list[Listed]:
    """All processes of this PC, by one snapshot."""
    snapshot = _kernel32.CreateToolhelp32Snapshot(_SNAPSHOT_PROCESSES, 0)
    if snapshot in (None, _INVALID):
        raise ctypes.WinError(ctypes.get_last_error())
    found = []
    try:
        entry = _Entry(dwSize=ctypes.sizeof(_Entry))
        more = _kernel32.Process32FirstW(snapshot, ctypes.byref(entry))
        while more:
            found.append(Listed(entry.th32ProcessID, entry.th32ParentProcessID, entry.szExeFile))
            more = _kernel32.Process32NextW(snapshot, ctypes.byref(entry))
    finally:
        _kernel32.CloseHandle(snapshot)
    return found
