"""Log-off, shutdown and sleep (Windows), heard by a window that nobody sees, and held up.

A program without a console gets no signal when its session ends: Windows asks its top-level windows
(WM_QUERYENDSESSION), then tells them (WM_ENDSESSION), and ends the program when they have answered.
So a window of our own answers the second message only when all is handed back. Windows asks this
process before others, its worker too; the reason is what people see who wait for it. Before sleep
it tells (WM_POWERBROADCAST), and waits for 2 s at most.

Source: "Shutting Down", "Shutdown Changes for Windows Vista" and "PBT_APMSUSPEND event",
learn.microsoft.com.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from ctypes import wintypes
from typing import TYPE_CHECKING

from jobman_agent.log import get_logger
from jobman_agent.sensors import departures
from jobman_agent.sensors.departures import Going

if TYPE_CHECKING:
    from collections.abc import Callable

assert sys.platform == "win32"

SHUTDOWN_WAIT_S = 20.0
"""So long the session's end is held up at most; by then a worker has given up, too."""
SLEEP_WAIT_S = 1.5
_REASON = "jobman hands back what this PC works on for others"
_CLASS = "jobman departures"
_WM_DESTROY, _WM_CLOSE = 0x0002, 0x0010
_WM_QUERYENDSESSION, _WM_ENDSESSION, _WM_POWERBROADCAST = 0x0011, 0x0016, 0x0218
_PBT_APMSUSPEND, _PBT_APMRESUMEAUTOMATIC = 0x0004, 0x0012
_FIRST = 0x3FF
"""Of the levels that programs may have, the one that is asked first."""
_START_S = 5.0
_log = get_logger(__name__)

_Procedure = ctypes.WINFUNCTYPE(
    ctypes.c_ssize_t, wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM
)


class _WindowClass(ctypes.Structure):
    """WNDCLASSW."""

    _fields_ = (
        ("style", wintypes.UINT),
        ("procedure", _Procedure),
        ("class_extra", ctypes.c_int),
        ("window_extra", ctypes.c_int),
        ("instance", wintypes.HINSTANCE),
        ("icon", wintypes.HANDLE),
        ("cursor", wintypes.HANDLE),
        ("background", wintypes.HANDLE),
        ("menu", wintypes.LPCWSTR),
        ("name", wintypes.LPCWSTR),
    )


_user = ctypes.WinDLL("user32", use_last_error=True)
_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.GetModuleHandleW.restype = wintypes.HINSTANCE
_kernel.GetModuleHandleW.argtypes = (wintypes.LPCWSTR,)
_user.CreateWindowExW.restype = wintypes.HWND
_user.CreateWindowExW.argtypes = (
    *(wintypes.DWORD, wintypes.LPCWSTR, wintypes.LPCWSTR, wintypes.DWORD),
    *(ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int),
    *(wintypes.HWND, wintypes.HMENU, wintypes.HINSTANCE, wintypes.LPVOID),
)
_user.DefWindowProcW.restype = ctypes.c_ssize_t
_user.DefWindowProcW.argtypes = (*(wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM),)
_user.PostMessageW.argtypes = _user.DefWindowProcW.argtypes
_user.DestroyWindow.argtypes = (wintypes.HWND,)
_user.ShutdownBlockReasonCreate.argtypes = (wintypes.HWND, wintypes.LPCWSTR)


class Departures(departures.Departures):
    """A thread with a window."""

    def __init__(self, told: Callable[[Going], None]) -> None:
        """Take whom to tell, from any thread."""
        super().__init__(told)
        self._ready = threading.Event()
        """What was to be done first is done."""
        self._up = threading.Event()
        self._closed = False
        self._window: int | None = None
        self._procedure = _Procedure(self._message)
        self._thread = threading.Thread(target=self._serve, name="departures", daemon=True)

    def start(self) -> None:
        """Watch from now on; where no window is to be had, go on without."""
        self._thread.start()
        self._up.wait(_START_S)

    def let_go(self) -> None:
        """What was to be done first is done: the PC may go."""
        self._ready.set()

    def close(self) -> None:
        """Watch no more; the PC may go."""
        self._closed = True
        self._ready.set()
        if self._window is not None:
            _user.PostMessageW(self._window, _WM_CLOSE, 0, 0)
        self._thread.join(_START_S)

    # ---- the thread
    def _serve(self) -> None:
        try:
            self._window = self._open()
        except OSError as exc:
            _log.warning("shutdown and sleep are not told beforehand: %s", exc)
            return
        finally:
            self._up.set()
        message = wintypes.MSG()
        while _user.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
            _user.DispatchMessageW(ctypes.byref(message))

    def _open(self) -> int:
        _kernel.SetProcessShutdownParameters(_FIRST, 0)
        instance = _kernel.GetModuleHandleW(None)
        kind = _WindowClass(procedure=self._procedure, instance=instance, name=_CLASS)
        if not _user.RegisterClassW(ctypes.byref(kind)):
            raise ctypes.WinError(ctypes.get_last_error())
        # No message-only window: those are not told.
        window = _user.CreateWindowExW(0, _CLASS, _CLASS, 0, 0, 0, 0, 0, None, None, instance, None)
        if not window:
            raise ctypes.WinError(ctypes.get_last_error())
        return int(window)

    def _message(self, window: int, message: int, word: int, long: int) -> int:
        if message == _WM_QUERYENDSESSION:
            return 1
        if message == _WM_ENDSESSION:
            if word:
                _user.ShutdownBlockReasonCreate(window, _REASON)
                self._hold_up(Going.SHUTDOWN, SHUTDOWN_WAIT_S)
            return 0
        if message == _WM_POWERBROADCAST and word == _PBT_APMSUSPEND:
            self._hold_up(Going.SLEEP, SLEEP_WAIT_S)
            return 1
        if message == _WM_POWERBROADCAST and word == _PBT_APMRESUMEAUTOMATIC:
            self._told(Going.AWAKE)
            return 1
        if message == _WM_DESTROY:
            _user.PostQuitMessage(0)
            return 0
        return int(_user.DefWindowProcW(window, message, word, long))

    def _hold_up(self, going: Going, seconds: float) -> None:
        _log.info("%s", going.value)
        self._ready.clear()
        if self._closed:
            return
        self._told(going)
        if not self._ready.wait(seconds):
            _log.warning("%s before all was done", going.value)
