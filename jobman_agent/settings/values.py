"""What one value of an ini file may look like, besides quantities.

Every function takes text and raises ValueError with a sentence that says what would be right.
"""

from __future__ import annotations

import os.path
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_YES = {"yes", "true", "on"}
_NO = {"no", "false", "off"}


def parse_text(text: str) -> str:
    """Any text of one line that can be shown."""
    if not text.isprintable():
        raise ValueError(f"{text!r} holds characters that cannot be shown: remove them")
    return text


def path_in(text: str) -> Path:
    """A path as it was written, with ``~`` for the user's own folder; it need not be whole.

    ``Path.expanduser`` ends in an error where there is no such user; here ``~name`` stays.
    """
    return Path(os.path.expanduser(text))  # noqa: PTH111 - see above


def parse_yes_no(text: str) -> bool:
    """Yes or no, in any of the usual words."""
    word = text.lower()
    if word not in _YES | _NO:
        raise ValueError(f"{text!r} is neither yes nor no: write yes or no")
    return word in _YES


def parse_list(text: str) -> tuple[str, ...]:
    """Words with commas between them, each once."""
    words = tuple(word.strip() for word in text.split(","))
    if not all(words):
        raise ValueError(f"{text!r} has an empty place: write one, two, three")
    doubled = sorted({word for word in words if words.count(word) > 1})
    if doubled:
        raise ValueError(f"{', '.join(doubled)} stands there twice: write each once")
    return words


def one_of(*words: str) -> Callable[[str], str]:
    """A parser that takes exactly one of these words, without regard to case."""

    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"{text!r} is not known here: write {' or '.join(words)}")
        return text.lower()

    return parse
