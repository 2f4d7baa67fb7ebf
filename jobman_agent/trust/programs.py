"""What may be executed on this PC: only programs that its owner named, by the owner's rules.

Rules that hold here:

1. Nothing is run that has no name in ``[software]`` or ``--software``, but a program of the job's
   own folder, and that only with ``allow_code``.
2. There is no shell: a command is words, and a value that is filled in stays inside its word.
3. The words are the employer's, who signed them; every value that is filled in must match the
   owner's pattern, and begins with a dash only if that pattern begins so.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobman_agent.errors import InputError, NotAllowed, PackageRefused
from jobman_agent.model.names import file_path_fault
from jobman_agent.model.templates import fill_word, filled_values
from jobman_agent.settings.software import Software, split_software_key
from jobman_agent.settings.values import path_in
from jobman_agent.trust.versions import Versions

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from jobman_agent.settings.pc import Settings

DEFAULT_PATTERN = re.compile(r"(?!/)(?!(?:.*/)?\.\.(?:/|\Z))[\w .,+=/-]{0,1000}")
"""Letters and digits of every script, space and ``_ . , + = - /``; no first ``/``, no ``../``."""

_OWN = ("./", "{common}/")
# A pattern that says so: it begins with a dash, or with a set or group that begins with one or
# has one at its end. ".*" matches a dash too, but nobody who writes it thinks of options.
_ALLOWS_DASH = re.compile(r"\^?(\((\?:)?)*(\\?-|\[\^?\\?-|\[[^\]\^][^\]]*\\?-\])")
_BATCH = (".bat", ".cmd")
_BATCH_VALUE = re.compile(r"[A-Za-z0-9._-]*")
# cmd.exe takes a line apart by rules of its own; none of these characters means anything to it.
_BATCH_WORD = re.compile(r"[A-Za-z0-9._/\\:+@-]*")
_INTERPRETER_VERSION = re.compile(r"[0-9.]*w?$")


@dataclass(frozen=True, slots=True)
class Resolved:
    """How a package is run here."""

    argv: tuple[str, ...]
    """The program's whole path and its arguments; ``./NAME`` first if ``own_program`` is set."""
    own_program: str | None = None
    """Path inside the package's folder of the program that must be executable there."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """``NAME.environment``."""
    network: bool = False
    version: str = ""


class Programs:
    """The programs of this PC; made by ``load_programs``."""

    def __init__(self, software: Sequence[Software], interpreters: Collection[str]) -> None:
        self._software = {program.name: program for program in software}
        self._interpreters = frozenset(interpreters)
        self._versions = Versions()

    def offered(self) -> dict[str, str]:
        """Name to version of every program that is there now; blocks while a file is hashed."""
        return {
            name: self._version(program)
            for name, program in sorted(self._software.items())
            if _fault(program.path) is None
        }

    def missing(self) -> dict[str, str]:
        """Name to why of every program that was named and cannot be offered."""
        faults = {name: _fault(program.path) for name, program in sorted(self._software.items())}
        return {name: fault for name, fault in faults.items() if fault is not None}

    def path(self, name: str) -> Path | None:
        """Where a program is, or None if it was not named."""
        program = self._software.get(name.lower())
        return program.path if program else None

    def is_own_code(self, program: str) -> bool:
        """Whether running it means to run the employer's own code.

        That is a program of the job's folder, or an interpreter: by its name here, or by the name
        of its file (``solver = /usr/bin/python3`` is one).
        """
        return program.startswith(_OWN) or self._is_interpreter(program.lower())

    def fault(self, program: str) -> str | None:
        """Why no package of this program could run here whoever sends it, or None."""
        if program.startswith(_OWN):
            return None
        software = self._software.get(program.lower())
        if software is None:
            offered = ", ".join(sorted(self._software)) or "none"
            return f"{program[:64]} is no program of this PC; its programs: {offered}"
        why = _fault(software.path)
        return None if why is None else f"{program}: {why}"

    def resolve(
        self,
        program: str,
        words: Sequence[str],
        *,
        package: str,
        values: Mapping[str, str],
        common: str,
        allow_code: bool,
    ) -> Resolved:
        """The argument vector of a package, if the rules of this PC allow it.

        Args:
            program: As the job names it.
            words: The words of its command, not filled in.
            package: The package's name.
            values: The package's row of parameters.csv; empty without a table.
            common: The folder of common files on this PC.
            allow_code: Whether the employer's own code may run here (``Employers.judge``).

        Raises:
            PackageRefused: they do not; the message names the rule.
        """
        if self.is_own_code(program) and not allow_code:
            raise PackageRefused(
                f"{program} runs the employer's own code, which this PC does not allow "
                "(allow_code in [employers])"
            )
        if program.startswith(_OWN):
            found = _own_program(program, common)
            pattern, path = None, found.argv[0]
        else:
            software = self._named(program)
            pattern, path = software.arguments, str(software.path)
            found = Resolved(
                (path,), None, dict(software.environment), software.network, self._version(software)
            )
        for word in words:
            for value in filled_values(word, package, values):
                _check_value(value, pattern)
        filled = tuple(fill_word(word, package, common, values)[0] for word in words)
        _check_words(filled)
        if path.lower().endswith(_BATCH):
            _check_batch(words, package, values)
        return Resolved(
            found.argv + filled,
            found.own_program,
            found.environment,
            found.network,
            found.version,
        )

    def _named(self, program: str) -> Software:
        fault = self.fault(program)
        if fault is not None:
            raise PackageRefused(fault)
        return self._software[program.lower()]

    def _is_interpreter(self, program: str) -> bool:
        known = self._software.get(program)
        names = {program}
        if known is not None:
            # A link named solver that leads to python3 is python all the same.
            names |= {
                p.name.lower().removesuffix(".exe") for p in (known.path, known.path.resolve())
            }
        names |= {_INTERPRETER_VERSION.sub("", name) for name in names}
        return not self._interpreters.isdisjoint(names)

    def _version(self, software: Software) -> str:
        return software.version or self._versions.of(software.path)


def load_programs(settings: Settings, software: Sequence[str] = ()) -> Programs:
    """The programs of this PC.

    Args:
        settings: Of this PC.
        software: ``NAME[=PATH]`` of ``--software``, for this process; without a path the name is
            looked up on PATH now (``Programs.path`` says what was found).

    Raises:
        NotAllowed: ``--software`` where IT has locked ``software``.
        InputError: no such program, or not NAME[=PATH].
    """
    if software and settings.is_locked("software"):
        raise NotAllowed("--software: IT decides which programs run here ([locked] software)")
    found = {program.name: program for program in settings.software}
    for text in software:
        program = _from_option(text, found)
        found[program.name] = program
    return Programs(tuple(found.values()), settings.limits.interpreters)


def _from_option(text: str, known: Mapping[str, Software]) -> Software:
    name, equals, where = (part.strip() for part in text.partition("="))
    try:
        name, attribute = split_software_key(name)
    except ValueError as exc:
        raise InputError(f"--software {text[:80]}: {exc}") from exc
    if attribute or (equals and not where):
        raise InputError(f"--software {text[:80]}: write --software NAME or --software NAME=PATH")
    if not where:
        # Some systems call it python3 only.
        also = shutil.which("python3") if name == "python" else None
        where = shutil.which(name) or also or ""
        if not where:
            raise InputError(
                f"--software {name}: there is no {name} on PATH; write --software {name}=PATH"
            )
    path = path_in(where).absolute()
    fault = _fault(path)
    if fault is not None:
        raise InputError(f"--software {text[:80]}: {fault}")
    before = known.get(name)
    if before is None:
        return Software(name, path)
    # The rules that the ini gives for this name hold for another path too; its version does not.
    return Software(name, path, before.arguments, None, before.environment, before.network)


def _fault(path: Path) -> str | None:
    if not path.is_file():
        return f"{path} is not there" if not path.exists() else f"{path} is no file"
    if not os.access(path, os.X_OK):
        return f"{path} may not be executed by this user"
    return None


def _own_program(program: str, common: str) -> Resolved:
    start = next(start for start in _OWN if program.startswith(start))
    inside = program.removeprefix(start)
    fault = file_path_fault(inside)
    if fault is not None:
        raise PackageRefused(f"{program[:64]!r} is no program of the job's folder: {fault}")
    if start == "./":
        return Resolved((program,), own_program=inside)
    return Resolved((os.path.join(common, *inside.split("/")),))


def _check_value(value: str, pattern: re.Pattern[str] | None) -> None:
    rule = pattern or DEFAULT_PATTERN
    shown = value if len(value) <= 60 else f"{value[:60]}..."  # noqa: PLR2004 - for one line
    if rule.fullmatch(value) is None:
        kind = "its owner's pattern" if pattern else "the pattern"
        raise PackageRefused(f"the value {shown!r} does not match {kind} {rule.pattern}")
    says_so = pattern is not None and _ALLOWS_DASH.match(pattern.pattern) is not None
    if value.startswith("-") and not says_so:
        raise PackageRefused(
            f"the value {shown!r} begins with a dash, and would be an option: a pattern that "
            "begins with -? allows it (NAME.arguments in [software])"
        )


def _check_words(words: Sequence[str]) -> None:
    for word in words:
        if "\0" in word:
            raise PackageRefused("a word of the command holds a NUL character")


def _check_batch(words: Sequence[str], package: str, values: Mapping[str, str]) -> None:
    for word in words:
        for value in filled_values(word, package, values):
            if _BATCH_VALUE.fullmatch(value) is None:
                raise PackageRefused(
                    f"the value {value[:60]!r}: a .bat or .cmd goes through cmd.exe, and gets "
                    "values of A-Z a-z 0-9 . _ - only"
                )
        # {common} is this PC's own folder, so what it becomes is not judged.
        if _BATCH_WORD.fullmatch(fill_word(word, "", "", dict.fromkeys(values, ""))[0]) is None:
            raise PackageRefused(
                f"the word {word[:60]!r}: a .bat or .cmd goes through cmd.exe, and gets words of "
                "letters, digits and . _ - + @ : / \\ only"
            )
