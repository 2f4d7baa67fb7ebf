"""Which packages wait, and which is the next one: the longest first, in O(log n).

Packages that some PCs had better not get (they failed there, or were lost there) stand on shelves
of their own, one for each set of such PCs, so that a choice looks at one package per shelf only.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Shelf(NamedTuple):
    """What the packages of a shelf have in common."""

    avoid: frozenset[str] = frozenset()
    """Keys of the PCs that tried them already."""
    alone: bool = False
    """Lost so often that nothing else may be in a PC beside them."""


class Waiting:
    """The waiting packages, by shelf; on each shelf sorted by weight, then first come."""

    def __init__(self) -> None:
        self._shelves: dict[Shelf, list[tuple[float, int, str]]] = {}
        self._where: dict[str, tuple[Shelf, tuple[float, int, str]]] = {}

    def __len__(self) -> int:
        return len(self._where)

    def __contains__(self, name: str) -> bool:
        return name in self._where

    def add(self, name: str, weight: float, order: int, shelf: Shelf) -> None:
        """Put a package on a shelf; one that stands elsewhere moves."""
        self.discard(name)
        entry = (weight, -order, name)
        insort(self._shelves.setdefault(shelf, []), entry)
        self._where[name] = (shelf, entry)

    def discard(self, name: str) -> None:
        """Take a package away, if it is there."""
        found = self._where.pop(name, None)
        if found is None:
            return
        shelf, entry = found
        entries = self._shelves[shelf]
        del entries[bisect_left(entries, entry)]
        if not entries:
            del self._shelves[shelf]

    def longest(self, most: float) -> Iterator[tuple[Shelf, float, str]]:
        """Of each shelf the longest package that is not heavier than ``most``."""
        for shelf, entries in self._shelves.items():
            index = bisect_right(entries, (most, 1, "")) - 1
            if index >= 0:
                weight, _, name = entries[index]
                yield shelf, weight, name

    def lightest(self) -> float:
        """The weight of the lightest of all; of none, infinity."""
        return min((entries[0][0] for entries in self._shelves.values()), default=math.inf)

    def heavier(self, most: float) -> tuple[int, float]:
        """How many are heavier than ``most``, and the weight of the lightest of these."""
        count, weight = 0, math.inf
        for entries in self._shelves.values():
            index = bisect_right(entries, (most, 1, ""))
            if index < len(entries):
                count += len(entries) - index
                weight = min(weight, entries[index][0])
        return count, weight
