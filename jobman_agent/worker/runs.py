"""The runner at a worker's service: orders in, events out, and another runner when one dies."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, NamedTuple

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.errors import PackageDidNotStart, StorageError
from jobman_agent.execution.client import Runner
from jobman_agent.execution.orders import LEAST_ROOM, Finished, Started
from jobman_agent.log import get_logger
from jobman_agent.model.messages import Outcome
from jobman_agent.worker import outcomes
from jobman_agent.worker.session import events
from jobman_agent.worker.session.actions import Kill, Start, Tell
from jobman_agent.worker.spool.extra import Given

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobman_agent.execution.orders import Report
    from jobman_agent.worker.preparing import Prepared
    from jobman_agent.worker.spool.spool import Spool
    from jobman_agent.worker.watch import Watch

_log = get_logger(__name__)

AGAIN_FIRST_S = 1.0
AGAIN_MOST_S = 60.0
DISK_AGAIN_S = 5.0
TELL_AGAIN_S = 60.0


class _Order(NamedTuple):
    start: Start
    version: str


class Runs:
    """All runs of one worker process."""

    def __init__(
        self,
        spool: Spool,
        start: int,
        post: Callable[[Sequence[events.Event]], None],
        tell: Callable[[Tell], None],
        *,
        watch: Watch,
        yields: bool = True,
    ) -> None:
        self._spool = spool
        self._yields = yields
        self._start = start
        self._post = post
        self._tell = tell
        self._watcher = watch
        self._slots = 1
        self._runners = 0
        self._given = 0
        self._orders: dict[str, _Order] = {}
        self._stranded: list[Start] = []
        self._closing = False
        self._tasks: set[asyncio.Task[object]] = set()
        self._runner: Runner | None = None
        self._root = ""
        self.held = False
        """Nothing may go on, whatever was decided before: a freeze is on its way to the core."""

    async def open(self) -> str:
        """Start the first runner; returns the level of sandbox that packages can have.

        Raises:
            PackageDidNotStart: it did not come up.
        """
        runner = await self._new_runner()
        self._spawn(self._watch(runner))
        return runner.sandbox

    async def close(self) -> None:
        """End the runner, and with it whatever still runs."""
        self._closing = True
        if self._runner is not None:
            await self._runner.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def pid(self) -> int | None:
        """The runner's process; None while there is none."""
        return self._runner.pid if self._runner is not None else None

    # ---- orders
    def numbers(self, count: int) -> list[Given]:
        """Which orders the next ones will be, for the spool: it is told before they are given."""
        return [Given(self._root, self._given + n + 1) for n in range(count)]

    def submit(self, orders: Sequence[tuple[Start, Prepared]]) -> None:
        """Give orders to the runner, in one batch."""
        runner = self._runner
        if runner is None or not runner.alive:
            self._stranded += [start for start, _ in orders]
            return
        self._watcher.starting([start for start, _ in orders])
        for start, prepared in orders:
            self._orders[start.run] = _Order(start, prepared.version)
        try:
            runner.submit([prepared.order for _, prepared in orders])
        except PackageDidNotStart:
            for start, _ in orders:
                self._stranded.append(self._orders.pop(start.run).start)
            self._watcher.dropped([start.run for start, _ in orders])
        else:
            self._given += len(orders)

    def kill(self, kill: Kill) -> None:
        """End a run, or take it back."""
        if self._runner is not None:
            grace = 0.0 if kill.at_once else None
            self._runner.stop(kill.run, kill.why, grace=grace, only_waiting=kill.only_waiting)

    def slots(self, count: int) -> None:
        """Run so many side by side."""
        self._slots = count
        if self._runner is not None:
            self._runner.slots(count)

    def suspend(self) -> None:
        """Stop everything at once."""
        self._spawn(self.freeze())

    async def freeze(self) -> tuple[str, ...]:
        """Stop everything at once; returns once nothing runs, with the runs that are stopped."""
        return () if self._runner is None else await self._runner.freeze()

    def resume(self) -> None:
        """Let everything go on, unless a freeze has overtaken this."""
        if self._runner is not None and not self.held:
            self._spawn(self._runner.thaw())

    # ---- reports
    async def _watch(self, runner: Runner) -> None:
        pause = AGAIN_FIRST_S
        while True:
            async for batch in runner.reports():
                self._post([event for report in batch for event in await self._read(report)])
            self._runner = None
            if self._closing:
                return
            self._tell(Tell("the process that runs packages has died; another one is started",
                            warning=True))  # fmt: skip
            runner, pause = await self._another(pause)

    async def _another(self, pause: float) -> tuple[Runner, float]:
        while True:
            await asyncio.sleep(pause)
            pause = min(AGAIN_MOST_S, 2 * pause)
            try:
                runner = await self._new_runner()
            except PackageDidNotStart as exc:
                self._tell(Tell(str(exc), warning=True))
                continue
            stranded, self._stranded = self._stranded, []
            self._post([outcomes.not_begun(start, "the runner died") for start in stranded])
            return runner, pause

    async def _new_runner(self) -> Runner:
        self._runners += 1
        root = self._spool.new_runner_folder(self._start, self._runners)
        runner = await Runner.start(root, self._slots, yields=self._yields)
        self._root, self._given, self._runner = root.name, 0, runner
        self._watcher.runner_up(runner.pid)
        return runner

    async def _read(self, report: Report) -> list[events.Event]:
        match report:
            case Started(run, pid):
                self._watcher.started(run, pid)
                return [events.RunStarted(run)]
            case Finished():
                self._watcher.finished(report)
                order = self._orders.pop(report.run, None)
                return [] if order is None else [await self._ended(report, order)]
            case _:
                return []

    async def _ended(self, finished: Finished, order: _Order) -> events.RunEnded:
        failed = finished.outcome in (Outcome.FAILED, Outcome.REFUSED)
        if failed and finished.no_room:
            await self._wait_for_room(order.start.package)
            return outcomes.not_begun(order.start, "the disk of this PC was full")
        while True:
            try:
                return await outcomes.run_ended(
                    finished, order.start, order.version, self._spool.files
                )
            except StorageError as exc:
                self._tell(Tell(f"a result waits for the disk: {exc}", warning=True))
                await asyncio.sleep(DISK_AGAIN_S)

    def _has_room(self) -> bool:
        return shutil.disk_usage(self._spool.files.folder).free >= LEAST_ROOM

    async def _wait_for_room(self, package: str) -> None:
        """A program that fails on a full disk has not failed: it is run again."""
        told_at = -TELL_AGAIN_S
        while not self._has_room():
            if SYSTEM_CLOCK.monotonic() - told_at >= TELL_AGAIN_S:
                told_at = SYSTEM_CLOCK.monotonic()
                folder = self._spool.files.folder
                text = f"{package} waits for the disk: less than 1 MB is free at {folder}"
                self._tell(Tell(text, warning=True))
            await asyncio.sleep(DISK_AGAIN_S)

    def _spawn(self, work: object) -> None:
        task: asyncio.Task[object] = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
