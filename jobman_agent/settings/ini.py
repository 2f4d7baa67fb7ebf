"""The grammar of every ini file of jobman: jobman.ini, job.ini, employers.ini.

``key = value`` below a ``[section]``; ``=`` only; no interpolation. A comment is a line that
starts with ``#`` or ``;``, or what follows a space and a ``;``. An indented line continues the
value above it. UTF-8 with or without a byte order mark. Keys and sections without regard to case.

It is what configparser reads with ``interpolation=None, inline_comment_prefixes=(';',),
delimiters=('=',)`` (a property test compares the two), read by lines of our own so that *all*
mistakes are found at once, each with its line: configparser stops at a line before the first
section, and loses lines of doubled sections and keys.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobman_agent.errors import SettingsError, StorageError
from jobman_agent.storage.files import explain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MAX_BYTES = 1 << 20

_INLINE_COMMENT = re.compile(r"(?:^|(?<=\s));.*", re.DOTALL)
_SECTION = re.compile(r"\[(.+)\]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: where, and what would be right."""

    source: str
    """The file, or the variable or option of the command line."""
    what: str
    line: int | None = None
    section: str | None = None
    key: str | None = None

    def __str__(self) -> str:
        where = self.source if self.line is None else f"{self.source}, line {self.line}"
        if self.section is not None:
            where += f", [{self.section}]"
        if self.key is not None:
            where += f" {self.key}"
        return f"{where}: {self.what}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One key and its value."""

    section: str
    key: str
    """In lower case."""
    name: str
    """The key as it was written."""
    value: str
    """Without comments; several lines are joined by a line's end."""
    line: int
    source: str
    continued: int | None = None
    """The line where an indented continuation begins."""

    def mistake(self, what: str, line: int | None = None) -> Mistake:
        """A mistake in this entry."""
        return Mistake(self.source, what, line or self.line or None, self.section, self.name)


@dataclass(slots=True)
class IniFile:
    """All entries of a file in their order, the lines of its sections, and what is wrong."""

    source: str
    entries: list[Entry] = field(default_factory=list)
    sections: dict[str, int] = field(default_factory=dict)
    """Section, in lower case, to its line."""
    mistakes: list[Mistake] = field(default_factory=list)


def settings_error(mistakes: Iterable[Mistake | str]) -> SettingsError:
    """The one error that lists all mistakes, one a line."""
    lines = [str(mistake) for mistake in mistakes]
    return SettingsError("\n".join(lines), lines)


def read_ini(path: Path) -> IniFile:
    """Read a file; what is wrong with its content is in ``mistakes``.

    Raises:
        StorageError: it is not there or cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise StorageError(explain(exc, "read", path)) from exc
    return parse_ini(content, str(path))


def parse_ini(content: bytes, source: str) -> IniFile:
    """Read the bytes of a file; what is wrong with them is in ``mistakes``."""
    ini = IniFile(source)
    if len(content) > MAX_BYTES:
        ini.mistakes.append(Mistake(source, f"larger than {MAX_BYTES} bytes: this is no ini file"))
        return ini
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        ini.mistakes.append(Mistake(source, "not UTF-8: save the file as UTF-8", line))
        return ini
    _Reader(ini).read(io.StringIO(text, newline=None))
    return ini


class _Reader:
    """Goes once through the lines of a file."""

    def __init__(self, ini: IniFile) -> None:
        self._ini = ini
        self._section: str | None = None
        self._indent = 0
        self._key: tuple[str, int] | None = None
        self._lines: list[str] = []
        self._continued: int | None = None
        self._ignored_section = False
        self._seen: dict[tuple[str, str], int] = {}

    def read(self, lines: Iterator[str]) -> None:
        for number, raw in enumerate(lines, 1):
            if _CONTROL.search(raw):
                self._say("holds characters that are no text: remove them", number)
                continue
            self._line(raw, number)
        self._end_value()

    def _line(self, raw: str, number: int) -> None:
        is_comment = raw.lstrip().startswith(("#", ";"))
        text = "" if is_comment else _INLINE_COMMENT.sub("", raw).strip()
        if not text:
            # An empty line inside a value is part of it, a comment is not.
            if self._key is not None and not is_comment and not raw.strip():
                self._lines.append("")
            return
        indent = len(raw) - len(raw.lstrip())
        if self._key is not None and indent > self._indent:
            self._lines.append(text)
            self._continued = self._continued or number
            return
        self._indent = indent
        self._end_value()
        if text.startswith("[") or (text.endswith("]") and "=" not in text):
            self._header(text, number)
        else:
            self._option(text, number)

    def _header(self, text: str, number: int) -> None:
        self._section, self._ignored_section = None, True
        match = _SECTION.fullmatch(text)
        if match is None or not match[1].strip():
            self._say(f"{text[:60]!r} is no section: write [section] alone on the line", number)
            return
        name = match[1].strip().lower()
        first = self._ini.sections.setdefault(name, number)
        if first != number:
            what = f"this section stands already in line {first}: put both together"
            self._ini.mistakes.append(Mistake(self._ini.source, what, number, name))
        self._section, self._ignored_section = name, False

    def _option(self, text: str, number: int) -> None:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not key:
            self._say(f"{text[:60]!r} has no key and =: write key = value", number)
            return
        # What stands in a section that could not be read is told once, by the section's line.
        if self._section is None:
            if not self._ignored_section:
                what = f"{key[:60]!r} stands before the first [section]: write [section] above it"
                self._say(what, number)
                self._ignored_section = True
            return
        self._key = (key, number)
        self._lines = [value]

    def _end_value(self) -> None:
        if self._key is not None and self._section is not None:
            name, number = self._key
            value = "\n".join(self._lines).rstrip()
            entry = Entry(
                self._section,
                name.lower(),
                name,
                value,
                number,
                self._ini.source,
                self._continued,
            )
            self._add(entry)
        self._key, self._lines, self._continued = None, [], None

    def _add(self, entry: Entry) -> None:
        first = self._seen.setdefault((entry.section, entry.key), entry.line)
        if first == entry.line:
            self._ini.entries.append(entry)
        else:
            what = f"stands already in line {first}: remove one of the two"
            self._ini.mistakes.append(entry.mistake(what))

    def _say(self, what: str, number: int) -> None:
        self._ini.mistakes.append(Mistake(self._ini.source, what, number, self._section))
