"""The pipe between an agent and its worker, and its two ends.

Rules that hold here:

1. Both ends read and write in threads of their own: ``connect_read_pipe`` does not work for stdin
   everywhere (Wine), and an event loop must never wait for a process that has been stopped.
2. What an end hears is told in its event loop, in the order in which it was said.
3. The end of the pipe is told exactly once, after all that was heard: the other process is gone, it
   cannot be understood, or it has not read for too long.
4. Nothing that a worker starts inherits the pipe, so that its end is the worker's end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from jobman_agent.control.messages import LINE_MOST, LineReader, encode
from jobman_agent.control.pipe_messages import AgentSays, WorkerSays, decode_agent, decode_worker
from jobman_agent.errors import MalformedMessage
from jobman_agent.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import msgspec

UNREAD_MOST = 8 << 20
"""Bytes that wait for a process that does not read; one that is so far behind counts as gone."""
END_S = 15.0
"""So long a worker may live on without its pipe, before it is killed."""
_DRAIN_S = 1.0
_CHUNK = 65_536
_log = get_logger(__name__)
_Heard = TypeVar("_Heard")


class Pipe(Generic[_Heard]):
    """One end. Made in a running event loop; `say` and `close` are for that loop's thread.

    Args:
        read: A descriptor; whoever made it closes it, after the end was told.
        write: Likewise; closed by `close`.
        decode: Reads what the other end says.
        take: Called with each message.
        ended: Called once, with why, when nothing more comes.
    """

    def __init__(
        self,
        read: int,
        write: int,
        decode: LineReader[_Heard],
        take: Callable[[_Heard], None],
        ended: Callable[[str], None],
    ) -> None:
        self._read_from, self._write_to = read, write
        self._decode, self._take_one, self._tell_end = decode, take, ended
        self._loop = asyncio.get_running_loop()
        self._out: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._unread = 0
        self._counting = threading.Lock()
        self._over = self._closed = False
        self._reader = threading.Thread(target=self._read, name="pipe-reader", daemon=True)
        self._writer = threading.Thread(target=self._write, name="pipe-writer", daemon=True)
        self._reader.start()
        self._writer.start()

    def say(self, message: msgspec.Struct) -> None:
        """Say something; returns at once. Nothing happens if the other end is gone."""
        if self._over or self._closed:
            return
        line = encode(message)
        with self._counting:
            self._unread += len(line)
            behind = self._unread > UNREAD_MOST
        if behind:
            self._end("it has not read for too long")
        else:
            self._out.put(line)

    def close(self) -> None:
        """Say nothing more: what was said is written, then the other end sees the pipe's end."""
        if not self._closed:
            self._closed = True
            self._out.put(None)

    async def flush(self, seconds: float = _DRAIN_S) -> None:
        """`close`, and wait until all is written, but not for long."""
        self.close()
        await asyncio.to_thread(self._writer.join, seconds)

    def drained(self, seconds: float = _DRAIN_S) -> bool:
        """Whether all that was said to us is heard; waits, in a thread, once the other is gone."""
        self._reader.join(seconds)
        return not self._reader.is_alive()

    # ---- threads
    def _read(self) -> None:
        rest = b""
        try:
            while chunk := os.read(self._read_from, _CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > LINE_MOST:
                    raise MalformedMessage(f"a line of over {LINE_MOST} bytes")
                heard: list[_Heard] = []
                try:
                    heard.extend(map(self._decode, lines))
                finally:  # what was good before a bad line counts
                    if heard:
                        self._call(self._take, heard)
        except (OSError, MalformedMessage) as exc:
            self._call(self._end, str(exc))
        else:
            self._call(self._end, "a line without an end" if rest else "its end is closed")

    def _write(self) -> None:
        try:
            while (line := self._out.get()) is not None:
                view = memoryview(line)
                while view:
                    view = view[os.write(self._write_to, view) :]
                with self._counting:
                    self._unread -= len(line)
        except OSError as exc:
            self._call(self._end, exc.strerror or str(exc))
        finally:
            with contextlib.suppress(OSError):
                os.close(self._write_to)

    def _call(self, function: Callable[..., None], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(function, *args)

    # ---- the loop
    def _take(self, messages: list[_Heard]) -> None:
        for message in messages:
            if not self._over:
                self._take_one(message)

    def _end(self, why: str) -> None:
        if not self._over:
            self._over = True
            self.close()
            self._tell_end(why)


# ---- the worker's end
def take_standard_pipes() -> tuple[int, int]:
    """Take stdin and stdout for the pipe: (read, write), which nothing that is started inherits.

    From then on stdin is empty and stdout goes nowhere. To be called before anything is started.
    """
    sys.stdout.flush()
    read, write = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    return read, write


def open_worker_end(
    descriptors: tuple[int, int],
    take: Callable[[AgentSays], None],
    ended: Callable[[str], None],
) -> Pipe[AgentSays]:
    """The worker's end, of what `take_standard_pipes` gave."""
    return Pipe(*descriptors, decode_agent, take, ended)


# ---- the agent's end
def spawn_worker(
    argv: Sequence[str], env: Mapping[str, str], *, flags: int = 0
) -> subprocess.Popen[bytes]:
    """Start a worker whose stdin and stdout are the pipe, in a process group of its own.

    Args:
        argv: ``jobman work --agent-pipe`` and what else it needs.
        env: All of its environment.
        flags: Windows' creation flags.

    Raises:
        OSError: it cannot be started.
    """
    return subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env=env,
        creationflags=flags,
        process_group=0,  # Ctrl-C in a terminal is the agent's to handle; no effect on Windows
    )


class WorkerProcess:
    """A worker as its agent sees it. Made in a running event loop, which it talks to.

    The process is waited for by its pid, in a thread: asyncio's ``wait()`` returns only when every
    holder of stdout is gone. One that lives on without its pipe is killed.

    Args:
        process: Made by `spawn_worker`, or in the same way.
        take: Called with each thing that the worker says.
        ended: Called once, with the exit code (negative: the signal), after the last `take`.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        take: Callable[[WorkerSays], None],
        ended: Callable[[int], None],
    ) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("the worker's stdin and stdout must be pipes")
        self._process = process
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._killer: asyncio.TimerHandle | None = None
        # The pipe closes its own copy of the writing end.
        write = os.dup(process.stdin.fileno())
        process.stdin.close()
        self._pipe = Pipe(process.stdout.fileno(), write, decode_worker, take, self._pipe_ended)
        threading.Thread(target=self._wait, name="worker-waiter", daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it lives."""
        return self._process.returncode

    def say(self, message: AgentSays) -> None:
        """Say something to it; returns at once."""
        self._pipe.say(message)

    def let_go(self) -> None:
        """Close the pipe: the worker kills its packages, hands back and leaves."""
        self._pipe.close()

    def kill(self) -> None:
        """End its process at once; its packages are the agent's to end."""
        self._process.kill()

    def _pipe_ended(self, why: str) -> None:
        if self._process.returncode is None:
            _log.warning("the pipe from worker %d has ended: %s", self.pid, why)
            self._killer = self._loop.call_later(END_S, self._process.kill)

    def _wait(self) -> None:
        code = self._process.wait()
        # If somebody else still holds the pipe, the reader still waits there.
        if self._pipe.drained() and self._process.stdout is not None:
            self._process.stdout.close()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._gone, code)

    def _gone(self, code: int) -> None:
        if self._killer is not None:
            self._killer.cancel()
        self._pipe.close()
        self._ended(code)
