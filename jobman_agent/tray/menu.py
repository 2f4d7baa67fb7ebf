"""What a menu is made of, and what choosing an item does. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Ask:
    """Say something to the agent."""

    request: tuple[tuple[str, object], ...]
    """As it stands on the line: pairs of field and value."""


class Open(Enum):
    """Show a file to the owner, in the program that the desktop has for it."""

    SETTINGS = "settings"
    LOG = "log"


class Quit(Enum):
    """End the agent, and the tray with it."""

    QUIT = "quit"


Choice: TypeAlias = Ask | Open | Quit


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a menu."""

    text: str
    """Empty: a line between two groups."""
    choice: Choice | None = None
    """Without one and without `items` it is there to be read."""
    items: tuple[Item, ...] = ()


LINE = Item("")


def same_choices(one: tuple[Item, ...], other: tuple[Item, ...]) -> bool:
    """Whether two menus differ at most in what is there to be read."""
    return len(one) == len(other) and all(
        mine.choice == theirs.choice and same_choices(mine.items, theirs.items)
        for mine, theirs in zip(one, other, strict=True)
    )


def ask(request: str, /, **fields: object) -> Ask:
    """The choice that says this to the agent."""
    return Ask((("type", request), *fields.items()))
