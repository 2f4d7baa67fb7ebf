"""How the sections are shown: a word in colour where a person looks, plain lines elsewhere."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Protocol

from jobman_agent.cli.doctor.line import Level, count
from jobman_agent.cli.output import count_text, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobman_agent.cli.doctor.line import Line, Section

_STYLES = {Level.OK: "green", Level.NOTE: "yellow", Level.WRONG: "bold red"}
_WORD = 7
"""Columns of the level's word."""
_NARROWEST = 40


class Paper(Protocol):
    """Where lines go to."""

    def heading(self, name: str) -> None:
        """A section begins."""
        ...

    def line(self, word: str, style: str, text: str) -> None:
        """One line; the word stands before it."""
        ...


class Plain:
    """One line each, however long: for pipes, files and grep."""

    def heading(self, name: str) -> None:
        """A section begins."""
        print(name, flush=True)

    def line(self, word: str, style: str, text: str) -> None:
        """One line."""
        del style
        print(f"  {word:{_WORD}}{text}", flush=True)


class Coloured:
    """Wrapped to the terminal's width; what is to be typed is left whole."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False)
        self._width = max(_NARROWEST, shutil.get_terminal_size().columns)

    def heading(self, name: str) -> None:
        """A section begins."""
        self._print((name, "bold"))

    def line(self, word: str, style: str, text: str) -> None:
        """One line."""
        room = self._width - _WORD - 2
        parts = (
            [text]
            if word == _DO
            else textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
        )
        for number, part in enumerate(parts or [""]):
            first = f"  {word:{_WORD}}" if number == 0 else " " * (_WORD + 2)
            self._print((first, style), (part, style if word == _DO else ""))

    def _print(self, *parts: tuple[str, str]) -> None:
        from rich.text import Text

        self._console.print(Text.assemble(*parts), soft_wrap=True)
        sys.stdout.flush()


_DO = "  ->"


def paper() -> Paper:
    """What fits this process's stdout."""
    return Coloured() if sys.stdout.isatty() else Plain()


def show(line: Line, on: Paper) -> None:
    """A line, and what would be right."""
    on.line(line.level.value, _STYLES[line.level], one_line(line.text))
    for way in line.do:
        on.line(_DO, "cyan", one_line(way))


def closing_line(sections: Sequence[Section]) -> str:
    """All of it in one sentence."""
    wrong, notes = count(sections, Level.WRONG), count(sections, Level.NOTE)
    verb = "is" if wrong == 1 else "are"
    text = f"{count_text(wrong, 'thing')} {verb} wrong" if wrong else "nothing is wrong"
    return f"{text}; {count_text(notes, 'note')}" if notes else text


def as_json(sections: Sequence[Section], exit_code: int) -> dict[str, object]:
    """The same for programs."""
    return {
        "exit_code": exit_code,
        "wrong": count(sections, Level.WRONG),
        "notes": count(sections, Level.NOTE),
        "sections": [
            {
                "name": section.name,
                "seconds": round(section.seconds, 3),
                "lines": [
                    {
                        "level": line.level.value,
                        "what": line.what,
                        "text": line.text,
                        "do": list(line.do),
                        "data": dict(line.data),
                    }
                    for line in section.lines
                ],
            }
            for section in sections
        ],
    }
