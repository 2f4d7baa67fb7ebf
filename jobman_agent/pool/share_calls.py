"""Every call into a shared folder goes through here: a dead file server must not stop a program.

1. No call into a share runs in the event loop; each has a thread, reading and writing one of their
   own, so that a look into the inbox does not wait for a disk that syncs.
2. A call that has no answer within its deadline means: pool out of reach. It cannot be ended, only
   left behind; while it hangs no new one is begun, however often the program connects again.
3. The threads are daemons: a program can quit while the file server is silent.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from jobman_agent.clock import SYSTEM_CLOCK, Clock
from jobman_agent.errors import PoolUnavailable
from jobman_agent.pool.contract import CALL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")


class NoAnswer(PoolUnavailable):
    """The file server did not answer in time; what was asked may still happen."""


class Lane(Enum):
    """Which of the share's threads does a call."""

    READ = "read"
    WRITE = "write"


class _Call:
    """One call on its way through a thread and back into its event loop."""

    def __init__(self, function: Callable[[], Any], future: asyncio.Future[Any] | None) -> None:
        self.function = function
        self.began: float | None = None
        self._future = future
        self._lock = threading.Lock()
        self._abandoned = False

    def begin(self, now: float) -> bool:
        """In the thread: whether anybody still wants it."""
        with self._lock:
            if not self._abandoned:
                self.began = now
            return not self._abandoned

    def abandon(self) -> None:
        """In the loop: if it has not begun, it never will."""
        with self._lock:
            self._abandoned = True

    def finish(self, value: object, error: BaseException | None) -> None:
        """In the thread: bring the outcome home."""
        future = self._future
        if future is None:
            return
        try:
            future.get_loop().call_soon_threadsafe(_settle, future, value, error)
        except RuntimeError:
            return  # the loop has ended: nobody waits


def _settle(future: asyncio.Future[Any], value: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


class _Thread:
    """One daemon thread that does calls in their order."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.current: _Call | None = None
        self._clock = clock
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._wanted = True
        self._ended = False
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def put(self, call: _Call) -> None:
        self._calls.put(call)

    def stop(self) -> None:
        """End after the calls that were asked for, unless somebody revives it before."""
        with self._lock:
            self._wanted = False
        self._calls.put(None)

    def revive(self) -> bool:
        """Whether it still does calls; from now on it goes on to."""
        with self._lock:
            self._wanted = not self._ended
            return self._wanted

    def hangs(self, deadline_s: float) -> bool:
        call = self.current
        began = None if call is None else call.began
        return began is not None and self._clock.monotonic() - began >= deadline_s

    def _serve(self) -> None:
        while True:
            call = self._calls.get()
            if call is None:
                if self._may_end():
                    return
                continue
            if not call.begin(self._clock.monotonic()):
                continue
            self.current = call
            try:
                value = call.function()
            except BaseException as exc:  # noqa: BLE001 - it is raised again where it was called
                self.current = None
                call.finish(None, exc)
            else:
                self.current = None
                call.finish(value, None)

    def _may_end(self) -> bool:
        with self._lock:
            self._ended = not self._wanted
            return self._ended


class Share:
    """All calls of this process into one shared folder; `of` gives the one that there is.

    It outlives a connection: that a call hangs, and since when a permission is missing, must not
    be forgotten by connecting again.
    """

    _known: ClassVar[dict[str, Share]] = {}

    def __init__(self, root: str, clock: Clock) -> None:
        self.root = root
        self.deadline_s = CALL_SECONDS
        self.refused_since: dict[str, float] = {}
        """Folder: when (monotonic seconds) it was first refused to us, not allowed since."""
        self._clock = clock
        self._users = 0
        self._threads: dict[Lane, _Thread] = {}

    @classmethod
    def of(cls, root: Path, clock: Clock = SYSTEM_CLOCK) -> Self:
        """The share of a folder; `release` it once."""
        share = cls._known.setdefault(str(root), cls(str(root), clock))
        assert isinstance(share, cls)  # noqa: S101 - there are no others
        share._users += 1
        return share

    def release(self) -> None:
        """One user fewer; the last one ends the threads, once they are done with their calls."""
        self._users -= 1
        if self._users:
            return
        for thread in self._threads.values():
            thread.stop()
        # What hangs now, even if not for long, must be known to the next connection.
        if not self.refused_since and not any(t.current for t in self._threads.values()):
            self._known.pop(self.root, None)

    @property
    def hangs(self) -> bool:
        """Whether a call has been without an answer for longer than the deadline."""
        return any(thread.hangs(self.deadline_s) for thread in self._threads.values())

    async def call(self, lane: Lane, function: Callable[[], T]) -> T:
        """Do something in the thread of a lane; what it raises is raised here.

        When the waiting task is cancelled, it happens all the same, or not at all.

        Raises:
            NoAnswer: no answer within the deadline, or an earlier call still hangs.
        """
        if self.hangs:
            raise NoAnswer(self._silence())
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        call = _Call(function, future)
        self._thread(lane).put(call)
        timer = loop.call_later(self.deadline_s, self._expire, future)
        try:
            return await future
        finally:
            timer.cancel()
            call.abandon()

    def later(self, lane: Lane, function: Callable[[], None]) -> None:
        """Have something done in its turn, without waiting for it; it must not raise."""
        self._thread(lane).put(_Call(function, None))

    def _thread(self, lane: Lane) -> _Thread:
        thread = self._threads.get(lane)
        if thread is None or not thread.revive():
            thread = self._threads[lane] = _Thread(f"share-{lane.value}", self._clock)
        return thread

    def _expire(self, future: asyncio.Future[Any]) -> None:
        if not future.done():
            future.set_exception(NoAnswer(self._silence()))

    def _silence(self) -> str:
        return (
            f"the shared folder {self.root} has not answered for {self.deadline_s:.0f} s: "
            "is its file server on, and the network there?"
        )
