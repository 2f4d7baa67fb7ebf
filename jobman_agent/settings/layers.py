"""Which of several files, variables and options counts: the layers of a PC's settings.

In falling order: the command line; variables ``JOBMAN_SECTION_KEY``; the user's file (``--config``,
else JOBMAN_CONFIG, else the platform's place); the machine's file; the defaults. What the
machine's ``[locked] keys`` names beats everything. The machine's file counts only where nobody
but the administrator can have written it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jobman_agent.errors import InputError
from jobman_agent.settings import machine_file_fault
from jobman_agent.settings import schema as key
from jobman_agent.settings.declare import Given, Values
from jobman_agent.settings.ini import Entry, IniFile, Mistake, read_ini, settings_error
from jobman_agent.settings.pc import Settings, build
from jobman_agent.settings.places import host_name
from jobman_agent.settings.pool_url import absolute_pool_url
from jobman_agent.settings.software import ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from jobman_agent.settings.places import Places

_ADD_UP = (key.ALLOW_CODE, key.NEVER)


def load_settings(
    places: Places,
    *,
    environ: Mapping[str, str],
    config: Path | None = None,
    options: Mapping[str, tuple[str, str]] | None = None,
    fault: Callable[[Path], str | None] = machine_file_fault,
) -> Settings:
    """The settings of this PC.

    Args:
        places: Where the files are.
        environ: ``os.environ``.
        config: ``--config FILE``, instead of the user's file.
        options: From the command line: ``section.key`` to (option, text), as
            ``{"pool.url": ("--pool", "dir:/srv/jobman")}``.
        fault: Why a machine's file must be ignored, or None.

    Raises:
        SettingsError: all mistakes of all layers, each with file, line and key.
        InputError: a file that was named is not there.
        StorageError: a file cannot be read.
    """
    notes: list[str] = []
    machine, ignored = _machine(places.machine_file, fault)
    if ignored:
        notes.append(f"{places.machine_file} is ignored: {ignored}")
    user = _user(config, places.user_file, environ)
    layers = [
        _check(_from_options(options or {})),
        _check(_from_variables(environ)),
        _check(user),
    ]
    lowest = _check(machine)
    locked = _locked(lowest, layers[-1])
    values = _merge(layers, lowest, locked, notes)
    values.mistakes += [m for layer in (*layers, lowest) for m in layer.mistakes]
    settings = build(values, host_name())
    if values.mistakes:
        raise settings_error(values.mistakes)
    return replace(
        settings,
        locked=locked,
        origins=_origins(values),
        texts=_texts(values),
        notes=tuple(notes),
    )


def _check(ini: IniFile) -> Values:
    return key.JOBMAN.check(ini, complete=False)


def _machine(path: Path, fault: Callable[[Path], str | None]) -> tuple[IniFile, str | None]:
    if not path.is_file():
        return IniFile(str(path)), None
    try:
        why = fault(path)
    except OSError as exc:
        why = f"its owner cannot be seen ({exc})"
    return (IniFile(str(path)) if why else read_ini(path)), why


def _user(config: Path | None, user_file: Path, environ: Mapping[str, str]) -> IniFile:
    path = config or user_file
    named = "--config" if config else "JOBMAN_CONFIG" if environ.get("JOBMAN_CONFIG") else None
    if path.is_file():
        return read_ini(path)
    if named:
        raise InputError(f"{named} names {path}, which is no file: jobman config init makes one")
    return IniFile(str(path))


def _from_options(options: Mapping[str, tuple[str, str]]) -> IniFile:
    ini = IniFile("command line")
    for dotted, (option, text) in options.items():
        section, _, name = dotted.partition(".")
        value = absolute_pool_url(text) if dotted == "pool.url" else text
        ini.entries.append(Entry(section, name, name, value, 0, option))
    return ini


def _from_variables(environ: Mapping[str, str]) -> IniFile:
    """``JOBMAN_SECTION_KEY``: a variable whose second word is no section is not ours."""
    ini = IniFile("environment")
    for variable, text in sorted(environ.items()):
        first, _, rest = variable.partition("_")
        section, _, name = rest.lower().partition("_")
        if first != "JOBMAN" or section not in key.JOBMAN.sections or not name:
            continue
        source = f"variable {variable}"
        if section == "locked":
            what = "only the machine's file can lock settings: remove the variable"
            ini.mistakes.append(Mistake(source, what))
            continue
        ini.entries.append(Entry(section, _open_name(section, name), name, text, 0, source))
    return ini


def _open_name(section: str, name: str) -> str:
    """A variable's name cannot hold the dot of ``NAME.version`` or the dash between two days."""
    if section == "hours" and key.JOBMAN.find(section, name) is None:
        return name.replace("_", "-")
    if section == "software":
        program, _, attribute = name.rpartition("_")
        if program and attribute in ATTRIBUTES:
            return f"{program}.{attribute}"
    return name


def _locked(machine: Values, user: Values) -> frozenset[str]:
    user.say(key.LOCKED, "only the machine's file can lock settings: remove this section")
    words = machine.get(key.LOCKED) or ()
    for word in words:
        if not key.known_to_lock(word):
            machine.say(key.LOCKED, f"{word!r} is no section and no section.key: remove it")
    return frozenset(words)


def _merge(
    layers: Sequence[Values], machine: Values, locked: frozenset[str], notes: list[str]
) -> Values:
    merged = Values()
    for declared in key.JOBMAN.sections.values():
        for one in declared.keys:
            above = _allowed(
                ((one, layer.given[one]) for layer in layers if one in layer.given),
                (declared.name, one.name),
                locked,
                notes,
            )
            found = above + ([machine.given[one]] if one in machine.given else [])
            if found:
                merged.given[one] = _add_up(found) if one in _ADD_UP else found[0]
        _merge_open(declared.name, layers, machine, locked, (merged, notes))
    return merged


def _merge_open(
    section: str,
    layers: Sequence[Values],
    machine: Values,
    locked: frozenset[str],
    into: tuple[Values, list[str]],
) -> None:
    merged, notes = into
    found: dict[str, Given] = {}
    for layer in (machine, *reversed(layers)):
        mine = dict(layer.open_given.get(section, {}))
        if layer is not machine:
            for name in list(mine):
                if not _allowed([(name, mine[name])], (section, name), locked, notes):
                    del mine[name]
        if mine and section == "hours":
            found = {}  # whoever names a day names them all
        found |= mine
    if found:
        merged.open_given[section] = found


def _allowed(
    given: Iterable[tuple[object, Given]],
    where: tuple[str, str],
    locked: frozenset[str],
    notes: list[str],
) -> list[Given]:
    section, name = where
    if section not in locked and f"{section}.{name}" not in locked:
        return [one for _, one in given]
    for _, one in given:
        notes.append(f"{section}.{name} of {_origin(one.entry)} is ignored: it is locked")
    return []


def _add_up(found: Sequence[Given]) -> Given:
    words: list[str] = []
    for given in found:
        words += [w for w in given.value if w not in words]  # type: ignore[attr-defined]  # tuples of words
    return Given(tuple(words), found[0].entry)


def _origins(values: Values) -> dict[str, str]:
    return {f"{e.section}.{e.key}": _origin(e) for e in _entries(values)}


def _texts(values: Values) -> dict[str, str]:
    texts = {f"{e.section}.{e.key}": e.value for e in _entries(values)}
    for one in _ADD_UP:
        if given := values.given.get(one):
            words: tuple[str, ...] = given.value  # type: ignore[assignment]  # tuples of words
            texts[f"{given.entry.section}.{one.name}"] = ", ".join(words)
    return texts


def _entries(values: Values) -> list[Entry]:
    entries = [given.entry for given in values.given.values()]
    return entries + [g.entry for section in values.open_given.values() for g in section.values()]


def _origin(entry: Entry) -> str:
    return f"{entry.source}, line {entry.line}" if entry.line else entry.source
