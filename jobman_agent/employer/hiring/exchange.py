"""Files larger than a message: those that results name are fetched, those workers need are given.

The road itself is ``pool/transfer``; here it is known which result waits for which files, and
where the inputs of packages are.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import msgspec

from jobman_agent.employer.session.events import FilesComplete
from jobman_agent.log import get_logger
from jobman_agent.model.messages import Attachment, Chunk, Outcome, Result
from jobman_agent.pool.transfer import Outcome as Moved
from jobman_agent.pool.transfer import Transfer, chunks, fetch_blob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from jobman_agent.employer.hiring.packing import Packer
    from jobman_agent.employer.journal.journal import Journal
    from jobman_agent.employer.session.live import LeaseId
    from jobman_agent.model.messages import Need, Wanted
    from jobman_agent.pool.contract import Blobs

_log = get_logger(__name__)


class Exchange:
    """The larger files of one job.

    Args:
        journal: Its ``files`` hold what results bring.
        packer: Knows where inputs are, by SHA-256.
        complete: Called when the last file of a result is here, with the result.
        ask: Called to send a ``need`` in a session.
    """

    def __init__(
        self,
        journal: Journal,
        packer: Packer,
        complete: Callable[[FilesComplete], None],
        ask: Callable[[str, list[Wanted]], None],
    ) -> None:
        self._store = journal.files
        self._sources = packer.sources
        self._large = packer.large
        self._complete = complete
        self._ask = ask
        self._transfer = Transfer(journal.files)
        self._waiting: dict[LeaseId, tuple[Result, set[str]]] = {}
        self._one = asyncio.Lock()
        """Calls that block on the disk run one at a time."""

    async def want(
        self,
        session: str,
        result: Result,
        files: Mapping[str, int],
        blobs: Blobs | None,
        now: float,
    ) -> None:
        """Fetch the missing files of a result.

        Raises:
            PoolUnavailable: the pool is out of reach (a directory).
            StorageError: this PC's disk.
        """
        key = (result.package, result.attempt)
        self._waiting[key] = (result, set(files))
        left = dict(files)
        if blobs is not None:
            for sha256, size in files.items():
                if await fetch_blob(blobs, self._store, sha256, size):
                    self._came(sha256)
                    del left[sha256]
        if left or not files:
            async with self._one:
                moved = await asyncio.to_thread(self._transfer.want, session, left, now)
            self._follow(moved)
            self._settle(key)

    async def on_chunk(self, session: str, chunk: Chunk, content: bytes, now: float) -> None:
        """A piece of a file has come."""
        async with self._one:
            moved = await asyncio.to_thread(self._transfer.on_chunk, session, chunk, content, now)
        self._follow(moved)

    async def again(self, now: float) -> None:
        """Ask again where nothing came for long."""
        if self._waiting:
            async with self._one:
                moved = await asyncio.to_thread(self._transfer.again, now)
            self._follow(moved)

    async def resume(self, now: float) -> None:
        """After a reconnect: ask for all that is missing."""
        if self._waiting:
            async with self._one:
                moved = await asyncio.to_thread(self._transfer.resume, now)
            self._follow(moved)

    def find(self, sha256: str) -> Path | None:
        """A file that a worker may ask for: an input of this job, or a checkpoint."""
        source = self._sources.get(sha256)
        if source is None and self._store.has(sha256):
            source = self._store.path(sha256)
        return source

    def given(self) -> list[str]:
        """Files that were, or may have been, put into a shared directory for this job."""
        return [*self._large, *self._store.names()]

    def pieces(self, need: Need, time: str, poll_s: float) -> Iterator[tuple[Chunk, bytes]]:
        """The chunks that answer a ``need``, each with its content; blocks on the disk.

        Raises:
            StorageError: a file cannot be read.
        """
        for piece in chunks(need, self.find):
            attached = Attachment(hashlib.sha256(piece.content).hexdigest(), len(piece.content))
            chunk = Chunk(
                time=time,
                poll_s=poll_s,
                offer=need.offer,
                session=need.session,
                sha256=piece.sha256,
                offset=piece.offset,
                total=piece.total,
                attachments=(attached,),
            )
            yield chunk, piece.content

    def _follow(self, moved: Moved) -> None:
        for names in moved.came.values():
            for sha256 in names:
                self._came(sha256)
        for faults in moved.failed.values():
            for sha256, why in faults.items():
                self._failed(sha256, why)
        for session, wanted in moved.needs.items():
            self._ask(session, wanted)

    def _came(self, sha256: str) -> None:
        for key, (_, missing) in list(self._waiting.items()):
            if sha256 in missing:
                missing.discard(sha256)
                self._settle(key)

    def _settle(self, key: LeaseId) -> None:
        found = self._waiting.get(key)
        if found is not None and not found[1]:
            del self._waiting[key]
            self._complete(FilesComplete(*key, found[0]))

    def _failed(self, sha256: str, why: str) -> None:
        """Its worker cannot give a file: the result counts as failed, without that file."""
        for key, (result, missing) in list(self._waiting.items()):
            if sha256 not in missing:
                continue
            _log.warning("%s, attempt %s: a file did not come: %s", *key, why)
            missing.discard(sha256)
            self._waiting[key] = (_without(result, sha256, why), missing)
            self._settle(key)


def _without(result: Result, sha256: str, why: str) -> Result:
    """A result, less a file that did not come."""
    kept = tuple(file for file in result.checkpoint if file.sha256 != sha256)
    if result.outcome is not Outcome.DONE:
        return msgspec.structs.replace(result, checkpoint=kept)
    text = f"an output did not come: {why}"[:2000]
    return msgspec.structs.replace(result, checkpoint=kept, outcome=Outcome.FAILED, why=text)
