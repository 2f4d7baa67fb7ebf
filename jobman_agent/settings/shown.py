"""The settings that count, written as an ini file again, with the source of each value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobman_agent.settings.pool_url import without_password
from jobman_agent.settings.schema import DEFAULT_DAYS, JOBMAN

if TYPE_CHECKING:
    from collections.abc import Iterator

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
