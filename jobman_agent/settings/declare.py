"""How an ini file is declared: sections, keys, their parsers, defaults and a line of explanation.

One declaration drives reading, error messages, the commented file and the documentation. A key is
looked up by the very object that declares it, so that its value has its type::

    CORES = Key("cores", parse_count, default="1", doc="Cores that one package uses.")
    JOB = Schema("job.ini", (Section("job", "What is run.", (CORES,)),))
    values = JOB.check(read_ini(path))
    values[CORES]          # an int
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from jobman_agent.settings.ini import Entry, IniFile, Mistake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


@dataclass(frozen=True, eq=False, slots=True)
class Key(Generic[T]):
    """One key of a section."""

    name: str
    parse: Callable[[str], T]
    """From the text of the value; raises ValueError that says what would be right."""
    doc: str
    default: str | None = None
    """As it would be written in the file; None: there is none."""
    required: bool = False
    example: str | None = None
    """Shown where there is no default."""
    lines: bool = False
    """Whether the value may have several lines."""


@dataclass(frozen=True, eq=False, slots=True)
class OpenKeys:
    """The rule for keys of a section whose names are the user's."""

    form: str
    """What stands for the name in messages and documentation: ``NAME``."""
    parse: Callable[[str, str], object]
    """From the key, in lower case, and the value; raises ValueError as a key's parser does."""
    doc: str
    examples: tuple[str, ...]
    """Whole lines, ``key = value``."""
    lines: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Section:
    """One section."""

    name: str
    doc: str
    keys: tuple[Key[Any], ...]
    open_keys: OpenKeys | None = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """A value, and the entry it was read from."""

    value: object
    entry: Entry


@dataclass(slots=True)
class Values:
    """What an ini file, or several of them, say."""

    given: dict[Key[Any], Given] = field(default_factory=dict)
    open_given: dict[str, dict[str, Given]] = field(default_factory=dict)
    """Section to key, in lower case, for keys whose names are the user's."""
    mistakes: list[Mistake] = field(default_factory=list)

    def __getitem__(self, key: Key[T]) -> T:
        """The value that was given, else the default.

        Raises:
            KeyError: neither; use ``get`` for keys without a default.
        """
        found = self.get(key)
        if found is None:
            raise KeyError(key.name)
        return found

    def get(self, key: Key[T]) -> T | None:
        """The value that was given, else the default, else None."""
        given = self.given.get(key)
        if given is not None:
            return cast("T", given.value)
        return None if key.default is None else key.parse(key.default)

    def entry(self, key: Key[Any]) -> Entry | None:
        """Where the value was given; None where it is the default."""
        given = self.given.get(key)
        return None if given is None else given.entry

    def say(self, key: Key[Any], what: str) -> None:
        """Add a mistake about a key that was given."""
        entry = self.entry(key)
        if entry is not None:
            self.mistakes.append(entry.mistake(what))


class Schema:
    """All sections of one kind of ini file."""

    def __init__(self, name: str, sections: tuple[Section, ...]) -> None:
        self.name = name
        self.sections = {section.name: section for section in sections}

    def find(self, section: str, key: str) -> Key[Any] | None:
        """The declared key of that name, or None."""
        declared = self.sections.get(section)
        keys = declared.keys if declared else ()
        return next((k for k in keys if k.name == key), None)

    def check(self, ini: IniFile, *, complete: bool = True) -> Values:
        """The values of a file; ``mistakes`` has all of the file's.

        Args:
            ini: The file.
            complete: Whether everything that is required must stand in this one file.
        """
        values = Values(mistakes=list(ini.mistakes))
        for name, line in ini.sections.items():
            if name not in self.sections:
                hint = _did_you_mean(name, self.sections, "[{}]")
                what = f"there is no such section{hint}"
                values.mistakes.append(Mistake(ini.source, what, line, name))
        for entry in ini.entries:
            self._check_entry(entry, values)
        if complete:
            values.mistakes += self.missing(values, ini.source)
        values.mistakes.sort(key=lambda mistake: mistake.line or 0)
        return values

    def missing(self, values: Values, source: str) -> list[Mistake]:
        """A mistake for each key that is required and was not given."""
        absent = []
        for section in self.sections.values():
            begun = any(key in values.given for key in section.keys)
            for key in section.keys:
                if key.required and key not in values.given and (begun or section.required):
                    what = f"is missing: write for example {key.name} = {key.example}"
                    absent.append(Mistake(source, what, None, section.name, key.name))
        return absent

    def _check_entry(self, entry: Entry, values: Values) -> None:
        section = self.sections.get(entry.section)
        if section is None:
            return
        key = self.find(entry.section, entry.key)
        rule = section.open_keys
        if key is None and rule is None:
            values.mistakes.append(entry.mistake(self._unknown(section, entry.key)))
            return
        if not _has_right_form(entry, key or cast("OpenKeys", rule), values):
            return
        try:
            if key is not None:
                values.given[key] = Given(key.parse(entry.value), entry)
            elif rule is not None:
                value = rule.parse(entry.key, entry.value)
                values.open_given.setdefault(section.name, {})[entry.key] = Given(value, entry)
        except ValueError as exc:
            values.mistakes.append(entry.mistake(f"{exc}{_or_one_of(section, entry, key)}"))

    def _unknown(self, section: Section, key: str) -> str:
        for other in self.sections.values():
            if other is not section and any(k.name == key for k in other.keys):
                return f"there is no such key here: it belongs in [{other.name}]"
        hint = _did_you_mean(key, [k.name for k in section.keys], "{}")
        return f"there is no such key{hint}"


def _has_right_form(entry: Entry, rule: Key[Any] | OpenKeys, values: Values) -> bool:
    if not entry.value:
        shown = rule.examples[0] if isinstance(rule, OpenKeys) else _shown(rule)
        values.mistakes.append(entry.mistake(f"has no value: write for example {shown}"))
        return False
    if entry.continued is not None and not rule.lines:
        what = "the value goes on here: if this is a key of its own, do not indent it"
        values.mistakes.append(entry.mistake(what, entry.continued))
        return False
    return True


def _shown(key: Key[Any]) -> str:
    return f"{key.name} = {key.default if key.default is not None else key.example}"


def _or_one_of(section: Section, entry: Entry, key: Key[Any] | None) -> str:
    """Where any name is allowed, one that is wrong may be a declared key's, mistyped."""
    if key is not None:
        return ""
    close = difflib.get_close_matches(entry.key, [k.name for k in section.keys], n=1, cutoff=0.75)
    return f"; or did you mean {close[0]}?" if close else ""


def _did_you_mean(word: str, known: Iterable[str], form: str) -> str:
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f": did you mean {form.format(close[0])}?"
    return f": known are {', '.join(form.format(name) for name in names)}"
