"""Job objects by ctypes: a package and all its descendants end together, however we end.

Source: https://learn.microsoft.com/windows/win32/procthread/job-objects. Limits other than
kill-on-close and the priority are not set: memory is looked at by the keeper, as everywhere.

A package's job object has a name, made of the number of the package's first process, so that the
agent can ask for what is in it. What an agent's worker starts is in a job object of the agent's as
well, and a package's is nested in that (Windows 8 and later).
"""

from __future__ import annotations

import ctypes
import errno
import sys
from ctypes import wintypes
from typing import TYPE_CHECKING, ClassVar

from jobman_agent.execution import handles_windows as system

if TYPE_CHECKING:
    import subprocess

assert sys.platform == "win32"

BORN_SUSPENDED = 0x4
"""CREATE_SUSPENDED: nothing that a process starts is to be born outside its job object."""
_KILL_ON_JOB_CLOSE, _PRIORITY_CLASS = 0x2000, 0x20
_IDLE_PRIORITY = 0x40
_RIGHTS = 0x4 | 0x2
"""JOB_OBJECT_QUERY, JOB_OBJECT_SET_ATTRIBUTES."""
_EXISTS = 183
_ACCOUNTING, _PROCESS_IDS, _EXTENDED = 1, 3, 9
_MOST_IDS = 4096
_TICKS = 10_000_000
"""Of 100 ns in a second."""

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.CreateJobObjectW.restype = wintypes.HANDLE
_kernel32.CreateJobObjectW.argtypes = [wintypes.LPVOID, wintypes.LPCWSTR]
_kernel32.OpenJobObjectW.restype = wintypes.HANDLE
_kernel32.OpenJobObjectW.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.LPCWSTR]
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

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @classmethod
    def new(cls, group: int | None = None) -> JobObject:
        """Make one, named after a package's first process if that is given.

        Raises:
            OSError: it cannot be made.
        """
        handle = _kernel32.CreateJobObjectW(None, None if group is None else _name(group))
        error = ctypes.get_last_error()
        if not handle:
            raise ctypes.WinError(error)
        job = cls(handle)
        if group is not None and error == _EXISTS:
            job.close()
            raise OSError(f"there is a job object {_name(group)} already")
        try:
            job._limit(_KILL_ON_JOB_CLOSE)
        except OSError:
            job.close()
            raise
        return job

    @classmethod
    def of(cls, group: int) -> JobObject | None:
        """The one that is named after a package's first process, if there is one."""
        handle = _kernel32.OpenJobObjectW(_RIGHTS, False, _name(group))
        return cls(handle) if handle else None

    def yield_to_all(self) -> None:
        """Give all its processes, those to come too, the lowest priority, for good.

        Raises:
            OSError: that was refused.
        """
        self._limit(_KILL_ON_JOB_CLOSE | _PRIORITY_CLASS, _IDLE_PRIORITY)

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

    def _limit(self, flags: int, priority: int = 0) -> None:
        limits = _Extended()
        limits.Basic.LimitFlags, limits.Basic.PriorityClass = flags, priority
        done = _kernel32.SetInformationJobObject(
            self._handle, _EXTENDED, ctypes.byref(limits), ctypes.sizeof(limits)
        )
        if not done:
            raise ctypes.WinError(ctypes.get_last_error())

    def _accounting(self) -> _Accounting:
        seen = _Accounting()
        self._query(_ACCOUNTING, seen)
        return seen

    def _query(self, kind: int, into: ctypes.Structure) -> None:
        _kernel32.QueryInformationJobObject(
            self._handle, kind, ctypes.byref(into), ctypes.sizeof(into), None
        )


def put_into_a_new_one(process: subprocess.Popen[bytes], *, named: bool = False) -> JobObject:
    """Put a process that was started with `BORN_SUSPENDED` into a job object, and let it begin.

    Raises:
        OSError: it cannot be put there; the process still waits.
    """
    try:
        job = JobObject.new(process.pid if named else None)
    except OSError as error:
        raise _refused(error) from error
    try:
        job.assign(int(process._handle))  # type: ignore[attr-defined]
    except OSError as error:
        job.close()
        raise _refused(error) from error
    with system.Handle.opened(process.pid) as handle:
        if handle is not None:
            handle.resume()
    return job


def _refused(error: OSError) -> OSError:
    text = f"it cannot be put into a job object: {error.strerror or error}"
    return OSError(error.errno or errno.EINVAL, text)


def _name(group: int) -> str:
    """Of this session only, so that two users do not meet."""
    return rf"Local\jobman-{group}"
