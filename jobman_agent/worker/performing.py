"""Perform what a step of the core says: keep it first, then do it (rules in `actions`)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from jobman_agent.errors import PackageRefused, StorageError
from jobman_agent.model.messages import Results
from jobman_agent.trust.employers import NotTrusted, Trusted
from jobman_agent.trust.frames import open_frame, seal
from jobman_agent.worker import outcomes
from jobman_agent.worker.errands import Outgoing, RemoveBlobs
from jobman_agent.worker.session import actions as do
from jobman_agent.worker.session import events
from jobman_agent.worker.spool.extra import Extra
from jobman_agent.worker.spool.shelf import files_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from jobman_agent.clock import Clock
    from jobman_agent.trust.keys import KeyPair
    from jobman_agent.worker.exchange import Exchange
    from jobman_agent.worker.link import Link
    from jobman_agent.worker.preparing import Prepared, Preparer
    from jobman_agent.worker.reading import Judge, Reader
    from jobman_agent.worker.runs import Runs
    from jobman_agent.worker.spool.extra import Given
    from jobman_agent.worker.spool.shelf import Shelf
    from jobman_agent.worker.spool.spool import Spool

DISK_AGAIN_S = 5.0
DISK_TELL_S = 60.0
LAZY_MOST_S = 5.0
"""So long what need not be kept at once waits for a transaction that is made anyway."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a worker works with."""

    spool: Spool
    shelf: Shelf
    preparer: Preparer
    runs: Runs
    exchange: Exchange
    reader: Reader
    judge: Judge
    key: KeyPair


class Performer:
    """The hands of one worker."""

    def __init__(
        self,
        tools: Tools,
        clock: Clock,
        tell: Callable[[do.Tell], None],
        post: Callable[[Sequence[events.Event]], None],
    ) -> None:
        self._tools = tools
        self._clock = clock
        self._tell = tell
        self._post = post
        self._lazy: list[do.Save] = []
        self._lazy_since = 0.0
        self._prepared: list[tuple[do.Start, Prepared]] = []
        self._frames: dict[int, bytes] = {}
        self._outputs: dict[int, frozenset[str]] = {}
        self._blobs: set[str] = set(tools.spool.outputs)
        """What we have put into a shared directory."""
        self.link: Link | None = None
        self.exit: do.Exit | None = None
        self.hurry = asyncio.Event()
        """Set when even a full disk shall not be waited for any longer."""

    # ---- keep
    async def keep(self, actions: Sequence[do.Action]) -> None:
        """Make the transaction of a step, and all that has to be known for it.

        A full or failing disk is waited for: nothing is acknowledged or sent meanwhile.

        Raises:
            StorageError: the disk is at fault, and we are to leave at once.
        """
        saves = [a for a in actions if isinstance(a, do.SAVES)]
        inputs = self._put_on_shelf([s for s in saves if isinstance(s, do.SaveWork)])
        given = await self._prepare([a for a in actions if isinstance(a, do.Start)])
        frames, outputs = self._sign([s for s in saves if isinstance(s, do.SaveBatch)])
        self._frames, self._outputs = frames, outputs
        if all(save.lazy for save in saves):
            if not self._lazy:
                self._lazy_since = self._clock.monotonic()
            self._lazy += saves
            if not self._lazy or self._clock.monotonic() - self._lazy_since < LAZY_MOST_S:
                return
            saves = []
        await self._commit([*self._lazy, *saves], Extra(frames, given, inputs, outputs))
        self._lazy = []
        self._tools.shelf.settle()

    async def flush(self) -> None:
        """Keep what waits for another transaction; for the end.

        Raises:
            StorageError: the disk is at fault; what is not kept will be learned anew.
        """
        if self._lazy:
            await self._tools.spool.commit(self._lazy, Extra())
            self._lazy = []

    async def _commit(self, saves: Sequence[do.Save], extra: Extra) -> None:
        told_at = -DISK_TELL_S
        while True:
            try:
                orphans = await self._tools.spool.commit(saves, extra)
            except StorageError as exc:
                if self.hurry.is_set():
                    raise
                if self._clock.monotonic() - told_at >= DISK_TELL_S:
                    told_at = self._clock.monotonic()
                    self._tell(do.Tell(f"waiting for the disk: {exc}", warning=True))
                with suppress(TimeoutError):
                    async with asyncio.timeout(DISK_AGAIN_S):
                        await self.hurry.wait()
            else:
                break
        ours = frozenset(orphans & self._blobs)
        if ours and self.link is not None:
            self._blobs -= ours
            self.link.put(RemoveBlobs(ours))

    async def _prepare(self, starts: Sequence[do.Start]) -> Mapping[str, Given]:
        """Make the orders first: only what really goes to the runner has a number there."""
        self._prepared = []
        for start in starts:
            try:
                prepared = await self._tools.preparer.order(start, code=self._code_allowed(start))
            except PackageRefused as exc:
                self._post([outcomes.refused(start, str(exc))])
            except StorageError as exc:
                self._tell(do.Tell(f"{start.package}: {exc}", warning=True))
                self._post([outcomes.not_begun(start, str(exc))])
            else:
                self._prepared.append((start, prepared))
        numbers = self._tools.runs.numbers(len(self._prepared))
        return {
            start.run: number for (start, _), number in zip(self._prepared, numbers, strict=True)
        }

    def _code_allowed(self, start: do.Start) -> bool:
        verdict = self._tools.judge.judge(start.key, None, self._clock.now())
        match verdict:
            case Trusted():
                return verdict.allow_code
            case NotTrusted(_, ""):
                raise PackageRefused(verdict.reason)  # the owner has said never since
            case NotTrusted():
                return start.code  # vouched for in its offer

    def _sign(
        self, saves: Sequence[do.SaveBatch]
    ) -> tuple[dict[int, bytes], dict[int, frozenset[str]]]:
        frames: dict[int, bytes] = {}
        outputs: dict[int, frozenset[str]] = {}
        for save in saves:
            frames[save.number] = seal(save.message, self._tools.key, list(save.contents.values()))
            outputs[save.number] = frozenset(
                file.sha256
                for result in save.message.results
                for file in (
                    *result.files,
                    *result.checkpoint,
                    *((result.log,) if result.log is not None else ()),
                )
                if file.sha256 not in save.contents
            )
        return frames, outputs

    def _put_on_shelf(
        self, saves: Sequence[do.SaveWork]
    ) -> dict[int, tuple[frozenset[str], frozenset[str]]]:
        inputs: dict[int, tuple[frozenset[str], frozenset[str]]] = {}
        for save in saves:
            kept = self._tools.reader.opened[id(save.frame)]
            self._tools.shelf.put(save.number, kept)
            apart = files_apart(kept)
            common = frozenset(file.sha256 for file in kept.work.recipe.common)
            own = frozenset(sha for place in apart.places for sha in place) - common
            inputs[save.number] = (own, common)
        self._tools.reader.opened.clear()
        return inputs

    # ---- do
    async def perform(self, actions: Sequence[do.Action]) -> None:
        """Do what is left of a step, in its order."""
        if self._prepared:
            self._tools.runs.submit(self._prepared)
            self._prepared = []
        for action in actions:
            match action:
                case do.Send():
                    await self._send(action)
                case do.OpenBoxes() | do.RemoveBox() | do.Scan():
                    self._ask_pool(action)
                case do.Kill() | do.SetSlots() | do.Suspend() | do.Resume():
                    self._tell_runner(action)
                case do.Tell():
                    self._tell(action)
                case do.Exit():
                    self.exit = action
                case _:
                    self._move_files(action)

    def _ask_pool(self, action: do.OpenBoxes | do.RemoveBox | do.Scan) -> None:
        if self.link is None:
            return
        if isinstance(action, do.Scan):
            self.link.scan()
        else:
            self.link.put(action)

    def _tell_runner(self, action: do.Kill | do.SetSlots | do.Suspend | do.Resume) -> None:
        runs = self._tools.runs
        match action:
            case do.Kill():
                runs.kill(action)
            case do.SetSlots(count):
                runs.slots(count)
            case do.Suspend():
                runs.suspend()
            case do.Resume():
                runs.resume()

    def _move_files(self, action: do.Action) -> None:
        tools = self._tools
        match action:
            case do.Fetch(session, files):
                tools.exchange.fetch(session, files)
            case do.Serve(session, need):
                tools.exchange.serve(session, need)
            case do.MoveSession(old, new):
                tools.exchange.move(old, new)
            case do.DropSession(session):
                tools.exchange.drop(session)
            case do.DropWork(number):
                tools.shelf.drop(number)
                tools.preparer.drop(number)
            case _:
                pass  # a save, kept already

    async def _send(self, send: do.Send) -> None:
        link = self.link
        if link is None:
            return
        first: dict[str, Path] = {}
        if send.batch is None:
            assert send.message is not None  # noqa: S101 - for the type checker
            frame = seal(send.message, self._tools.key)
        else:
            frame = await self._batch(send)
            if link.pool.blobs is not None:
                first = await self._large(send.batch)
        link.put(Outgoing(send.number, send.box, send.session, frame, send.replaces, first or None))

    async def _batch(self, send: do.Send) -> bytes:
        """A kept list of results, signed for the session that it belongs to now."""
        assert send.batch is not None  # noqa: S101 - for the type checker
        frame = self._frames.get(send.batch)
        if frame is not None:
            return frame
        frame, signed_for = await self._tools.spool.batch_frame(send.batch)
        if signed_for == send.session:
            return frame
        opened = open_frame(frame)
        assert isinstance(opened.message, Results)  # noqa: S101 - our own, from the spool
        message = replace(opened.message, session=send.session)
        return seal(message, self._tools.key, list(opened.attachments.values()))

    async def _large(self, batch: int) -> dict[str, Path]:
        names = self._outputs.get(batch)
        if names is None:
            names = await self._tools.spool.batch_outputs(batch)
        files = self._tools.spool.files
        found = {sha: files.path(sha) for sha in names if files.has(sha)}
        self._blobs |= found.keys()
        return found
