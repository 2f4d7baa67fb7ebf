"""Patterns of file names, as ``outputs`` and ``checkpoint`` of a job use them.

Rules that hold here:
1. A pattern is relative, with ``/`` between folders, whatever the system.
2. ``*`` stands for any characters inside one name; ``**``, alone between slashes, for any folders
   (``**/*.dat`` every .dat file, ``out/**`` everything below out).
3. A pattern with ``*`` may match nothing; one without is a plain name, and its file must be there.
4. Case counts. A path is matched in time that grows with its length, whatever the pattern.
"""

from __future__ import annotations

import re
from functools import lru_cache

from jobman_agent.model.names import file_path_fault

RESERVED = "log.txt"
"""stdout and stderr of a run; no input or output of a package has this name."""


def pattern_fault(pattern: str) -> str | None:
    """What is wrong with a pattern, or None."""
    parts = pattern.split("/")
    if any("**" in part and part != "**" for part in parts):
        return "** stands alone between slashes, as in **/*.dat"
    if pattern == RESERVED:
        return f"{RESERVED} comes back by itself"
    return file_path_fault(pattern.replace("*", "x"))


def is_plain(pattern: str) -> bool:
    """Whether a pattern is a plain name, whose file must be there."""
    return "*" not in pattern


class Patterns:
    """Several patterns; a path matches if it matches one of them."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self.plain = frozenset(p for p in patterns if is_plain(p))
        """The names that must be there."""
        self._wild = [[_part(part) for part in p.split("/")] for p in patterns if not is_plain(p)]
        self.wild = bool(self._wild)
        """Whether there is any pattern with ``*``."""
        self._folders = {
            name[: len(name) - len(rest)].rstrip("/")
            for name in self.plain
            for rest in _tails(name)
        }

    def matches(self, path: str) -> bool:
        """Whether a file is wanted; the reserved name never is."""
        if path in self.plain:
            return path != RESERVED
        if not self._wild or path == RESERVED:
            return False
        names = path.split("/")
        return any(_matches(parts, names) for parts in self._wild)

    def may_lie_below(self, folder: str) -> bool:
        """Whether any file below a folder could match, so that it is worth looking there."""
        if folder in self._folders:
            return True
        names = folder.split("/")
        return any(_begins(parts, names) for parts in self._wild)


@lru_cache(maxsize=256)
def patterns(texts: tuple[str, ...]) -> Patterns:
    """The patterns of a job, made once."""
    return Patterns(texts)


def _tails(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[i:]) for i in range(1, len(parts))]


def _part(text: str) -> re.Pattern[str] | None:
    """One name of a pattern; None stands for ``**``."""
    if text == "**":
        return None
    first, *rest = (re.escape(piece) for piece in text.split("*"))
    if not rest:
        return re.compile(first)
    # Atomic groups never go back, so the first place where a piece fits is taken for good; that
    # is right for every piece but the last, which must fit at the end.
    middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1])
    return re.compile(f"{first}{middle}.*{rest[-1]}", re.DOTALL)


def _matches(parts: list[re.Pattern[str] | None], names: list[str]) -> bool:
    # here[i]: the parts so far match the first i names.
    here = [True] + [False] * len(names)
    for part in parts:
        here = _step(part, here, names)
    return any(here[:-1]) if parts[-1] is None else here[-1]


def _begins(parts: list[re.Pattern[str] | None], names: list[str]) -> bool:
    here = [True] + [False] * len(names)
    for part in parts[:-1]:
        here = _step(part, here, names)
        if here[-1]:
            return True
    # The last part would have to match a name below the folder; ``**`` does that at any depth.
    return parts[-1] is None and any(here)


def _step(part: re.Pattern[str] | None, here: list[bool], names: list[str]) -> list[bool]:
    if part is None:
        reached = False
        return [reached := reached or old for old in here]
    matched = [bool(old and part.fullmatch(name)) for old, name in zip(here, names, strict=False)]
    return [False, *matched]
