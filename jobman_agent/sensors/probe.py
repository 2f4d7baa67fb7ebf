"""What a probe is: one source of the PC, looked at in a thread of its own.

A probe may block, raise and go away: ``Station`` makes a value of that. Two errors say more than
a failure: ``Unseen`` (it should say, and does not) and ``Absent`` (this PC has no such thing).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from jobman_agent.model.reading import UNKNOWN, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from jobman_agent.clock import Clock
    from jobman_agent.sensors.cpu_times import Total, Used

T_co = TypeVar("T_co", covariant=True)


class Unseen(Exception):
    """The source does not say; the text says why, and what would help."""


class NotYet(Unseen):
    """The source needs some more time for its first answer."""


class Absent(Exception):
    """There is no such source on this PC; the text says why."""


class Probe(Protocol[T_co]):
    """Looks at one source. All of it is called from one thread."""

    name: str
    """What people know it by."""

    def look(self) -> T_co:
        """The value now.

        Raises:
            Unseen: it cannot be seen now.
            Absent: this PC has no such thing.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Touch(Protocol):
    """Tells at once when key or mouse are used, where the platform has an event for it."""

    broken: str
    """Why it cannot tell: then the source is looked at often instead. Empty: it can."""

    def arm(self, touched: Callable[[], None]) -> None:
        """Call ``touched`` once, from any thread, at the next key or mouse, or when that ends."""
        ...

    def nudge(self) -> float | Unknown | None:
        """As ``InputSource.nudge_pixels``, since the call before."""
        ...

    def close(self) -> None:
        """End."""
        ...


@dataclass(frozen=True, slots=True)
class InputSpec:
    """A source of input that was found, and how to look at it."""

    key: str
    """Names it for good on this PC: ``x11 :0``."""
    make: Callable[[], Probe[float]]
    """Its probe says the seconds since the last key or mouse."""
    make_touch: Callable[[], Touch] | None = None
    expected: bool = True
    """Whether it stays a source, unknown, when it goes away. Others are then forgotten."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody else at this PC's own screen, whose key and mouse this user cannot see."""

    name: str
    idle_seconds: float | Unknown = UNKNOWN


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is logged in from elsewhere."""

    name: str
    idle_seconds: float | Unknown
    terminal: str = ""


@dataclass(frozen=True, slots=True)
class People:
    """Who is logged in."""

    locked: bool | Unknown
    remote: tuple[Person, ...] = ()
    strangers: tuple[Stranger, ...] = ()
    consoles: tuple[str, ...] = ()
    """Text consoles with somebody logged in: ``tty2``."""


class System(Protocol):
    """What there is to look at on an operating system: the room's ``system_*`` modules."""

    ADVICE: dict[str, str]
    """What to do where a source does not answer, by the first word of its key, and in general."""

    def inputs(
        self, around: Surroundings, clock: Clock, people: People | None
    ) -> Sequence[InputSpec]:
        """Every source of input there may be now; cheap, asked with every reading."""
        ...

    def who_is_here(self, clock: Clock) -> Probe[People]:
        """The probe of sessions."""
        ...

    def presentations(self, around: Surroundings) -> Mapping[str, Callable[[], Probe[str | None]]]:
        """The probes of what is shown, by a key."""
        ...

    def battery(self) -> Probe[bool]:
        """The probe of whether the PC runs on battery."""
        ...

    def total(self) -> Total:
        """The processor's times."""
        ...

    def used(self, pid: int) -> Used | None:
        """A process's times; None if it has ended."""
        ...

    def everyone(self) -> Iterable[tuple[int, str]]:
        """Every process: pid and name."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the probes of an operating system are given."""

    environ: Mapping[str, str]
    home: Path
    """JOBMAN_HOME."""
    own_pids: Callable[[], Collection[int]]
    """Every process of the agent and its packages, those that were re-parented too. Called at
    most every 10 s, never in the event loop."""
