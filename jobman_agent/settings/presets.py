"""Values put into the shipped jobman.ini before it becomes a user's own: what a roll-out presets.

Pure text: comments, order and everything that is not preset stay as they are shipped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobman_agent.errors import InputError
from jobman_agent.settings.ini import parse_ini, settings_error

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEADER = re.compile(r"\[([^\]]+)\]\s*$")


@dataclass(frozen=True, slots=True)
class Preset:
    """One value, and who named it."""

    section: str
    key: str
    """As it is to be written: days keep their commas, names their case."""
    value: str
    option: str
    """The option of the command line it came from."""

    def __post_init__(self) -> None:
        """Refuse what would become more than one line, or a comment."""
        for text in (self.key, self.value):
            if "\n" in text or "\r" in text or " ;" in text:
                raise InputError(f"{self.option}: {text!r} cannot stand in one line of an ini file")


def parse_assignment(text: str, option: str) -> Preset:
    """``SECTION.KEY=VALUE``.

    Raises:
        InputError: it has another form.
    """
    name, equals, value = text.partition("=")
    section, dot, key = name.strip().partition(".")
    if not (equals and dot and section and key and value.strip()):
        raise InputError(f"{option} {text!r}: write SECTION.KEY=VALUE, as idle.user_away=5 min")
    return Preset(section.lower(), key.strip(), value.strip(), option)


def parse_hours(text: str, option: str) -> list[Preset]:
    """``DAYS=WINDOWS; DAYS=WINDOWS``: lines of ``[hours]``, in one line.

    Raises:
        InputError: it has another form. (What the windows say is the schema's to judge.)
    """
    found = []
    for part in filter(None, (one.strip() for one in text.split(";"))):
        key, equals, value = part.partition("=")
        if not (equals and key.strip() and value.strip()):
            raise InputError(
                f"{option} {part!r}: write DAYS=WINDOWS; DAYS=WINDOWS, as "
                '"monday-friday=18:00-07:00; saturday, sunday=all day"'
            )
        found.append(Preset("hours", key.strip(), value.strip(), option))
    if not found:
        raise InputError(
            f"{option} names no hours: write DAYS=WINDOWS, as monday-friday=18:00-07:00"
        )
    return found


def parse_employers(content: bytes, source: str, option: str) -> list[Preset]:
    """The lines that ``jobman keys export`` prints, with or without ``[employers]`` above them.

    Raises:
        SettingsError: it is no such file; all mistakes, each with its line.
        InputError: it names nobody, or has another section.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    bare = not re.search(rb"^\s*\[", content, re.MULTILINE)
    # In the same line, so that the numbers of lines in mistakes stay right.
    ini = parse_ini((b"[employers]\n" if bare else b"") + content, source)
    if ini.mistakes:
        raise settings_error(ini.mistakes)
    others = [section for section in ini.sections if section != "employers"]
    if others:
        raise InputError(f"{source}: [{others[0]}]: here only [employers] has a meaning")
    if not ini.entries:
        raise InputError(f"{source} names nobody: put a line of jobman keys export there")
    return [Preset(one.section, one.name, one.value, option) for one in ini.entries]


def fill(example: str, presets: Iterable[Preset]) -> str:
    """The example with these values.

    A key that is there, in force or behind a ``;``, gets its value in its place; another one goes
    to the end of its section. Whoever names a day names them all, as in a file.
    """
    wanted = list(presets)
    lines = example.splitlines()
    if any(one.section == "hours" and _is_days(one.key) for one in wanted):
        lines = _without_days(lines)
    for one in wanted:
        lines = _put(lines, one)
    return "\n".join(lines) + "\n"


def _put(lines: list[str], one: Preset) -> list[str]:
    line = f"{one.key} = {one.value}"
    start, end = _span(lines, one.section)
    if start is None:
        return [*lines, "", f"[{one.section}]", line]
    there = re.compile(rf";?{re.escape(one.key)}\s*=", re.IGNORECASE)
    for number in range(start + 1, end):
        if there.match(lines[number]):
            return [*lines[:number], line, *lines[number + 1 :]]
    while end > start + 1 and not lines[end - 1].strip():
        end -= 1
    return [*lines[:end], line, *lines[end:]]


def _span(lines: list[str], section: str) -> tuple[int | None, int]:
    """The section's header and the line behind its last one."""
    start = None
    for number, line in enumerate(lines):
        header = _HEADER.match(line)
        if start is not None and (header or _HEADER.match(line.removeprefix(";"))):
            return start, _before_comment(lines, number)
        if header and header.group(1).lower() == section:
            start = number
    return start, len(lines)


def _before_comment(lines: list[str], number: int) -> int:
    """Where the comment above a header begins: it belongs to the header."""
    while number and lines[number - 1].startswith("#"):
        number -= 1
    return number


def _without_days(lines: list[str]) -> list[str]:
    start, end = _span(lines, "hours")
    if start is None:
        return lines
    kept = [line for line in lines[start + 1 : end] if not _is_days(line.partition("=")[0].strip())]
    return [*lines[: start + 1], *kept, *lines[end:]]


def _is_days(key: str) -> bool:
    return bool(re.match(r"(mon|tues|wednes|thurs|fri|satur|sun)day\b", key, re.IGNORECASE))
