"""What there is to look at on macOS: Quartz by ctypes, users by psutil."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import TYPE_CHECKING, Any

import psutil

from jobman_agent.model.reading import UNKNOWN, Unknown
from jobman_agent.sensors import cpu_psutil, hardware, programs
from jobman_agent.sensors.probe import InputSpec, People, Person, Unseen

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobman_agent.clock import Clock
    from jobman_agent.sensors.probe import Probe, Surroundings

assert sys.platform == "darwin"

ADVICE = {
    "macos": "start the agent as a LaunchAgent of the user who is logged in",
    "": "start the agent as a LaunchAgent, or write owner = nobody for a server",
}
"""What to do where a source does not answer, by the first word of its key."""

_SERVICES = "/System/Library/Frameworks/ApplicationServices.framework/ApplicationServices"
_FOUNDATION = "/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation"
_HARDWARE = 1  # kCGEventSourceStateHIDSystemState: what people do, not what programs post
_ANY = 0xFFFFFFFF  # kCGAnyInputEventType
_UTF8 = 0x08000100


def inputs(around: Surroundings, clock: Clock, people: People | None) -> list[InputSpec]:
    """Every source of input there may be now."""
    del around, clock, people
    return [InputSpec("macos", MacIdle)]


def who_is_here(clock: Clock) -> Probe[People]:
    """The probe of sessions."""
    return WhoIsHere(clock)


def presentations(around: Surroundings) -> dict[str, Callable[[], Probe[str | None]]]:
    """None is seen here yet."""
    del around
    return {}


class MacIdle:
    """CGEventSourceSecondsSinceLastEventType, of the hardware: every session's."""

    name = "keyboard and mouse (macOS)"

    def __init__(self) -> None:
        """Load the framework."""
        call = ctypes.CDLL(_SERVICES).CGEventSourceSecondsSinceLastEventType
        call.restype, call.argtypes = ctypes.c_double, [ctypes.c_int32, ctypes.c_uint32]
        self._call = call

    def look(self) -> float:
        """Seconds."""
        seconds = float(self._call(_HARDWARE, _ANY))
        if seconds < 0:
            raise Unseen("the window server does not answer")
        return seconds

    def close(self) -> None:
        """Nothing is held."""


class WhoIsHere:
    """The screen's lock from the window server, people from utmpx."""

    name = "sessions"

    def __init__(self, clock: Clock) -> None:
        """Set it up."""
        self._clock = clock

    def look(self) -> People:
        """Now."""
        remote = tuple(
            Person(user.name, self._idle(user.terminal), user.terminal or "")
            for user in psutil.users()
            if user.host
        )
        return People(_locked(), remote)

    def close(self) -> None:
        """Nothing is held."""

    def _idle(self, terminal: str | None) -> float | Unknown:
        if not terminal:
            return UNKNOWN
        try:
            touched = os.stat(f"/dev/{terminal}").st_atime
        except OSError:
            return UNKNOWN
        return max(0.0, self._clock.now().timestamp() - touched)


def _locked() -> bool | Unknown:
    """CGSSessionScreenIsLocked of the session's dictionary; it is there only while locked."""
    services, foundation = ctypes.CDLL(_SERVICES), ctypes.CDLL(_FOUNDATION)
    _declare(services.CGSessionCopyCurrentDictionary, ctypes.c_void_p)
    _declare(
        foundation.CFStringCreateWithCString,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_uint32,
    )
    _declare(foundation.CFDictionaryGetValue, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    _declare(foundation.CFBooleanGetValue, ctypes.c_ubyte, ctypes.c_void_p)
    _declare(foundation.CFRelease, None, ctypes.c_void_p)
    session = services.CGSessionCopyCurrentDictionary()
    if not session:
        return UNKNOWN
    key = foundation.CFStringCreateWithCString(None, b"CGSSessionScreenIsLocked", _UTF8)
    try:
        value = foundation.CFDictionaryGetValue(session, key)
        return bool(value and foundation.CFBooleanGetValue(value))
    finally:
        foundation.CFRelease(key)
        foundation.CFRelease(session)


# ctypes has no public name for the type of a foreign function.
def _declare(function: Any, result: type[Any] | None, *arguments: type[Any]) -> None:  # noqa: ANN401
    function.restype, function.argtypes = result, list(arguments)


battery = hardware.Battery
total, used = cpu_psutil.total, cpu_psutil.used
everyone = programs.everyone
