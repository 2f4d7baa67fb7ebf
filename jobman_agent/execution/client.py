"""The worker's side of the runner: orders go out, reports come in, all on one event loop.

The pipes are read and written by two threads: ``connect_read_pipe`` does not work everywhere, and
a thread that blocks costs nothing. If the runner dies, every unfinished run is reported all the
same (``lost``; ``handed_back`` with ``began=False`` if it certainly had not begun), so that no
order stays without an answer; then a new ``Runner`` can be started.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self, TypeVar

from jobman_agent.errors import PackageDidNotStart
from jobman_agent.execution import RUNNER_FLAGS, tree
from jobman_agent.execution.orders import (
    NORMAL,
    YIELD,
    Command,
    Finished,
    Freeze,
    Frozen,
    Order,
    Outcome,
    Ready,
    Report,
    Slots,
    Stop,
    Thaw,
    Thawed,
    pack,
    read_reports,
)
from jobman_agent.execution.progress import Progress
from jobman_agent.log import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

_RUNNER = "jobman_agent.execution.runner"
_START_SECONDS = 30.0
_END_SECONDS = 10.0
_T = TypeVar("_T")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_log = get_logger(__name__)


class Runner:
    """A runner process; make it with ``await Runner.start(...)``. Not to be shared by loops."""

    def __init__(self, process: subprocess.Popen[bytes], progress: Progress) -> None:
        self._process = process
        self._progress = progress
        self._loop = asyncio.get_running_loop()
        self._unfinished: dict[str, int] = {}
        self._given = 0
        self._out: queue.SimpleQueue[list[Command] | None] = queue.SimpleQueue()
        self._batches: asyncio.Queue[list[Finished | Report] | None] = asyncio.Queue()
        self._ready: asyncio.Future[Ready] = self._loop.create_future()
        self._frozen: list[asyncio.Future[tuple[str, ...]]] = []
        self._thawed: list[asyncio.Future[None]] = []
        self._ended = asyncio.Event()
        self.sandbox = "none"

    @classmethod
    async def start(cls, root: Path, slots: int, *, yields: bool = True) -> Self:
        """Start a runner whose packages run below ``root`` (a folder of its own, short path).

        Args:
            root: the folder.
            slots: how many packages run side by side.
            yields: False where a person waits for the package (``jobman run``): it then has a
                normal share of the PC, not the least.

        Raises:
            PackageDidNotStart: the runner did not come up; the message says why.
        """
        process = _spawn(root, slots, yields=yields)
        runner = cls(process, Progress.open(root))
        runner._begin()
        try:
            ready = await asyncio.wait_for(asyncio.shield(runner._ready), _START_SECONDS)
        except asyncio.CancelledError:
            process.kill()
            raise
        except TimeoutError:
            process.kill()
            await runner._ended.wait()
            raise PackageDidNotStart(
                f"the runner (process {process.pid}) did not come up in {_START_SECONDS:.0f} s"
            ) from None
        runner.sandbox = ready.sandbox
        return runner

    @property
    def pid(self) -> int:
        """The runner's process; every package descends from it."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether orders can still be given."""
        return not self._ended.is_set()

    def submit(self, orders: Iterable[Order]) -> None:
        """Give orders, one batch through the pipe; returns at once.

        Raises:
            PackageDidNotStart: the runner is gone; start another one.
            ValueError: a run's token is not fit for a file's name, or is in use; none was given.
        """
        batch = list(orders)
        if not self.alive:
            raise PackageDidNotStart("the runner has ended: start another one")
        tokens = {order.run for order in batch}
        if len(tokens) < len(batch) or not tokens.isdisjoint(self._unfinished):
            raise ValueError("two runs have the same token")
        for order in batch:
            if not _TOKEN.fullmatch(order.run):
                raise ValueError(f"run {order.run!r}: letters, digits, _ and - are allowed")
        for order in batch:
            self._given += 1
            self._unfinished[order.run] = self._given
        self._send([*batch])

    def stop(
        self, run: str, why: str, *, grace: float | None = None, only_waiting: bool = False
    ) -> None:
        """End a run (or only take it back if it has not begun); its ``Finished`` follows."""
        self._send([Stop(run, why, grace, only_waiting)])

    def slots(self, count: int) -> None:
        """Run so many packages side by side from now on."""
        self._send([Slots(count)])

    async def freeze(self) -> tuple[str, ...]:
        """Suspend all packages; returns once none runs, with the runs that are suspended."""
        if not self.alive:
            return ()
        answer: asyncio.Future[tuple[str, ...]] = self._loop.create_future()
        self._frozen.append(answer)
        self._send([Freeze()])
        return await answer

    async def thaw(self) -> None:
        """Let the packages go on; returns once they do."""
        if not self.alive:
            return
        answer: asyncio.Future[None] = self._loop.create_future()
        self._thawed.append(answer)
        self._send([Thaw()])
        await answer

    async def reports(self) -> AsyncIterator[list[Report]]:
        """Batches of reports, in order; ends when the runner has ended and all is reported."""
        while (batch := await self._batches.get()) is not None:
            yield batch

    async def close(self) -> None:
        """End the runner at once; what still ran or waited is reported as handed back."""
        self._out.put(None)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), _END_SECONDS)
        if not self._ended.is_set():
            _log.error("the runner (process %d) did not end: killed", self.pid)
            self._process.kill()
            await self._ended.wait()

    def _begin(self) -> None:
        threads = (
            threading.Thread(target=self._write, name="runner-orders", daemon=True),
            threading.Thread(target=self._read, name="runner-reports", daemon=True),
        )
        for thread in threads:
            thread.start()

    def _send(self, batch: list[Command]) -> None:
        self._out.put(batch)

    def _write(self) -> None:
        pipe = self._process.stdin
        assert pipe is not None  # noqa: S101 - Popen was given PIPE
        with contextlib.suppress(OSError):  # a broken pipe: the reader sees the end and tells
            while (batch := self._out.get()) is not None:
                pipe.write(pack(batch))
                pipe.flush()
        with contextlib.suppress(OSError):
            pipe.close()

    def _read(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101 - Popen was given PIPE
        self._read_all(pipe)
        pipe.close()
        code = self._process.wait()
        # Packages of a runner that was killed have nobody left who would end them.
        if lost := list(self._unfinished):
            _log.warning("the runner ended: %d of its processes were left", tree.end_runs(lost))
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._finish, code)

    def _read_all(self, pipe: IO[bytes]) -> None:
        try:
            while (batch := read_reports(pipe)) is not None:
                self._loop.call_soon_threadsafe(self._take, batch)
        except (OSError, ValueError, RuntimeError) as error:
            _log.error("reading the runner's reports: %s", error)
            self._process.kill()

    def _take(self, batch: list[Report]) -> None:
        for report in batch:
            match report:
                case Finished():
                    self._unfinished.pop(report.run, None)
                case Ready() if not self._ready.done():
                    self._ready.set_result(report)
                case Frozen() if self._frozen:
                    _answer(self._frozen.pop(0), report.runs)
                case Thawed() if self._thawed:
                    _answer(self._thawed.pop(0), None)
                case _:
                    pass
        self._batches.put_nowait(batch)

    def _finish(self, code: int) -> None:
        self._ended.set()
        self._out.put(None)
        begun = self._progress.begun
        self._progress.close()
        for frozen in self._frozen:
            _answer(frozen, ())
        for thawed in self._thawed:
            _answer(thawed, None)
        if not self._ready.done():
            text = f"the runner ended before it was up (code {code})"
            self._ready.set_exception(PackageDidNotStart(text))
            self._ready.exception()  # seen, whether or not start() still waits
        if self._unfinished:
            why = f"the runner ended (code {code})"
            self._batches.put_nowait(
                [_orphaned(run, number <= begun, why) for run, number in self._unfinished.items()]
            )
            self._unfinished.clear()
        self._batches.put_nowait(None)


def _spawn(root: Path, slots: int, *, yields: bool) -> subprocess.Popen[bytes]:
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    Progress.create(root).close()
    # The runner must find this very package, also in a clone that was never installed.
    home = str(Path(__file__).resolve().parents[2])
    places = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
    arguments = (str(root), str(slots), YIELD if yields else NORMAL)
    return subprocess.Popen(
        [sys.executable, "-P", "-X", "utf8", "-m", _RUNNER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        creationflags=RUNNER_FLAGS,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(places)},
    )


def _orphaned(run: str, begun: bool, why: str) -> Finished:
    if begun:
        return Finished(run=run, outcome=Outcome.LOST, why=f"{why} while the package ran")
    return Finished(
        run=run, outcome=Outcome.HANDED_BACK, began=False, why=f"{why} before the package began"
    )


def _answer(future: asyncio.Future[_T], value: _T) -> None:
    if not future.done():
        future.set_result(value)
