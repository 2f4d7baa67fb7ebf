"""Who is logged in, and is the screen locked (Windows: Remote Desktop Services, wtsapi32)."""

from __future__ import annotations

import ctypes
import sys
from ctypes import POINTER, byref, wintypes

from jobman_agent.model.reading import UNKNOWN, Unknown
from jobman_agent.sensors.probe import People, Person, Stranger, Unseen

assert sys.platform == "win32"

_ACTIVE = 0  # WTSActive
_INFO_EX, _PROTOCOL = 25, 16  # WTSSessionInfoEx, WTSClientProtocolType
_LOCKED, _UNLOCKED = 0, 1  # WTS_SESSIONSTATE_*, from Windows 8 on
_RDP = 2
_TICKS = 10_000_000  # FILETIME counts 100 ns


class _Session(ctypes.Structure):
    _fields_ = (
        ("id", wintypes.DWORD),
        ("station", wintypes.LPWSTR),
        ("state", ctypes.c_int),
    )


class _Info(ctypes.Structure):
    """WTSINFOEX of level 1."""

    _fields_ = (
        ("level", wintypes.DWORD),
        ("pad", wintypes.DWORD),
        ("id", wintypes.ULONG),
        ("state", ctypes.c_int),
        ("flags", wintypes.LONG),
        ("station", wintypes.WCHAR * 33),
        ("user", wintypes.WCHAR * 21),
        ("domain", wintypes.WCHAR * 18),
        ("logon", ctypes.c_int64),
        ("connected", ctypes.c_int64),
        ("disconnected", ctypes.c_int64),
        ("last_input", ctypes.c_int64),
        ("current", ctypes.c_int64),
    )


class WhoIsHere:
    """Sessions of this PC."""

    name = "sessions"

    def look(self) -> People:
        """Now.

        Raises:
            Unseen: the system refuses.
        """
        wts = ctypes.WinDLL("wtsapi32", use_last_error=True)
        rows, count = POINTER(_Session)(), wintypes.DWORD()
        if not wts.WTSEnumerateSessionsW(None, 0, 1, byref(rows), byref(count)):
            raise Unseen(f"WTSEnumerateSessions: {ctypes.FormatError(ctypes.get_last_error())}")
        try:
            seen = [(rows[i].id, rows[i].state) for i in range(count.value)]
        finally:
            wts.WTSFreeMemory(rows)
        own = wintypes.DWORD()
        ctypes.windll.kernel32.ProcessIdToSessionId(
            ctypes.windll.kernel32.GetCurrentProcessId(), byref(own)
        )
        locked: bool | Unknown = UNKNOWN
        remote, strangers = [], []
        for number, state in seen:
            if state != _ACTIVE:
                continue  # disconnected, or the session of the services
            info = _query(wts, number)
            from_afar = _protocol(wts, number) == _RDP
            if number == own.value:
                if info is not None and info.flags in (_LOCKED, _UNLOCKED):
                    locked = info.flags == _LOCKED
                # Whoever sits in our own session is seen by key and mouse, from near or afar.
                continue
            name = info.user if info is not None and info.user else f"session {number}"
            idle = _idle(info)
            if from_afar:
                remote.append(Person(name, idle))
            else:
                strangers.append(Stranger(name, idle))
        return People(locked, tuple(remote), tuple(strangers))

    def close(self) -> None:
        """Nothing is held."""


def _query(wts: ctypes.WinDLL, number: int) -> _Info | None:
    data, size = ctypes.c_void_p(), wintypes.DWORD()
    if not wts.WTSQuerySessionInformationW(None, number, _INFO_EX, byref(data), byref(size)):
        return None
    try:
        if data.value is None or size.value < ctypes.sizeof(_Info):
            return None
        info = _Info.from_buffer_copy(ctypes.string_at(data.value, ctypes.sizeof(_Info)))
        return info if info.level == 1 else None
    finally:
        wts.WTSFreeMemory(data)


def _protocol(wts: ctypes.WinDLL, number: int) -> int:
    data, size = ctypes.c_void_p(), wintypes.DWORD()
    if not wts.WTSQuerySessionInformationW(None, number, _PROTOCOL, byref(data), byref(size)):
        return 0
    try:
        return 0 if data.value is None else ctypes.c_uint16.from_address(data.value).value
    finally:
        wts.WTSFreeMemory(data)


def _idle(info: _Info | None) -> float | Unknown:
    """Since the last input there; the system does not tell it of every session."""
    if info is None or info.last_input <= 0 or info.current < info.last_input:
        return UNKNOWN
    return float(info.current - info.last_input) / _TICKS
