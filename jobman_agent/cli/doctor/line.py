"""One line of what ``jobman doctor`` says, and a section of lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from jobman_agent.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Level(Enum):
    """How it stands."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; perhaps meant so."""
    WRONG = "wrong"
    """Something does not work."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at."""

    level: Level
    what: str
    """One word, for scripts."""
    text: str
    """For people."""
    do: tuple[str, ...] = ()
    """What would be right: a command or a line of an ini, each way on its own."""
    data: Mapping[str, object] = field(default_factory=dict)
    """The same for programs."""
    code: ExitCode = ExitCode.BAD_INPUT
    """How the command ends if this is wrong."""


@dataclass(frozen=True, slots=True)
class Section:
    """What one look has found."""

    name: str
    lines: Sequence[Line]
    seconds: float
    """How long it took."""


def ok(what: str, text: str, **data: object) -> Line:
    """All is well."""
    return Line(Level.OK, what, text, (), data)


def note(what: str, text: str, *do: str, **data: object) -> Line:
    """Worth knowing."""
    return Line(Level.NOTE, what, text, do, data)


def wrong(
    what: str,
    text: str,
    *do: str,
    code: ExitCode = ExitCode.BAD_INPUT,
    data: Mapping[str, object] | None = None,
) -> Line:
    """Something does not work."""
    return Line(Level.WRONG, what, text, do, data or {}, code)


def count(sections: Iterable[Section], level: Level) -> int:
    """How many lines stand so."""
    return sum(line.level is level for section in sections for line in section.lines)


def exit_code(sections: Iterable[Section]) -> ExitCode:
    """0 if nothing is wrong, else the lowest code of what is: settings come before the pool."""
    codes = [
        line.code for section in sections for line in section.lines if line.level is Level.WRONG
    ]
    return min(codes, default=ExitCode.DONE)
