"""What results hold: from memory while they are fresh, from the journal after a restart.

Small files are attachments of the worker's signed message, which the journal keeps whole; larger
ones are in the journal's ``files``, by hash.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobman_agent.errors import StorageError
from jobman_agent.model.messages import Results
from jobman_agent.trust.frames import open_frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobman_agent.employer.journal.journal import Journal
    from jobman_agent.employer.results.folder import Content
    from jobman_agent.employer.session.live import LeaseId
    from jobman_agent.model.messages import File, Result

MOST_IN_MEMORY = 24 << 20
"""Bytes of attachments; beyond it they are read from the journal when their turn comes."""


@dataclass(frozen=True, slots=True)
class Returned:
    """A result with its small files."""

    result: Result
    attached: Mapping[str, bytes]
    """By SHA-256; may hold more than this result's."""


class Contents:
    """The results of one job that still have to be judged or written."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._fresh: dict[LeaseId, Returned] = {}
        self._bytes = 0

    def keep(self, result: Result, attached: Mapping[str, bytes]) -> None:
        """Remember a result that has just come, if there is room."""
        own = {f.sha256: attached[f.sha256] for f in _files(result) if f.sha256 in attached}
        size = sum(map(len, own.values()))
        key = (result.package, result.attempt)
        if key in self._fresh or self._bytes + size > MOST_IN_MEMORY:
            return
        self._fresh[key] = Returned(result, own)
        self._bytes += size

    def fresh(self, key: LeaseId) -> Returned | None:
        """A result that is still in memory."""
        return self._fresh.get(key)

    def forget(self, key: LeaseId) -> None:
        """A result has been written, or will not be needed."""
        gone = self._fresh.pop(key, None)
        if gone is not None:
            self._bytes -= sum(map(len, gone.attached.values()))

    async def get(self, key: LeaseId) -> Returned:
        """A result, wherever it is.

        Raises:
            StorageError: the journal does not have it.
        """
        found = self._fresh.get(key)
        if found is not None:
            return found
        frame = await self._journal.frame_with(*key)
        if frame is not None:
            opened = await asyncio.to_thread(open_frame, frame)
            if isinstance(opened.message, Results):
                for result in opened.message.results:
                    if (result.package, result.attempt) == key:
                        return Returned(result, opened.attachments)
        message = f"the journal has no result of attempt {key[1]} of {key[0]}"
        raise StorageError(message)

    def outputs(self, returned: Returned) -> dict[str, Content]:
        """The outputs of a complete result: bytes, or the file that holds them."""
        return {file.path: self._content(file, returned) for file in returned.result.files}

    def present(self, returned: Returned) -> dict[str, Content]:
        """Those of its outputs that are here."""
        return {
            file.path: self._content(file, returned)
            for file in returned.result.files
            if not self.missing_one(file, returned)
        }

    def log(self, returned: Returned) -> Content:
        """What its program printed."""
        log = returned.result.log
        if log is None or self.missing_one(log, returned):
            return b""
        return self._content(log, returned)

    def missing(self, result: Result, attached: Mapping[str, bytes]) -> dict[str, int]:
        """Files of a result that are neither attached nor here: SHA-256 to size."""
        wanted = {f.sha256: f.size for f in _files(result) if f.sha256 not in attached}
        return {s: size for s, size in wanted.items() if not self._journal.files.has(s)}

    def missing_one(self, file: File, returned: Returned) -> bool:
        """Whether a file of a result is not here."""
        return file.sha256 not in returned.attached and not self._journal.files.has(file.sha256)

    def _content(self, file: File, returned: Returned) -> Content:
        attached = returned.attached.get(file.sha256)
        return self._journal.files.path(file.sha256) if attached is None else attached


def _files(result: Result) -> tuple[File, ...]:
    log = (result.log,) if result.log is not None else ()
    return (*result.files, *result.checkpoint, *log)
