"""``[software]`` and ``[employers]``: keys whose names are the owner's.

What the values are allowed to do is decided by the room ``trust``; here they are only read.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobman_agent.errors import InputError
from jobman_agent.model.public_key import parse_public_key
from jobman_agent.settings.values import parse_list, parse_text, parse_yes_no, path_in

if TYPE_CHECKING:
    from pathlib import Path

ATTRIBUTES = ("arguments", "version", "environment", "network")
_PROGRAM = re.compile(r"[a-z0-9][a-z0-9._+-]{0,63}", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_()]*")
_MAX_EMPLOYER = 64


@dataclass(frozen=True, slots=True)
class Software:
    """A program that a PC offers."""

    name: str
    """In lower case."""
    path: Path
    arguments: re.Pattern[str] | None = None
    """What a filled-in value must match as a whole; None: the default of the room ``trust``."""
    version: str | None = None
    """As the owner states it; None: the file's SHA-256."""
    environment: tuple[tuple[str, str], ...] = ()
    network: bool = False
    """Whether its packages may use the network where there is a sandbox."""


def split_software_key(key: str) -> tuple[str, str | None]:
    """The program's name and the attribute in ``NAME`` or ``NAME.attribute``.

    Raises:
        ValueError: neither.
    """
    name, dot, attribute = key.rpartition(".")
    if not dot or attribute not in ATTRIBUTES:
        close = difflib.get_close_matches(attribute, ATTRIBUTES, n=1, cutoff=0.7) if dot else []
        if close:
            what = f"there is no {attribute} of a program"
            raise ValueError(f"{what}: did you mean {name}.{close[0]}?")
        name, attribute = key, ""
    if _PROGRAM.fullmatch(name) is None:
        raise ValueError(
            f"{name!r} is no name for a program: letters, digits and . _ + - are allowed"
        )
    return name.lower(), attribute or None


def parse_software(key: str, text: str) -> object:
    """The value of one key of ``[software]``.

    Raises:
        ValueError: it does not fit the key.
    """
    attribute = split_software_key(key)[1]
    match attribute:
        case None:
            return _program_path(text)
        case "arguments":
            return _pattern(text)
        case "version":
            return parse_text(text)
        case "network":
            return parse_yes_no(text)
        case _:
            return parse_environment(text)


def parse_environment(text: str) -> tuple[tuple[str, str], ...]:
    """Variables, one ``NAME=VALUE`` a line.

    Raises:
        ValueError: a line without ``=``, a doubled name, or one of jobman's own.
    """
    found: dict[str, str] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, equals, value = line.partition("=")
        name = name.strip()
        if not equals or _VARIABLE.fullmatch(name) is None:
            raise ValueError(
                f"{line!r} is no variable: write NAME=VALUE; several of them each on an indented "
                "line of its own"
            )
        if name.upper().startswith("JOBMAN_"):
            raise ValueError(f"{name} is set by jobman itself: choose another name")
        if name in found:
            raise ValueError(f"{name} stands there twice: remove one")
        found[name] = value.strip()
    return tuple(found.items())


def make_software(entries: dict[str, object]) -> tuple[tuple[Software, ...], list[tuple[str, str]]]:
    """The programs of all keys of ``[software]``, and mistakes as (key, what is wrong)."""
    grouped: dict[str, dict[str, object]] = {}
    mistakes = []
    for key, value in entries.items():
        name, attribute = split_software_key(key)
        grouped.setdefault(name, {})[attribute or "path"] = value
    for name, attributes in grouped.items():
        if "path" not in attributes:
            key = f"{name}.{next(iter(attributes))}"
            mistakes.append((key, f"the program itself is missing: write {name} = PATH"))
    return tuple(_software(n, a) for n, a in grouped.items() if "path" in a), mistakes


def parse_employer(key: str, text: str) -> str:
    """The public key of one employer: ``NAME = ed25519:BASE64``.

    Raises:
        ValueError: the name or the key is not right.
    """
    if len(key) > _MAX_EMPLOYER or not key.isprintable() or "," in key:
        raise ValueError(f"an employer's name has at most {_MAX_EMPLOYER} characters, no comma")
    return parse_key(text)


def parse_key(text: str) -> str:
    """A public key.

    Raises:
        ValueError: it is not exactly what ``jobman keys export`` prints.
    """
    try:
        parse_public_key(text)
    except InputError as exc:
        raise ValueError(str(exc)) from exc
    return text


def parse_who(text: str) -> tuple[str, ...]:
    """Employers, by name (in lower case) or by key, with commas between them.

    Raises:
        ValueError: a key that is none.
    """
    return tuple(
        parse_key(word) if word.lower().startswith("ed25519:") else word.lower()
        for word in parse_list(text)
    )


def _software(name: str, attributes: dict[str, object]) -> Software:
    return Software(name=name, **attributes)  # type: ignore[arg-type]  # each parsed by its key


def _program_path(text: str) -> Path:
    if text[0] in "\"'":
        raise ValueError(f"{text} stands in quotes: the whole value is one path, leave them out")
    path = path_in(text)
    if not path.is_absolute():
        raise ValueError(f"{text!r} is no whole path: write it from the root or the drive on")
    return path


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as exc:
        raise ValueError(
            f"{text!r} is no regular expression ({exc}): write for example [A-Za-z0-9._-]*"
        ) from exc
