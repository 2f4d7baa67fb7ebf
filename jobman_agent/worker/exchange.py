"""Large files of the sessions, both ways, over whichever road the pool has.

What packages lack is brought into the spool's store (as chunks, or from the directory's blobs);
what an employer lacks of our results is sent to it.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from jobman_agent.log import get_logger
from jobman_agent.model.messages import Attachment, Chunk, Need, Wanted
from jobman_agent.model.wire import time_text
from jobman_agent.pool.transfer import Transfer, chunks, fetch_blob, give_blobs
from jobman_agent.trust.frames import seal
from jobman_agent.worker.errands import Outgoing
from jobman_agent.worker.session import events

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from pathlib import Path

    from jobman_agent.clock import Clock
    from jobman_agent.pool.transfer import Outcome
    from jobman_agent.storage.blobs import BlobStore
    from jobman_agent.trust.keys import KeyPair
    from jobman_agent.worker.errands import Road
    from jobman_agent.worker.session.core import Core

_log = get_logger(__name__)

LOOK_AGAIN_S = 5.0


class Exchange:
    """The files of one worker on their way."""

    def __init__(
        self,
        store: BlobStore,
        core: Core,
        key: KeyPair,
        clock: Clock,
        post: Callable[[Sequence[events.Event]], None],
    ) -> None:
        self._store = store
        self._core = core
        self._key = key
        self._clock = clock
        self._post = post
        self._transfer = Transfer(store)
        self._one_at_a_time = asyncio.Lock()
        self._link: Road | None = None
        self._wanted: dict[str, dict[str, int]] = {}
        """What is still lacking, by session, for a directory."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving: dict[str, asyncio.Task[None]] = {}

    # ---- the connection
    def connected(self, link: Road) -> None:
        """There is a pool again: go on where we were."""
        self._link = link
        if link.pool.blobs is not None:
            for session, files in self._wanted.items():
                self._spawn(self._bring(link, session, dict(files)))
        else:
            self._spawn(self._resume())
            self._spawn(self._look_again(link))

    def disconnected(self) -> None:
        """The pool is away: what is under way ends with it."""
        self._link = None
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """End everything that is under way."""
        self.disconnected()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- what we lack
    def fetch(self, session: str, files: Mapping[str, int]) -> None:
        """Bring files into the store; events tell what came and what cannot be had."""
        self._wanted.setdefault(session, {}).update(files)
        link = self._link
        if link is None:
            return
        if link.pool.blobs is not None:
            self._spawn(self._bring(link, session, dict(files)))
        else:
            self._spawn(self._want(session, dict(files)))

    def drop(self, session: str) -> None:
        """A session has ended: nothing is wanted for it any more."""
        if self._wanted.pop(session, None) is not None:
            self._spawn(self._forget(session))

    def move(self, old: str, new: str) -> None:
        """A session goes on under another name."""
        files = dict(self._wanted.get(old, {}))
        self.drop(old)
        if files:
            self.fetch(new, files)

    async def take(
        self, chunk: Chunk, key: str, attachments: Mapping[str, bytes]
    ) -> list[events.Event]:
        """A chunk came: keep it, if it is from whom we obey."""
        if not self._core.believes(chunk.session, key) or len(attachments) != 1:
            return [events.Junk("a piece of a file from whom we do not obey")]
        (content,) = attachments.values()
        async with self._one_at_a_time:
            outcome = await asyncio.to_thread(
                self._transfer.on_chunk, chunk.session, chunk, content, self._clock.monotonic()
            )
        return self._follow(outcome)

    async def _want(self, session: str, files: Mapping[str, int]) -> None:
        async with self._one_at_a_time:
            outcome = await asyncio.to_thread(
                self._transfer.want, session, files, self._clock.monotonic()
            )
        self._post(self._follow(outcome))

    async def _forget(self, session: str) -> None:
        async with self._one_at_a_time:
            outcome = await asyncio.to_thread(self._transfer.drop, session, self._clock.monotonic())
        self._post(self._follow(outcome))

    async def _resume(self) -> None:
        for session, files in list(self._wanted.items()):
            await self._want(session, dict(files))
        async with self._one_at_a_time:
            outcome = await asyncio.to_thread(self._transfer.resume, self._clock.monotonic())
        self._post(self._follow(outcome))

    async def _look_again(self, link: Road) -> None:
        while self._link is link:
            await asyncio.sleep(LOOK_AGAIN_S)
            if self._wanted:
                async with self._one_at_a_time:
                    outcome = await asyncio.to_thread(self._transfer.again, self._clock.monotonic())
                self._post(self._follow(outcome))

    def _follow(self, outcome: Outcome) -> list[events.Event]:
        found: list[events.Event] = []
        came = {sha for names in outcome.came.values() for sha in names}
        for session, names in outcome.came.items():
            self._no_longer(session, names)
        if came:
            found.append(events.FilesCame(frozenset(came)))
        for session, faults in outcome.failed.items():
            self._no_longer(session, faults)
            for sha256, why in faults.items():
                found.append(events.FilesFailed(frozenset({sha256}), why))
        for session, wanted in outcome.needs.items():
            self._ask(session, wanted)
        return found

    def _no_longer(self, session: str, names: Sequence[str] | Mapping[str, str]) -> None:
        lacking = self._wanted.get(session, {})
        for name in names:
            lacking.pop(name, None)
        if not lacking:
            self._wanted.pop(session, None)

    def _ask(self, session: str, files: Sequence[Wanted]) -> None:
        found, link = self._core.address(session), self._link
        if found is None or link is None:
            return
        offer, box = found
        start, count = self._core.next_pair()
        message = Need(
            time=time_text(self._clock.now()),
            offer=offer,
            session=session,
            start=start,
            count=count,
            files=tuple(files),
        )
        link.put(Outgoing(None, box, session, seal(message, self._key)))

    async def _bring(self, link: Road, session: str, files: Mapping[str, int]) -> None:
        """From a directory's blobs; what is not there, or bad, is asked for and looked at again."""
        blobs = link.pool.blobs
        while blobs is not None and files and self._link is link and session in self._wanted:
            lacking: dict[str, int] = {}
            for sha256, size in files.items():
                if await fetch_blob(blobs, self._store, sha256, size):
                    self._no_longer(session, [sha256])
                    self._post([events.FilesCame(frozenset({sha256}))])
                else:
                    lacking[sha256] = size
            if lacking:
                self._ask(session, [Wanted(sha256=sha) for sha in lacking])
            files = lacking

    # ---- what an employer lacks
    def serve(self, session: str, need: Need) -> None:
        """Send files of ours; a newer need of a session replaces the older one."""
        older = self._serving.pop(session, None)
        if older is not None:
            older.cancel()
        if self._link is not None:
            self._serving[session] = self._spawn(self._serve(self._link, session, need))

    async def _serve(self, link: Road, session: str, need: Need) -> None:
        found = self._core.address(session)
        if found is None:
            return
        if link.pool.blobs is not None:
            files = {w.sha256: p for w in need.files if (p := self._find(w.sha256)) is not None}
            await give_blobs(link.pool.blobs, files, again=True)
            return
        offer, box = found
        pieces = chunks(need, self._find)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            content = piece.content
            attachment = Attachment(
                sha256=await asyncio.to_thread(_hash, content), size=len(content)
            )
            message = Chunk(
                time=time_text(self._clock.now()),
                offer=offer,
                session=session,
                sha256=piece.sha256,
                offset=piece.offset,
                total=piece.total,
                attachments=(attachment,),
            )
            await link.put_and_wait(
                Outgoing(None, box, session, seal(message, self._key, [content]))
            )

    def _find(self, sha256: str) -> Path | None:
        return self._store.path(sha256) if self._store.has(sha256) else None

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None:
            # The next connection, need or look asks for the rest again.
            _log.warning("a file could not be moved: %s", exc)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
