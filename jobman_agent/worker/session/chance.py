"""What the session core needs of chance; `random.Random` and `SystemRandom` have it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


class Chance(Protocol):
    """Where random numbers come from."""

    def randbytes(self, n: int, /) -> bytes:
        """So many random bytes."""
        ...

    def uniform(self, a: float, b: float, /) -> float:
        """A number from a to b, each as likely."""
        ...

    def choices(self, population: Sequence[T], weights: Sequence[float], /) -> list[T]:
        """One of them, in a list, each as likely as its weight says."""
        ...
