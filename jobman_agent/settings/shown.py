"""The settings that count, written as an ini file again, with the source of each value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobman_agent.settings.pool_url import without_password
from jobman_agent.settings.schema import DEFAULT_DAYS, JOBMAN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jobman_agent.settings.declare import Section
    from jobman_agent.settings.pc import Settings

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting."""

    section: str
    key: str
    text: str | None
    """None: not given, and there is no default."""
    origin: str
    """The file and line, variable or option; or ``default``."""
    locked: bool
    """Whether the machine's file alone decides it."""


def show(settings: Settings) -> list[Shown]:
    """All settings, section by section, the user's own keys first; without any password."""
    return [one for section in JOBMAN.sections.values() for one in _section(section, settings)]


def as_ini(settings: Iterable[Shown], *, with_origin: bool = False) -> Iterator[str]:
    """The lines of an ini file that says the same, each with its origin behind it if wanted."""
    section = ""
    for one in settings:
        if one.section == "locked" and one.text is None:
            continue
        if one.section != section:
            yield from ("", f"[{one.section}]") if section else (f"[{one.section}]",)
            section = one.section
        yield from _lines(one, with_origin=with_origin)


def _lines(one: Shown, *, with_origin: bool) -> Iterator[str]:
    if one.text is None:
        yield f";{one.key} ="
        return
    first, *more = one.text.strip("\n").split("\n")
    line = f"{one.key} = {first}"
    if with_origin:
        origin = f"{one.origin}{', locked' if one.locked else ''}"
        if more:
            yield f"; {origin}"
        else:
            line = f"{line:<40} ; {origin}"
    yield line
    yield from (f"    {line}" for line in more)


def _section(section: Section, settings: Settings) -> Iterator[Shown]:
    declared = [key.name for key in section.keys]
    own = {
        dotted.partition(".")[2]: text
        for dotted, text in settings.texts.items()
        if dotted.partition(".")[0] == section.name and dotted.partition(".")[2] not in declared
    }
    if section.name == "hours" and not own:
        own = dict(DEFAULT_DAYS)
    defaults = {key.name: key.default for key in section.keys}
    for name in (*own, *declared):
        dotted = f"{section.name}.{name}"
        text = settings.texts.get(dotted, own.get(name, defaults.get(name)))
        if dotted == "pool.url" and text:
            text = without_password(text)
        locked = settings.is_locked(section.name, name)
        yield Shown(section.name, name, text, settings.origins.get(dotted, DEFAULT), locked)
