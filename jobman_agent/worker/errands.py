"""What a connection is given to do, and what gives it: the words between link and exchange."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from jobman_agent.worker.session import actions as do

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jobman_agent.pool.contract import Delivery, Pool


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A signed message on its way."""

    number: int | None
    """Of its `Send`, whose fate is reported; None: nobody asks."""
    box: str
    session: str
    frame: bytes
    replaces: int | None = None
    first: Mapping[str, Path] | None = None
    """Large files that must be where its reader finds them before it."""


@dataclass(frozen=True, slots=True)
class Ack:
    """Deliveries whose contents are spooled."""

    deliveries: Sequence[Delivery]


@dataclass(frozen=True, slots=True)
class RemoveBlobs:
    """Large files in a shared directory that nobody needs any more."""

    sha256s: frozenset[str]


Task = Outgoing | Ack | RemoveBlobs | do.OpenBoxes | do.RemoveBox | asyncio.Event


class Road(Protocol):
    """One connection to the pool, as far as those need to know who send through it."""

    @property
    def pool(self) -> Pool:
        """The pool that it is connected to."""
        ...

    def put(self, *tasks: Task) -> None:
        """Have something done, after what was put before."""
        ...

    async def put_and_wait(self, task: Task) -> None:
        """Have something done, and wait until it is."""
        ...
