"""Files larger than a message, from one side of a session to the other: the same code at both ends.

Over RabbitMQ the side that lacks files says `need`, and the other answers with `chunk` messages of
at most 1 MB, at most 16 MiB for one `need`; then the next `need` asks for the rest. In a shared
directory the file is put into ``blobs/`` before the message that names it, and fetched from there.

Rules that hold here:

1. A file counts as here only once its SHA-256 is right. A wrong one is asked for anew, three times.
2. What is here of a file is kept, also over a crash: asking goes on at the first missing byte.
   Chunks may come twice or in any order; one that would leave a hole is not used.
3. A file that several sessions want is asked for in one of them, and comes for all. When that
   session ends, is silent, or gives wrong bytes, the next one is asked. Chunks of any other session
   are dropped, so that no employer can spoil another's files.
4. Silence is no failure: the other side may sleep. It is asked again after 1 min, then 2, 4 ... 16.

All calls but those for directories block on this PC's disk: call them from a thread, one at a time.
Times are seconds of a steady clock.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from jobman_agent.errors import PackageCorrupt, StorageError
from jobman_agent.model.messages import Chunk, Need, Wanted
from jobman_agent.model.wire import MAX_CHUNK, MAX_UNACKED
from jobman_agent.storage.files import explain, rename, sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from jobman_agent.pool.contract import Blobs
    from jobman_agent.storage.blobs import BlobStore

ASK_AGAIN_S = 60.0
_LONGEST_ASK_AGAIN_S = 960.0
MOST_WRONG = 3
_EMPTY = hashlib.sha256().hexdigest()


@dataclass(slots=True)
class Outcome:
    """What follows from a call, by session: tell the core what came or failed, send the needs."""

    came: dict[str, list[str]] = field(default_factory=dict)
    """SHA-256 of files that are now complete in the store."""
    failed: dict[str, dict[str, str]] = field(default_factory=dict)
    """SHA-256 of files that this session cannot give, and why."""
    needs: dict[str, list[Wanted]] = field(default_factory=dict)
    """To be sent as one `need`, which replaces the session's last."""


class Piece(NamedTuple):
    """What one `chunk` message carries."""

    sha256: str
    offset: int
    total: int
    content: bytes


@dataclass(slots=True)
class _File:
    sessions: dict[str, int]
    """Who wants it, and the size that each was told; the first is the one that is asked."""
    wrong: int = 0


@dataclass(slots=True)
class _Asked:
    """The last `need` of a session that was not fully answered."""

    ends: dict[str, int]
    """SHA-256 to the byte up to which chunks come without another `need`."""
    heard: float
    pause: float = ASK_AGAIN_S


class Transfer:
    """The files that the sessions of one program lack, on their way into its store."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._files: dict[str, _File] = {}
        self._asked: dict[str, _Asked] = {}

    def want(self, session: str, files: Mapping[str, int], now: float) -> Outcome:
        """Files (SHA-256 to size in bytes) that a session needs; what is here already came.

        Raises:
            StorageError: the disk; call again.
        """
        outcome = Outcome()
        for sha256, size in files.items():
            self._files.setdefault(sha256, _File({})).sessions.setdefault(session, size)
            if size > 0 or sha256 == _EMPTY:
                self._settle(sha256, outcome)
            else:
                self._fail(sha256, session, "an empty file has another SHA-256", outcome)
        self._ask(session, now, outcome)
        return outcome

    def on_chunk(self, session: str, chunk: Chunk, content: bytes, now: float) -> Outcome:
        """A chunk came in a session, with its attachment.

        Raises:
            StorageError: the disk; the same bytes are asked for again later.
        """
        outcome = Outcome()
        file, asked = self._files.get(chunk.sha256), self._asked.get(session)
        if file is None or next(iter(file.sessions)) != session:
            return outcome
        if chunk.total != file.sessions[session]:
            why = f"the file there has {chunk.total} bytes, promised were {file.sessions[session]}"
            self._fail(chunk.sha256, session, why, outcome)
        elif chunk.offset + len(content) <= chunk.total:
            self._store.append(chunk.sha256, chunk.offset, content)
            self._settle(chunk.sha256, outcome)
        if asked is not None:
            asked.heard, asked.pause = now, ASK_AGAIN_S
            end = asked.ends.get(chunk.sha256, 0)
            if chunk.sha256 not in self._files or chunk.offset + len(content) >= end:
                asked.ends.pop(chunk.sha256, None)
            if not asked.ends:
                self._ask_anew(session, now, outcome)
        self._ask_the_next(chunk.sha256, session, now, outcome)
        return outcome

    def again(self, now: float) -> Outcome:
        """Ask again where nothing came for long; call it every few seconds."""
        outcome = Outcome()
        for session, asked in list(self._asked.items()):
            if now - asked.heard < asked.pause:
                continue
            pause = min(2 * asked.pause, _LONGEST_ASK_AGAIN_S)
            for sha256 in asked.ends:
                sessions = self._files[sha256].sessions if sha256 in self._files else {}
                if len(sessions) > 1 and next(iter(sessions)) == session:
                    sessions[session] = sessions.pop(session)  # the next one is asked
                    self._ask_the_next(sha256, session, now, outcome)
            self._ask_anew(session, now, outcome)
            if session in self._asked:
                self._asked[session].pause = pause
        return outcome

    def resume(self, now: float) -> Outcome:
        """After a reconnect: what was asked for may be lost, so ask for all that is missing."""
        outcome = Outcome()
        for session in {s: None for file in self._files.values() for s in file.sessions}:
            self._ask_anew(session, now, outcome)
        return outcome

    def drop(self, session: str, now: float) -> Outcome:
        """A session has ended: nothing is wanted for it any more."""
        outcome = Outcome()
        self._asked.pop(session, None)
        for sha256 in [s for s, file in self._files.items() if session in file.sessions]:
            self._forget(sha256, session)
            self._ask_the_next(sha256, session, now, outcome)
        return outcome

    def _settle(self, sha256: str, outcome: Outcome) -> None:
        """Complete a file of which all bytes are here, for everybody who wants it."""
        file = self._files[sha256]
        session, size = next(iter(file.sessions.items()))
        if not self._store.has(sha256):
            if self._store.partial_size(sha256) < size:
                return
            try:
                if size == 0:
                    self._store.add_bytes(b"")
                else:
                    self._store.finish(sha256)
            except PackageCorrupt as exc:
                file.wrong += 1
                if file.wrong >= MOST_WRONG:
                    self._fail(sha256, session, str(exc), outcome)
                return
        here = self._store.size(sha256)
        for session, size in self._files.pop(sha256).sessions.items():
            if size == here:
                outcome.came.setdefault(session, []).append(sha256)
            else:
                why = f"the file of this SHA-256 has {here} bytes, promised were {size}"
                outcome.failed.setdefault(session, {})[sha256] = why

    def _fail(self, sha256: str, session: str, why: str, outcome: Outcome) -> None:
        self._forget(sha256, session)
        outcome.failed.setdefault(session, {})[sha256] = why

    def _forget(self, sha256: str, session: str) -> None:
        file = self._files[sha256]
        file.sessions.pop(session, None)
        file.wrong = 0
        if not file.sessions:
            del self._files[sha256]

    def _ask_the_next(self, sha256: str, left: str, now: float, outcome: Outcome) -> None:
        """Another session than `left` is the first of a file now: ask there."""
        file = self._files.get(sha256)
        if file is not None and (first := next(iter(file.sessions))) != left:
            self._ask(first, now, outcome)

    def _ask_anew(self, session: str, now: float, outcome: Outcome) -> None:
        self._asked.pop(session, None)
        self._ask(session, now, outcome)

    def _ask(self, session: str, now: float, outcome: Outcome) -> None:
        """Say what is lacking in a session, unless an answer to its last `need` is still coming."""
        if session in self._asked:
            return
        room = MAX_UNACKED
        wanted, ends = [], {}
        for sha256, file in self._files.items():
            asked, size = next(iter(file.sessions.items()))
            if asked != session or room <= 0:
                continue
            first = self._store.partial_size(sha256)
            wanted.append(Wanted(sha256=sha256, first=first))
            ends[sha256] = min(size, first + room)
            room -= ends[sha256] - first
        if wanted:
            self._asked[session] = _Asked(ends, heard=now)
            outcome.needs[session] = wanted


def chunks(need: Need, find: Callable[[str], Path | None]) -> Iterator[Piece]:
    """What to send in answer to a `need`; a newer one of that session replaces it.

    Args:
        need: What the other side lacks.
        find: Where a file of this SHA-256 is; None where we have none, and it is passed over.

    Raises:
        StorageError: a file cannot be read.
    """
    room = MAX_UNACKED
    for wanted in need.files:
        path = find(wanted.sha256)
        offset = wanted.first
        while path is not None and room > 0:
            total, content = _read(path, offset, min(MAX_CHUNK, room))
            if not content:
                break
            yield Piece(wanted.sha256, offset, total, content)
            offset += len(content)
            room -= len(content)


def _read(path: Path, offset: int, count: int) -> tuple[int, bytes]:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return os.fstat(file.fileno()).st_size, file.read(count)
    except OSError as exc:
        raise StorageError(explain(exc, "read", path)) from exc


# ---- the shared directory
async def fetch_blob(blobs: Blobs, store: BlobStore, sha256: str, size: int) -> bool:
    """Bring a file from ``blobs/`` into the store; False: it is not there (yet), send a `need`.

    Raises:
        PoolUnavailable: the pool is out of reach.
        StorageError: this PC's disk.
    """
    if await asyncio.to_thread(store.has, sha256):
        return True
    # The store removes what a killed process left under such a name.
    temporary = store.folder / f".{secrets.token_hex(8)}.tmp"
    if not await blobs.get(sha256, size, temporary):
        return False
    await asyncio.to_thread(_adopt, temporary, store.path(sha256))
    return True


async def give_blobs(blobs: Blobs, files: Mapping[str, Path], *, again: bool = False) -> None:
    """Put files (SHA-256 to path) where the other side finds them; before the message naming them.

    Args:
        blobs: Of the pool.
        files: SHA-256 to path.
        again: In answer to a `need`: a copy that was there is bad.

    Raises:
        PoolUnavailable: they may or may not be there.
        StorageError: a file cannot be read.
    """
    for sha256, path in files.items():
        await blobs.put(sha256, path, again=again)


def _adopt(temporary: Path, path: Path) -> None:
    try:
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        rename(temporary, path)
        sync_folder(path.parent)
    except OSError as exc:
        raise StorageError(explain(exc, "complete", path)) from exc
