"""Filling in: templates of ``common/``, and the words of ``command``. Pure, the same at both ends.

Rules that hold here:
1. Only ``{header}`` of an existing column is replaced; every other brace stands as it is.
2. All is replaced in one pass: a value that holds ``{other}`` is not filled in again.
3. A word stays one word, whatever is filled in: command is split before (FILES 4.1).
4. Values are text and go into templates as UTF-8; a template keeps its line ends and all else.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SUFFIX = ".template"
"""A file of ``common/`` with this ending is filled in for each package, and loses the ending."""

PACKAGE = "package"
COMMON = "common"
JOB = "job"
"""In ``check`` only: the job's folder."""

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def is_template(path: str) -> bool:
    """Whether a common file is a template."""
    return path.endswith(SUFFIX) and not path.endswith("/" + SUFFIX) and path != SUFFIX


def filled_path(path: str) -> str:
    """Where a filled-in template lies in the package's folder."""
    return path.removesuffix(SUFFIX)


def fill_template(text: bytes, values: Mapping[str, str]) -> bytes:
    """A template with every ``{header}`` of an existing column replaced by its value.

    Args:
        text: The template as it is on the disk, in an encoding that contains ASCII.
        values: The package's row of parameters.csv: header to text.
    """
    if not values or b"{" not in text:
        return text
    encoded = {header.encode("utf-8"): value.encode("utf-8") for header, value in values.items()}
    return _headers(frozenset(encoded)).sub(lambda found: encoded[found[1]], text)


def fill_word(word: str, package: str, common: str, values: Mapping[str, str]) -> tuple[str, bool]:
    """One word of ``command``, filled in, and whether a value of the package went into it.

    ``{package}`` and ``{header}`` put in a value; ``{common}`` is this PC's own folder and does
    not count as one. What is unknown stands as it is (the employer has refused it already).

    Args:
        word: A word as it travels.
        package: The package's name.
        common: The folder of common files on this PC.
        values: The package's row of parameters.csv; empty without a table.
    """
    if "{" not in word:
        return word, False
    known = {**values, PACKAGE: package, COMMON: common}
    text = PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), word)
    return text, bool(filled_values(word, package, values))


def filled_values(word: str, package: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """The values that ``fill_word`` puts into a word, in order: what the owner's rules judge."""
    if "{" not in word:
        return ()
    known = {**values, PACKAGE: package}
    return tuple(known[name] for name in PLACEHOLDER.findall(word) if name in known)


def placeholders(word: str) -> list[str]:
    """The names between braces in a word, known or not."""
    return PLACEHOLDER.findall(word) if "{" in word else []


@lru_cache(maxsize=64)  # the headers are the same for every package of a job
def _headers(headers: frozenset[bytes]) -> re.Pattern[bytes]:
    return re.compile(b"\\{(" + b"|".join(map(re.escape, sorted(headers))) + b")\\}")
