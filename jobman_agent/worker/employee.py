"""A worker: its session core, performed. What `jobman work` and an agent's child process run.

One loop: whatever happens becomes an event; all events at hand are one step of the core; what it
says is first kept in one transaction, then what was received is acknowledged, then all the rest is
done. So whenever this process ends, the spool knows what was done and what was not.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.errors import StorageError
from jobman_agent.execution.tree import end_runs
from jobman_agent.log import get_logger
from jobman_agent.pool.contract import Pace, Sender
from jobman_agent.worker.exchange import Exchange
from jobman_agent.worker.link import Link, Supervisor
from jobman_agent.worker.performing import Performer, Tools
from jobman_agent.worker.preparing import Limits, Preparer
from jobman_agent.worker.reading import Reader
from jobman_agent.worker.runs import Runs
from jobman_agent.worker.session import actions as do
from jobman_agent.worker.session import events
from jobman_agent.worker.session.core import Core
from jobman_agent.worker.spool.shelf import Shelf, open_work_files
from jobman_agent.worker.spool.spool import Spool
from jobman_agent.worker.steady import SteadyTime
from jobman_agent.worker.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from jobman_agent.clock import Clock
    from jobman_agent.pool.contract import Pool
    from jobman_agent.trust.employers import Employers
    from jobman_agent.trust.keys import KeyPair
    from jobman_agent.trust.programs import Programs
    from jobman_agent.worker.errands import Ack
    from jobman_agent.worker.session.core import Snapshot
    from jobman_agent.worker.session.holdings import PC
    from jobman_agent.worker.session.rows import Loaded

_log = get_logger(__name__)

STOCK_FULL_S = 10.0
"""With work for so long here, an employer's words are looked for less often."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker works, and for whom: what its PC's owner has settled."""

    home: Path
    """JOBMAN_HOME; the worker claims a spool there."""
    pc: PC
    """What this PC is and offers; its `sandbox` is filled in once the runner is up."""
    key: KeyPair
    """Signs for this worker."""
    programs: Programs
    """What may be executed here."""
    employers: Employers
    """Whom this PC works for."""
    yields: bool = True
    """Whether packages yield to all else on this PC; False: they have a normal share of it."""
    sandbox: bool = True
    """Whether packages run in a sandbox, if this PC has one."""


class Worker:
    """One worker process; `run` is its whole life.

    Args:
        place: Where, and for whom.
        make_pool: Makes a pool for each connection; always with the same `Sender`. It is first
            called once the runner is up, so it is the place to import a broker's library.
        tell: What people should read; a step's number is in it where it is one (for ``-v``).
        wait_s: Seconds to wait for a pool that was never there; None: for ever.
        watch: Whom it tells what happens to packages on this PC.
        clock: The clocks of this PC.
        rng: What chance decides here: which offer, ids, pauses.
    """

    def __init__(
        self,
        place: Place,
        make_pool: Callable[[Sender], Pool],
        tell: Callable[[do.Tell], None],
        *,
        wait_s: float | None = None,
        watch: Watch | None = None,
        clock: Clock = SYSTEM_CLOCK,
        rng: random.Random | None = None,
    ) -> None:
        self._place = place
        self._make_pool = make_pool
        self._tell = tell
        self._wait_s = wait_s
        self._watch = watch or Watch()
        self._clock = clock
        self._rng = rng or random.SystemRandom()
        self._events: list[events.Event] = []
        self._acks: list[tuple[Link, Ack]] = []
        self._happened = asyncio.Event()
        self._failure: BaseException | None = None
        self._core: Core | None = None
        self._performer: Performer | None = None
        self._runs: Runs | None = None
        self._link: Link | None = None
        self._supervisor: Supervisor | None = None
        self._floor_s = 0.0

    # ---- what others may say, from the loop's own thread
    def leave(self, why: str, *, at_once: bool = False, grace: bool = True) -> None:
        """Hand everything back and end.

        Args:
            why: For people, the employer too.
            at_once: Wait for nothing.
            grace: Whether what runs has time for its checkpoints.
        """
        if at_once and self._performer is not None:
            self._performer.hurry.set()
        self.post([events.Leave(why, at_once, grace)])

    def freeze(self) -> None:
        """The owner is back: stop everything that runs, at once."""
        self.post([events.Freeze()])

    async def freeze_now(self) -> tuple[str, ...]:
        """The same, also while a disk is waited for; returns what is stopped, once it is."""
        self.freeze()
        if self._runs is None:
            return ()
        self._runs.held = True
        return await self._runs.freeze()

    def allow_starts(self, allowed: bool) -> None:
        """Whether packages may begin; while they may not, what waits is handed back."""
        self.post([events.Starts(allowed)])

    def thaw(self) -> None:
        """The owner has gone: go on."""
        if self._runs is not None:
            self._runs.held = False
        self.post([events.Thaw()])

    def willing(self, until: str | None) -> None:
        """Until when this PC expects to be free."""
        self.post([events.Willing(until)])

    def snapshot(self) -> Snapshot | None:
        """What this worker does now; None before it is up."""
        return self._core.snapshot() if self._core is not None else None

    @property
    def runner_pid(self) -> int | None:
        """The process below which all packages run; None while there is none."""
        return self._runs.pid if self._runs is not None else None

    def post(self, happened: Sequence[events.Event]) -> None:
        """Let the core know what happened."""
        if happened:
            self._events += happened
            self._happened.set()

    # ---- life
    async def run(self) -> None:
        """Work until there is a reason to leave, which is told.

        Raises:
            PoolRefused: the first login was refused.
            PoolMisused: the pool holds something that must not be there.
            PoolUnavailable: it did not come within `wait_s`.
            PackageDidNotStart: the runner did not come up.
            StorageError: the spool cannot be read or written.
        """
        async with AsyncExitStack() as stack:
            spool = stack.enter_context(Spool.open(self._place.home))
            loaded, dead = spool.load(open_work_files)
            ended = await asyncio.to_thread(end_runs, frozenset(dead))
            if ended:
                self._tell(do.Tell(f"ended {ended} processes of a worker that died", warning=True))
            spool.remove_runner_folders()
            runs = self._runs = Runs(
                spool,
                loaded.start,
                self.post,
                self._tell,
                watch=self._watch,
                yields=self._place.yields,
            )
            stack.push_async_callback(runs.close)
            sandbox = await runs.open()
            pc = replace(self._place.pc, sandbox=sandbox if self._place.sandbox else "none")
            await self._work(stack, spool, loaded, runs, pc)

    async def _work(
        self, stack: AsyncExitStack, spool: Spool, loaded: Loaded, runs: Runs, pc: PC
    ) -> None:
        time = SteadyTime(self._clock, max((b.made for b in loaded.batches), default=0.0))
        core = self._core = Core(pc, self._rng)
        exchange = Exchange(spool.files, core, self._place.key, self._clock, self.post)
        stack.push_async_callback(exchange.close)
        reader = Reader(self._place.employers, self._place.programs, spool.files)
        shelf = Shelf(spool)
        limits = Limits(pc.memory, pc.disk, pc.sandbox != "none")
        tools = Tools(
            spool=spool,
            shelf=shelf,
            preparer=Preparer(shelf, spool.files, spool.folder, self._place.programs, limits),
            runs=runs,
            exchange=exchange,
            reader=reader,
            judge=self._place.employers,
            key=self._place.key,
        )
        performer = self._performer = Performer(tools, self._clock, self._tell, self.post)
        sender = Sender(self._place.key.id, loaded.start, str(spool.number))
        self._supervise(stack, exchange, reader, sender)
        self.post([events.Started(loaded)])
        while performer.exit is None:
            await self._turn(core, performer, time)
            await self._wait(core, time)
        self._tell(do.Tell(f"left: {performer.exit.why}"))
        with suppress(StorageError):  # what is not kept will be learned anew
            await performer.flush()

    def _supervise(
        self, stack: AsyncExitStack, exchange: Exchange, reader: Reader, sender: Sender
    ) -> None:
        def make_link() -> Link:
            return Link(self._make_pool(sender), reader, exchange, self._clock, self._received)

        def up(link: Link) -> None:
            exchange.connected(link)
            self._link = link
            self.post([events.Connected(link.pool)])

        def down(link: Link) -> None:
            exchange.disconnected()
            self._link = None
            self._acks = [(old, ack) for old, ack in self._acks if old is not link]
            self.post([events.Disconnected()])

        supervisor = self._supervisor = Supervisor(
            make_link, self._clock, self._rng, self._tell, self._wait_s
        )
        task = asyncio.create_task(supervisor.run(up, down, self._disk_failed))
        task.add_done_callback(self._supervisor_ended)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        stack.push_async_callback(end)

    def _supervisor_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._failure = task.exception()
            self._happened.set()

    async def _disk_failed(self, exc: StorageError) -> None:
        self._tell(do.Tell(f"waiting for the disk: {exc}", warning=True))

    def _received(self, happened: Sequence[events.Event], ack: Ack | None, link: Link) -> None:
        if ack is not None:
            self._acks.append((link, ack))
            self._happened.set()
        self.post(happened)

    # ---- one turn
    async def _turn(self, core: Core, performer: Performer, time: SteadyTime) -> None:
        happened, self._events = self._events, []
        acks, self._acks = self._acks, []
        moment = time.look()
        if moment.slept:
            happened.append(events.Woke())
            self._woke()
        for event in happened:
            if isinstance(event, events.Connected | events.Disconnected):
                performer.link = self._link if isinstance(event, events.Connected) else None
            elif isinstance(event, events.OffersSeen):
                self._watch.offers_seen(event.offers)
            elif isinstance(event, events.Received) and event.message.poll_s is not None:
                self._floor_s = event.message.poll_s
        actions = core.step(moment.now, *happened, wall=moment.wall)
        await performer.keep(actions)
        for link, ack in acks:
            link.put(ack)
        await performer.perform(actions)
        self._watch.turned(core)
        if performer.link is not None:
            performer.link.expect(self._pace(core), self._floor_s)

    def _woke(self) -> None:
        if self._link is not None:
            self._link.abandon()
        if self._supervisor is not None:
            self._supervisor.hurry.set()

    def _pace(self, core: Core) -> Pace:
        match core.word():
            case "asked":
                return Pace.ANSWER
            case "working":
                return Pace.FULL if core.stock_s() > STOCK_FULL_S else Pace.LOW
            case _:
                return Pace.FULL

    async def _wait(self, core: Core, time: SteadyTime) -> None:
        if not self._happened.is_set():
            # Not wait_for: in Python 3.11 it can swallow that we are cancelled.
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.005, core.due() - time.now())):
                    await self._happened.wait()
        # Let all who have something to say say it: what comes together is one transaction.
        await asyncio.sleep(0)
        self._happened.clear()
        if self._failure is not None:
            raise self._failure
