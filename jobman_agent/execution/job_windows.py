"""Job objects by ctypes: a package and all its descendants end together, however we end.

Source: https://learn.microsoft.com/windows/win32/procthread/job-objects. Limits other than
kill-on-close are not set: memory is looked at by the keeper, as everywhere.
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import wintypes
from typing import ClassVar

assert sys.platform == "win32"

_KILL_ON_JOB_CLOSE = 0x2000
_ACCOUNTING, _PROCESS_IDS, _EXTENDED = 1, 3, 9
_MOST_IDS = 4096
_TICKS = 10_000_000
"""Of 100 ns in a second."""

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.CreateJobObjectW.restype = wintypes.HANDLE
_kernel32.CreateJobObjectW.argtypes = [wintypes.LPVOID, wintypes.LPCWSTR]
_kernel32.SetInformationJobObject.argtypes = [
    wintypes.HANDLE,
    ctypes.c_int,
    wintypes.LPVOID,
    wintypes.DWORD,
]
_kernel32.QueryInformationJobObject.argtypes = [
    wintypes.HANDLE,
    ctypes.c_int,
    wintypes.LPVOID,
    wintypes.DWORD,
    wintypes.LPVOID,
]
_kernel32.AssignProcessToJobObject.argtypes = [wintypes.HANDLE, wintypes.HANDLE]
_kernel32.TerminateJobObject.argtypes = [wintypes.HANDLE, wintypes.UINT]
_kernel32.CloseHandle.argtypes = [wintypes.HANDLE]


class _Basic(ctypes.Structure):
    _fields_: ClassVar = [
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", wintypes.DWORD),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", wintypes.DWORD),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", wintypes.DWORD),
        ("SchedulingClass", wintypes.DWORD),
    ]


class _Extended(ctypes.Structure):
    _fields_: ClassVar = [
        ("Basic", _Basic),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    ]


class _Accounting(ctypes.Structure):
    _fields_: ClassVar = [
        ("TotalUserTime", ctypes.c_int64),
        ("TotalKernelTime", ctypes.c_int64),
        ("ThisPeriodTotalUserTime", ctypes.c_int64),
        ("ThisPeriodTotalKernelTime", ctypes.c_int64),
        ("TotalPageFaultCount", wintypes.DWORD),
        ("TotalProcesses", wintypes.DWORD),
        ("ActiveProcesses", wintypes.DWORD),
        ("TotalTerminatedProcesses", wintypes.DWORD),
    ]


class _ProcessIds(ctypes.Structure):
    _fields_: ClassVar = [
        ("NumberOfAssignedProcesses", wintypes.DWORD),
        ("NumberOfProcessIdsInList", wintypes.DWORD),
        ("ProcessIdList", ctypes.c_size_t * _MOST_IDS),
    ]


class JobObject:
    """One job object; when the last handle closes, everything in it ends."""

    def __init__(self) -> None:
        self._handle = _kernel32.CreateJobObjectW(None, None)
        if not self._handle:
            raise ctypes.WinError(ctypes.get_last_error())
        limits = _Extended()
        limits.Basic.LimitFlags = _KILL_ON_JOB_CLOSE
        done = _kernel32.SetInformationJobObject(
            self._handle, _EXTENDED, ctypes.byref(limits), ctypes.sizeof(limits)
        )
        if not done:
            error = ctypes.get_last_error()
            self.close()
            raise ctypes.WinError(error)

    def assign(self, process: int) -> None:
        """Put a process, by its handle, into the job.

        Raises:
            OSError: it cannot be put there.
        """
        if not _kernel32.AssignProcessToJobObject(self._handle, process):
            raise ctypes.WinError(ctypes.get_last_error())

    def terminate(self) -> None:
        """End everything in it."""
        _kernel32.TerminateJobObject(self._handle, 1)

    def active(self) -> int:
        """How many processes in it have not ended."""
        return int(self._accounting().ActiveProcesses)

    def cpu_seconds(self) -> float:
        """What all its processes have used, ended ones too."""
        seen = self._accounting()
        return float(seen.TotalUserTime + seen.TotalKernelTime) / _TICKS

    def peak_memory(self) -> int:
        """Bytes that all its processes had committed at most, together."""
        limits = _Extended()
        self._query(_EXTENDED, limits)
        return int(limits.PeakJobMemoryUsed)

    def pids(self) -> list[int]:
        """The processes in it."""
        ids = _ProcessIds()
        self._query(_PROCESS_IDS, ids)
        return list(ids.ProcessIdList[: min(ids.NumberOfProcessIdsInList, _MOST_IDS)])

    def close(self) -> None:
        """Let go of it."""
        _kernel32.CloseHandle(self._handle)

    def _accounting(self) -> _Accounting:
        seen = _Accounting()
        self._query(_ACCOUNTING, seen)
        return seen

    def _query(self, kind: int, into: ctypes.Structure) -> None:
        _kernel32.QueryInformationJobObject(
            self._handle, kind, ctypes.byref(into), ctypes.sizeof(into), None
        )
