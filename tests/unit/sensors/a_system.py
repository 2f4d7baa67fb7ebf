"""A system that a test makes up: what its probes say, and how they fail."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from jobman_agent.model.reading import UNKNOWN
from jobman_agent.sensors.cpu_times import Total
from jobman_agent.sensors.probe import InputSpec, People
from jobman_agent.sensors.sensors import Sensors
from jobman_agent.settings.pc import Idle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobman_agent.clock import Clock


class Says:
    """A probe that says what the test says: a value, an error to raise, or an event to hang on."""

    def __init__(self, value: Any, name: str = "made up") -> None:
        self.name = name
        self.value = value
        self.looks = 0

    def look(self) -> Any:
        self.looks += 1
        value = self.value
        if isinstance(value, threading.Event):
            value.wait()
            return 0.0
        if isinstance(value, BaseException):
            raise value
        return value() if callable(value) else value

    def close(self) -> None:
        pass


@dataclass
class Keyboard:
    """A source of input by a clock."""

    clock: Clock
    touched_at: float = 0.0

    def touch(self) -> None:
        self.touched_at = self.clock.monotonic()

    def idle(self) -> float:
        return self.clock.monotonic() - self.touched_at


@dataclass
class System:
    """As ``sensors.probe.System``."""

    sources: dict[str, Says] = field(default_factory=dict)
    expected: bool = True
    running: Any = ()
    people: Says = field(default_factory=lambda: Says(People(locked=False), "sessions"))
    shown: dict[str, Says] = field(default_factory=dict)
    make_touch: Callable[[], Any] | None = None
    ADVICE: dict[str, str] = field(default_factory=lambda: {"": "start it in a desktop session"})

    def inputs(self, *_: Any) -> list[InputSpec]:
        return [
            InputSpec(key, lambda probe=probe: probe, self.make_touch, self.expected)
            for key, probe in self.sources.items()
        ]

    def who_is_here(self, _clock: Any) -> Any:
        return self.people

    def presentations(self, _around: Any) -> dict[str, Any]:
        return {key: lambda probe=probe: probe for key, probe in self.shown.items()}

    def battery(self) -> Any:
        return Says(False, "on battery")

    def total(self) -> Total:
        return Total(0.0, 0.0)

    def used(self, _pid: int) -> None:
        return None

    def everyone(self) -> Any:
        return self.running


def an_idle(**changes: Any) -> Idle:
    """``[idle]`` of a PC whose owner is watched."""
    example = Idle(
        owner_watched=True,
        user_away=timedelta(minutes=10),
        locked_away=timedelta(minutes=1),
        cpu_below=25.0,
        cpu_above=40.0,
        lasting=timedelta(minutes=2),
        on_battery=False,
        not_while_running=(),
    )
    return replace(example, **changes)


def the_sensors(system: Any, clock: Clock, home: Path, **idle: Any) -> Sensors:
    settings: Any = SimpleNamespace(idle=an_idle(**idle))
    return Sensors(settings, list, clock, home=home, environ={}, system=system)


__all__ = ["UNKNOWN", "Keyboard", "Says", "System", "an_idle", "the_sensors"]
