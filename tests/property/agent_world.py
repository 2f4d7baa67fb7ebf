"""A PC round the real agent: time, sensors, a worker's process and its packages are made up.

All that the agent is made of runs as it is: loop, eyes, child, states, policy, pauses, ledger. Time
goes only when nobody has anything to do, so that a night passes in a moment; what the agent does in
a thread of its own is done later by the same clock, in the same order.
"""

from __future__ import annotations

import asyncio
import selectors
from collections import deque
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from jobman_agent.control import pipe_messages as p
from jobman_agent.control.messages import ShownPackage
from jobman_agent.model.messages import Outcome
from jobman_agent.model.reading import UNKNOWN
from tests.unit.policy.readings import a_reading, a_source

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from jobman_agent.model.reading import Reading

LATENCY_S = 0.05
"""From one end of the pipe to the other."""
BEGIN_S = 0.1
"""From a package's ``Starting`` to its first process."""
HAND_BACK_S = 0.4
SWEEP_S = 0.02
"""What the agent's thread takes for one thing."""


class _JumpingSelector(selectors.DefaultSelector):
    """Whoever waits for a moment has it at once; whoever waits for nobody has found a deadlock."""

    def __init__(self) -> None:
        super().__init__()
        self.loop: VirtualLoop | None = None

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        assert self.loop is not None
        if timeout is None:
            raise RuntimeError("everybody waits, and nothing is to come")
        self.loop.passed += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to whatever is to come next."""

    def __init__(self) -> None:
        selector = _JumpingSelector()
        super().__init__(selector)
        self.passed = 0.0
        selector.loop = self
        self.set_default_executor(_AtOnce(1))

    def time(self) -> float:
        return self.passed


class _AtOnce(ThreadPoolExecutor):
    """No thread: it is done when it is asked for."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return _done(Future(), lambda: fn(*args, **kwargs))


class Hands(Executor):
    """The agent's thread, without a thread: one thing after the other, each a while later."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self._loop = asyncio.get_running_loop()
        self._free_at = 0.0
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.append((future, lambda: fn(*args, **kwargs)))
        self._free_at = max(self._free_at, self._loop.time()) + SWEEP_S
        self._loop.call_at(self._free_at, self._next)
        return future

    def _next(self) -> None:
        if self._waiting:
            _done(*self._waiting.popleft())

    def shutdown(self, *_: Any, **__: Any) -> None:
        """Wait for all of it."""
        while self._waiting:
            self._next()


class Disk:
    """As ``agent.disk.Disk``: the agent's own files are written when it is asked for."""

    def do(self, function: Callable[[], object]) -> None:
        function()

    def close(self) -> None:
        """Nothing waits."""


def _done(future: Future[Any], call: Callable[[], Any]) -> Future[Any]:
    try:
        future.set_result(call())
    except Exception as exc:
        future.set_exception(exc)
    return future


class Clock:
    """The PC's two clocks, by the loop's time and what a test has added."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.wall_added = timedelta(0)
        self.steady_added = 0.0

    def monotonic(self) -> float:
        return 5000.0 + self._loop.passed + self.steady_added

    def now(self) -> datetime:
        passed = timedelta(seconds=self._loop.passed)
        return datetime(2026, 11, 24, 12, 0, tzinfo=UTC) + passed + self.wall_added


@dataclass
class Package:
    """One package of the pool: its process, and how it ended."""

    run: str
    pid: int
    seconds: float
    state: str = "coming"
    """coming, running, frozen, ended."""
    fates: list[str] = field(default_factory=list)
    went_on_at: float = 0.0

    @property
    def held(self) -> bool:
        return not self.fates


class World:
    """Owner, pool, workers and packages of one PC."""

    def __init__(self, loop: VirtualLoop, clock: Clock) -> None:
        self.loop, self.clock = loop, clock
        self.touched_at = clock.monotonic() - 3600
        self.says: dict[str, Any] = {}
        self.sensors = "well"
        """well, blind (they do not see the owner), fail, hang."""
        self.unwell_since = 0.0
        self.touch_seen = asyncio.Event()
        self.lengths: list[float] = [30.0, 0.3, 200.0, 5.0]
        """How long each package of the pool runs, over and over; none: nobody has work."""
        self.packages: list[Package] = []
        self.workers: list[FakeWorker] = []
        self.deaf = False
        """Workers that begin now do not hear that they shall leave."""
        self.connected = True
        self.may_spawn: Callable[[], None] = lambda: None

    # ---- the owner and the sensors
    def touch(self) -> None:
        self.touched_at = self.clock.monotonic()
        if self.sensors == "well":
            self.touch_seen.set()

    def turn_sensors(self, how: str) -> None:
        if how != self.sensors:
            self.sensors, self.unwell_since = how, self.clock.monotonic()
            # A source that goes away counts as a touch; one that hangs tells nothing.
            if how != "hang":
                self.touch_seen.set()

    @property
    def quiet(self) -> float:
        """Seconds since the last touch."""
        return self.clock.monotonic() - self.touched_at

    # ---- processes
    @property
    def running(self) -> list[Package]:
        return [one for one in self.packages if one.state == "running"]

    @property
    def alive(self) -> list[Package]:
        return [one for one in self.packages if one.state in ("running", "frozen")]

    @property
    def held(self) -> list[Package]:
        return [one for one in self.packages if one.held]

    def _of(self, tokens: Collection[str], groups: Collection[int]) -> list[Package]:
        return [one for one in self.alive if one.run in tokens or one.pid in groups]

    def freeze(self, found: list[Package]) -> int:
        for one in found:
            if one.state == "running":
                one.state = "frozen"
                one.seconds -= self.loop.time() - one.went_on_at
        return 0

    def thaw(self, found: list[Package]) -> None:
        for one in found:
            if one.state == "frozen":
                self.go_on(one)

    def go_on(self, one: Package) -> None:
        one.state, one.went_on_at = "running", self.loop.time()
        self.loop.call_later(max(0.0, one.seconds), self._end_of, one, one.went_on_at)

    def _end_of(self, one: Package, since: float) -> None:
        if one.state == "running" and one.went_on_at == since:
            self.end(one, "result")
            for worker in self.workers:
                worker.has_ended(one)

    def end(self, one: Package, fate: str) -> None:
        one.state = "ended"
        if one.held:
            one.fates.append(fate)

    def kill(self, found: list[Package]) -> int:
        for one in found:
            one.state = "ended"  # its worker, or the next one, says what becomes of it
        return len(found)

    def as_processes(self) -> Any:
        """As ``execution.processes``."""

        def below(roots: Collection[int]) -> list[int]:
            found = [w for w in self.workers if w.pid in roots or w.runner in roots]
            return [one.pid for w in found for one in w.packages if one in self.alive]

        return SimpleNamespace(
            below=below,
            is_alive=lambda pid: any(one.pid == pid for one in self.alive),
            kill_one=lambda pid: self.kill(self._of((), (pid,))),
            freeze_group=lambda group: self.freeze(self._of((), (group,))),
            let_go=int,  # what was frozen by us alone goes on by itself
        )

    def as_tree(self) -> Any:
        """As ``execution.tree``."""

        def freeze_below(root: int, groups: Collection[int]) -> int:
            mine = [one for w in self.workers if w.runner == root for one in w.packages]
            return self.freeze([*self._of((), groups), *(o for o in mine if o in self.alive)])

        return SimpleNamespace(
            freeze=lambda tokens, groups: self.freeze(self._of(tokens, groups)),
            freeze_below=freeze_below,
            thaw=lambda tokens, groups: self.thaw(self._of(tokens, groups)),
            end_runs=lambda tokens: self.kill(self._of(tokens, ())),
            members=lambda tokens, groups: [one.pid for one in self._of(tokens, groups)],
        )

    def spawn(self) -> Any:
        self.may_spawn()
        for one in self.packages:  # what a dead worker held: the next one hands it back
            if one.state == "ended" and one.held:
                one.fates.append("handed back")
        return SimpleNamespace(pid=20_000 + len(self.workers), world=self)


class Sight:
    """As ``agent.sight.Sight``."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.closed = False

    async def read(self, *, engaged: bool = False) -> Reading:
        world = self._world
        world.touch_seen.clear()
        if world.sensors == "hang":
            await asyncio.sleep(1e6)
        if world.sensors == "fail":
            raise OSError("the sensors fail")
        idle = UNKNOWN if world.sensors == "blind" else world.quiet
        now = world.clock.monotonic()
        return a_reading(taken_at=now, sources=(a_source(idle),), engaged=engaged, **world.says)

    async def first_touch(self) -> str:
        await self._world.touch_seen.wait()
        if self._world.sensors == "fail":
            raise OSError("the sensors fail")
        return "made up"

    def change(self, settings: Any) -> None:
        del settings

    def close(self) -> None:
        self.closed = True


class FakeWorker:
    """As ``control.pipe.WorkerProcess``, with the worker at its other end; both are always late."""

    def __init__(self, process: Any, take: Callable[..., None], ended: Callable[[int], None]):
        self.world: World = process.world
        self.pid = process.pid
        self.runner = self.pid + 10_000
        self.packages: list[Package] = []
        self.dead, self.died_at = False, 0.0
        self.leaving = False
        self.heard_leave = 0
        self._deaf = self.world.deaf
        self._allowed = self._frozen = False
        self._take, self._ended = take, ended
        self._on_the_way: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self.world.workers.append(self)
        self._loop = self.world.loop

    # ---- the agent's end
    def say(self, message: Any) -> None:
        self._later(self._hear, message)

    def let_go(self) -> None:
        self._later(self._leave)

    def kill(self) -> None:
        self.die()

    def die(self, code: int = -9) -> None:
        """Its process ends; its packages do not."""
        if not self.dead:
            self.dead, self.died_at = True, self._loop.time()
            self._later(self._ended, code)

    # ---- the worker
    @property
    def mine(self) -> list[Package]:
        return [one for one in self.packages if one.held]

    def look(self) -> None:
        """Take what the pool has, one at a time."""
        able = self._allowed and not (self._frozen or self.leaving or self.dead)
        if able and self.world.connected and self.world.lengths and not self.mine:
            number = len(self.world.packages)
            seconds = self.world.lengths[number % len(self.world.lengths)]
            one = Package(f"run{number}", 40_000 + number, seconds)
            self.world.packages.append(one)
            self.packages.append(one)
            coming = p.ComingRun(run=one.run, package=f"p{number}", employer="alice")
            self._tell(p.Starting(runs=(coming,)))
            self._show()
            self._loop.call_later(BEGIN_S, self._begin, one)

    def has_ended(self, one: Package) -> None:
        if one in self.packages and not self.dead:
            self._tell_end(one, Outcome.DONE)
            self._show()
            self.look()

    def _begin(self, one: Package) -> None:
        if self.dead or not one.held:
            return
        if self._frozen or not self._allowed:
            self._hand_back([one])
            return
        self.world.go_on(one)
        self._tell(p.Started(run=one.run, group=one.pid))

    def _hear(self, message: Any) -> None:
        if self.dead:
            return
        match message:
            case p.Limits():
                self._tell(p.RunnerUp(pid=self.runner))
                self._show()
            case p.Starts(allowed):
                self._allowed = allowed
                self.look()
            case p.Freeze(number):
                self._frozen = True
                self.world.freeze([one for one in self.mine if one.state == "running"])
                self._tell(p.Frozen(number=number, runs=tuple(one.run for one in self.mine)))
            case p.Thaw():
                self._frozen = False
            case p.Leave():
                self.heard_leave += 1
                if not self._deaf:
                    self._leave()

    def _leave(self) -> None:
        if not (self.leaving or self.dead):
            self.leaving = True
            self._loop.call_later(HAND_BACK_S, self._left)

    def _left(self) -> None:
        if not self.dead:
            self._hand_back(self.mine)
            self.dead, self.died_at = True, self._loop.time()
            self._later(self._ended, 0)

    def _hand_back(self, found: list[Package]) -> None:
        for one in found:
            self.world.end(one, "handed back")
            self._tell_end(one, Outcome.HANDED_BACK)
        self._show()

    # ---- the pipe
    def _tell_end(self, one: Package, outcome: Outcome) -> None:
        ended = p.Ended(run=one.run, outcome=outcome, seconds=1.0, cpu_seconds=1.0, peak_memory=1)
        self._tell(ended)

    def _show(self) -> None:
        held = self.mine
        shown = tuple(
            ShownPackage(name=one.run, employer="alice", state="running", seconds=0.0)
            for one in held
        )
        self._tell(
            p.Snapshot(
                state="working",
                connected=self.world.connected,
                held=len(held),
                packages=shown,
                done=0,
            )
        )

    def _tell(self, message: Any) -> None:
        self._later(self._take, message)

    def _later(self, call: Callable[..., None], *args: Any) -> None:
        # Two that are due at the same moment must keep their order: asyncio does not promise it.
        self._on_the_way.append((call, args))
        self._loop.call_later(LATENCY_S, self._pass_on)

    def _pass_on(self) -> None:
        call, args = self._on_the_way.popleft()
        call(*args)
