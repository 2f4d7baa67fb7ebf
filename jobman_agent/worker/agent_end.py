"""A worker's end of the pipe to its agent: what the agent says is done, what happens is told.

Rules that hold here (those of `control.pipe_messages` besides):

1. Nothing is begun before the agent has said what the worker may use.
2. ``freeze`` reaches the runner even while the worker waits for a disk or for its pool.
3. The pipe's end means that the agent has died: what runs is stopped at once, killed without
   grace, handed back, and the worker leaves, whatever its disk does.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.control import pipe_messages as say
from jobman_agent.control.messages import ShownPackage
from jobman_agent.control.pipe import open_worker_end
from jobman_agent.log import get_logger
from jobman_agent.model.messages import Outcome
from jobman_agent.worker.strangers import Strangers
from jobman_agent.worker.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from jobman_agent.clock import Clock
    from jobman_agent.execution.orders import Finished
    from jobman_agent.worker.employee import Worker
    from jobman_agent.worker.session.actions import Start, Tell
    from jobman_agent.worker.session.core import Core
    from jobman_agent.worker.session.events import SeenOffer

LIMITS_S = 30.0
"""So long the agent has for its first word."""
TELL_S = 1.0
RUNNING_TELL_S = 5.0
"""So often it is told how long packages have run."""
PATIENCE_S = 15.0
"""So long handing back may take once the agent has died; then the worker ends as it is."""
AGENT_DIED = "its agent has ended"
_TEXT_MOST, _NAME_MOST = 2000, 200
_log = get_logger(__name__)


class AgentEnd(Watch):
    """Made in the worker's event loop, before its worker.

    Args:
        descriptors: What `take_standard_pipes` gave.
        clock: The clocks of this PC.
    """

    def __init__(self, descriptors: tuple[int, int], clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._limits: asyncio.Future[say.Limits | None] = self._loop.create_future()
        self._worker: Worker | None = None
        self._early: list[say.AgentSays] = []
        self._died = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._held = 0
        self._shown: tuple[object, ...] = ()
        self._shown_at = -RUNNING_TELL_S
        self._strangers = Strangers()
        self._pipe = open_worker_end(descriptors, self._heard, self._ended)

    # ---- life
    async def limits(self) -> say.Limits | None:
        """What the worker may use; None: the agent has gone, or did not say."""
        try:
            async with asyncio.timeout(LIMITS_S):
                return await asyncio.shield(self._limits)
        except TimeoutError:
            _log.error("the agent said nothing for %.0f s", LIMITS_S)
            return None

    def attach(self, worker: Worker) -> None:
        """From now on this worker does what the agent says, and has said already."""
        self._worker = worker
        early, self._early = self._early, []
        for message in early:
            self._obey(worker, message)
        if self._died:
            self._abandon(worker)

    async def close(self) -> None:
        """Let the agent hear what was said, and see the pipe's end."""
        self._worker = None  # it has ended: what the agent still says is for nobody
        await self._pipe.flush()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- what the agent says
    def _heard(self, message: say.AgentSays) -> None:
        if isinstance(message, say.Limits):
            if self._limits.done():
                _log.warning("the agent said again what may be used: that counts once")
            else:
                self._limits.set_result(message)
        elif self._worker is None:
            self._early.append(message)
        else:
            self._obey(self._worker, message)

    def _obey(self, worker: Worker, message: say.AgentSays) -> None:
        match message:
            case say.Freeze(number):
                self._spawn(self._freeze(worker, number))
            case say.Thaw():
                worker.thaw()
            case say.Starts(allowed):
                worker.allow_starts(allowed)
            case say.WillingUntil(until):
                worker.willing(until)
            case say.Leave(why):
                worker.leave(why)
            case say.Limits():
                pass  # done with in _heard

    async def _freeze(self, worker: Worker, number: int) -> None:
        self._pipe.say(say.Frozen(number, await worker.freeze_now()))

    def _ended(self, why: str) -> None:
        _log.warning("the agent has gone: %s", why)
        self._died = True
        if not self._limits.done():
            self._limits.set_result(None)
        if self._worker is not None:
            self._abandon(self._worker)

    def _abandon(self, worker: Worker) -> None:
        # Not by the core alone: it may be waiting for a full disk.
        self._spawn(self._stop(worker))
        worker.leave(AGENT_DIED, grace=False)
        self._loop.call_later(PATIENCE_S, lambda: worker.leave(AGENT_DIED, at_once=True))

    async def _stop(self, worker: Worker) -> None:
        await worker.freeze_now()

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---- what the agent is told
    def tell(self, told: Tell) -> None:
        """What people should be able to read."""
        self.say(told.text, warning=told.warning)

    def say(self, text: str, *, warning: bool = False) -> None:
        """The same, of the program itself."""
        (_log.warning if warning else _log.info)("%s", text)
        self._pipe.say(say.Said(text[:_TEXT_MOST], warning))

    def runner_up(self, pid: int) -> None:
        """All packages descend from this process from now on."""
        self._pipe.say(say.RunnerUp(pid))

    def starting(self, starts: Sequence[Start]) -> None:
        """These may begin as soon as this returns."""
        coming = [
            say.ComingRun(
                s.run, s.package[:_NAME_MOST], s.employer[:_NAME_MOST], s.title[:_NAME_MOST]
            )
            for s in starts
        ]
        for first in range(0, len(coming), say.LIST_MOST):
            self._pipe.say(say.Starting(tuple(coming[first : first + say.LIST_MOST])))

    def started(self, run: str, group: int) -> None:
        """One runs."""
        self._pipe.say(say.Started(run, group))

    def finished(self, finished: Finished) -> None:
        """Nothing is left of one."""
        self._pipe.say(
            say.Ended(
                run=finished.run,
                outcome=finished.outcome,
                seconds=max(0.0, finished.seconds),
                cpu_seconds=max(0.0, finished.cpu_seconds),
                peak_memory=max(0, finished.peak_memory),
            )
        )

    def dropped(self, runs: Sequence[str]) -> None:
        """These did not begin, and will not."""
        for run in runs:
            self._pipe.say(say.Ended(run, Outcome.HANDED_BACK, 0.0, 0.0, 0))

    def offers_seen(self, offers: Sequence[SeenOffer]) -> None:
        """Let the agent ask its owner about those whom nobody here has judged."""
        for unknown in self._strangers.among(offers, self._clock.monotonic()):
            self._pipe.say(unknown)

    def turned(self, core: Core) -> None:
        """The core has made a step: tell what is new, at once if it is whether anything is held."""
        held, now = core.held(), self._clock.monotonic()
        since = now - self._shown_at
        if bool(held) is bool(self._held) and since < TELL_S:
            return
        seen = core.snapshot()
        state: Literal["suspended", "running"] = (
            "suspended" if seen.state == "suspended" else "running"
        )
        packages = seen.running[: say.LIST_MOST]
        shown = (seen.state, seen.connected, held, seen.done, [p.name for p in packages])
        if shown == self._shown and not (packages and since >= RUNNING_TELL_S):
            return
        self._held, self._shown, self._shown_at = held, shown, now
        self._pipe.say(
            say.Snapshot(
                state=seen.state,
                connected=seen.connected,
                held=held,
                packages=tuple(
                    ShownPackage(
                        p.name[:_NAME_MOST], p.employer[:_NAME_MOST], state, max(0.0, p.seconds)
                    )
                    for p in packages
                ),
                done=seen.done,
                usual_s=seen.usual_s or None,
            )
        )
