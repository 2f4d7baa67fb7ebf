"""Work messages at hand: opened ones in memory while there is room, the rest in the spool.

Packages start in the order in which they came, so the oldest messages are kept at hand; what does
not fit is read again when its turn comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobman_agent.errors import StorageError, WireError
from jobman_agent.model.messages import Work
from jobman_agent.trust.frames import open_frame
from jobman_agent.worker.spool.tables import WorkFiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobman_agent.model.messages import File
    from jobman_agent.worker.spool.spool import Spool

AT_HAND_BYTES = 6 << 20


@dataclass(frozen=True, slots=True)
class KeptWork:
    """A work message and what came with it."""

    work: Work
    attachments: Mapping[str, bytes]
    size: int


class Shelf:
    """The opened work messages of a spool."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._at_hand: dict[int, KeptWork] = {}
        self._bytes = 0
        self._last: tuple[int, KeptWork] | None = None
        self._fresh: dict[int, KeptWork] = {}

    def put(self, number: int, kept: KeptWork) -> None:
        """Keep a message at hand that is about to be spooled, at least until `settle`."""
        if self._bytes + kept.size <= AT_HAND_BYTES:
            self._at_hand[number] = kept
            self._bytes += kept.size
        else:
            self._fresh[number] = kept

    def settle(self) -> None:
        """All that was put is in the spool now."""
        self._fresh.clear()

    async def get(self, number: int) -> KeptWork:
        """A message by its number.

        Raises:
            StorageError: the spool cannot give it.
        """
        found = self._at_hand.get(number) or self._fresh.get(number)
        if found is not None:
            return found
        if self._last is None or self._last[0] != number:
            self._last = (number, read_work(await self._spool.work_frame(number)))
        return self._last[1]

    def drop(self, number: int) -> None:
        """None of its packages will run any more."""
        kept = self._at_hand.pop(number, None)
        if kept is not None:
            self._bytes -= kept.size
        if self._last is not None and self._last[0] == number:
            self._last = None


def read_work(frame: bytes) -> KeptWork:
    """Open a work message from the spool.

    Raises:
        StorageError: it is damaged.
    """
    try:
        opened = open_frame(frame)
    except WireError as exc:
        message = f"the spool holds a damaged work message ({exc}): move its folder away"
        raise StorageError(message) from exc
    if not isinstance(opened.message, Work):
        message = "the spool holds another message where work belongs: move its folder away"
        raise StorageError(message)
    return KeptWork(opened.message, opened.attachments, len(frame))


def files_apart(kept: KeptWork) -> WorkFiles:
    """The files of a work message that did not come with it, with their sizes."""

    def apart(files: tuple[File, ...]) -> dict[str, int]:
        return {f.sha256: f.size for f in files if f.sha256 not in kept.attachments}

    work = kept.work
    return WorkFiles(
        common=apart(work.recipe.common),
        places=tuple(apart((*p.files, *p.checkpoint)) for p in work.packages),
    )


def open_work_files(frame: bytes) -> WorkFiles:
    """`files_apart` of a message from the spool.

    Raises:
        StorageError: it is damaged.
    """
    return files_apart(read_work(frame))
