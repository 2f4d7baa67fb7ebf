"""How many orders a runner has begun, in a file that outlives it.

Orders are begun in the order in which they were given, so one number says for each of them
whether it may have run. The runner writes it into shared memory (a fraction of a microsecond)
before it touches a package; whoever survives the runner reads it.
"""

from __future__ import annotations

import mmap
import struct
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

_NUMBER = struct.Struct("<Q")
_NAME = "begun"


class Progress:
    """The number of orders begun; one writer, any reader."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory

    @classmethod
    def create(cls, root: Path) -> Self:
        """Start from zero, in a runner's folder; an older runner keeps its own file."""
        (root / _NAME).unlink(missing_ok=True)
        (root / _NAME).write_bytes(_NUMBER.pack(0))
        return cls.open(root)

    @classmethod
    def open(cls, root: Path) -> Self:
        """The number that stands in a runner's folder.

        Raises:
            OSError: there is none.
        """
        with (root / _NAME).open("r+b") as file:
            return cls(mmap.mmap(file.fileno(), _NUMBER.size))

    @property
    def begun(self) -> int:
        """So many orders, from the first one given, may have begun."""
        number: int = _NUMBER.unpack_from(self._memory, 0)[0]
        return number

    @begun.setter
    def begun(self, number: int) -> None:
        _NUMBER.pack_into(self._memory, 0, number)

    def close(self) -> None:
        """Let go of the file."""
        self._memory.close()
