"""Hiring: the shell around the session core, from the offer to the end of the job.

One path for first start, reconnect, wake-up and crash: connect, listen, read what waits, go on.
Rules that hold here:

1. One task steps the core. Whatever it decides is committed before anything of it is sent, and
   what was received is acknowledged after that.
2. Nothing is judged and nothing waits in that task: lanes send, the evaluator judges, a thread
   writes results/.
3. Every fault of our own side (disk, job folder) ends the run with that error; every fault of the
   pool only means to connect again, after 1 to 60 s.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.employer.evaluating import Evaluator
from jobman_agent.employer.hiring.connection import Connection
from jobman_agent.employer.hiring.exchange import Exchange
from jobman_agent.employer.hiring.packing import Packer
from jobman_agent.employer.hiring.performing import Performer
from jobman_agent.employer.hiring.receiving import Entry
from jobman_agent.employer.hiring.tools import Tools
from jobman_agent.employer.journal.journal import JOB_WIDE
from jobman_agent.employer.progress import Pacer, Progress, snapshot
from jobman_agent.employer.results.contents import Contents
from jobman_agent.employer.results.outcomes import Outcomes
from jobman_agent.employer.session.core import Core
from jobman_agent.employer.session.events import (
    Connected,
    Disconnected,
    Ended,
    Finished,
    Hand,
    Judge,
    Moment,
    Save,
    SendFailed,
    Started,
    Tell,
    Tick,
    WithdrawRequested,
)
from jobman_agent.errors import PoolUnavailable, Undeliverable
from jobman_agent.log import get_logger
from jobman_agent.pool.contract import Sender

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from jobman_agent.clock import Clock
    from jobman_agent.employer.opening import OpenJob
    from jobman_agent.employer.session.events import Action, Event, FilesComplete, JobPlan
    from jobman_agent.employer.session.records import Row
    from jobman_agent.model.messages import Wanted
    from jobman_agent.pool.contract import Pool
    from jobman_agent.trust.keys import KeyPair

_LONGEST_PAUSE_SECONDS = 60.0
_MOST_IN_A_TRANSACTION = 100
_WITHDRAW_SECONDS = 20.0
_NOT_YET = "not connected yet"

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Hired:
    """How a run of ``employ`` ended."""

    accepted: int
    failed: int
    left: int
    """Packages that have not ended: the offer was withdrawn before."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who is told what; all are called in the event loop."""

    tell: Callable[[str], None]
    """Lines for the person."""
    step: Callable[[int, str], None] = lambda number, text: None
    """Lines of ``-v``, with the mission's step number."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a job is worked at."""

    python: Path | None = None
    """What ``python`` stands for in the job's check; None: the interpreter that runs jobman."""
    wait_s: float | None = None
    """So long at most the pool may be out of reach; None: for ever."""
    tick_s: float = 2.0
    """Seconds between two ticks of the core."""
    pause_s: float = 1.0
    """Seconds before the first new connection; then twice as many, up to 60."""
    quiet_s: float = 1.0
    """So long nothing must come before all that waited in the pool counts as read."""
    clock: Clock = SYSTEM_CLOCK


USUAL = Options()


class Hiring:
    """Works at one job until it is done or withdrawn; run it once.

    Args:
        opened: The job, with its journal.
        plan: What the core needs to know of it (``plan_of``).
        key: The employer's key pair.
        make_pool: A new pool object for each connection.
        listeners: Who is told what.
        options: How it is done.
    """

    def __init__(
        self,
        opened: OpenJob,
        plan: JobPlan,
        key: KeyPair,
        make_pool: Callable[[Sender], Pool],
        listeners: Listeners,
        options: Options = USUAL,
    ) -> None:
        clock = options.clock
        journal = opened.journal
        self._opened = opened
        self._journal = journal
        self._make_pool = make_pool
        self._listeners = listeners
        self._wait_s = options.wait_s
        self._tick_s = options.tick_s
        self._pause_s = options.pause_s
        contents = Contents(journal)
        packer = Packer(opened.job)
        self._tools = Tools(
            key=key,
            offer=opened.offer,
            core=Core(plan, opened.journalled, random.Random(), _now(clock)),  # noqa: S311
            packer=packer,
            contents=contents,
            exchange=Exchange(journal, packer, self._files_complete, self._ask_files),
            clock=clock,
            quiet_s=options.quiet_s,
        )
        self._evaluator = Evaluator(
            opened.job, contents, journal.folder / "checks", options.python, listeners.tell
        )
        self._outcomes = Outcomes(opened.job.root, self._tools, journal, listeners.tell)
        self._pacer = Pacer()
        self._queue: asyncio.Queue[Entry] = asyncio.Queue()
        self._performer: Performer | None = None
        self._prints: dict[str, str] = {}
        self._fault: asyncio.Future[Exception] | None = None
        self._done = asyncio.Event()
        self._withdrawn = asyncio.Event()
        self._pool_trouble = _NOT_YET
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> Hired:
        """Work until every package has ended, or until ``withdraw``.

        Raises:
            PoolRefused: login or permission.
            PoolMisused: something in the pool must not be there.
            PoolUnavailable: out of reach for longer than ``wait_s``.
            InputError: the job folder cannot be read any more.
            StorageError: this PC's disk.
        """
        self._fault = asyncio.get_running_loop().create_future()
        await self._first_steps()
        state = self._tools.core.state
        try:
            if not (state.job.ended and not state.left):
                await self._work()
        finally:
            await self._wind_up()
        return Hired(state.accepted, state.failed, state.left)

    def withdraw(self) -> None:
        """Take the offer down and stop; workers finish what they hold, the next run goes on."""
        if not self._tools.core.state.road.withdrawn:
            text = "workers finish what they hold, and their results wait for the next run"
            self._listeners.tell(text)
            self._feed(Entry([WithdrawRequested()]))
            if self._performer is None:
                self._withdrawn.set()
            else:
                asyncio.get_running_loop().call_later(_WITHDRAW_SECONDS, self._withdrawn.set)

    def progress(self) -> Progress:
        """How the job stands now."""
        state = self._tools.core.state
        state.now = self._tools.now
        found = snapshot(state, self._tools.core.offering, self._pacer, pool=self._pool_trouble)
        return self._outcomes.add_to(found)

    # ---- life
    async def _first_steps(self) -> None:
        """Everything that needs no pool: the start number, what waits to be judged or written."""
        job = self._opened.job
        self._prints[JOB_WIDE] = await asyncio.to_thread(job.job_fingerprint)
        await self._handle([Entry([Started()])])
        await self._outcomes.begin()

    async def _work(self) -> None:
        assert self._fault is not None  # noqa: S101 - made by run
        main = [
            asyncio.create_task(self._drive(), name="drive"),
            asyncio.create_task(self._tick(), name="tick"),
            asyncio.create_task(self._connections(), name="connections"),
        ]
        ends: list[asyncio.Task[Any]] = [
            asyncio.create_task(event.wait()) for event in (self._done, self._withdrawn)
        ]
        try:
            waiting: set[asyncio.Future[Any]] = {*main, *ends, self._fault}
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in main:
                if task in done:
                    task.result()
            if self._fault.done():
                raise self._fault.result()
        finally:
            everything: list[asyncio.Task[Any]] = [*main, *ends, *self._tasks]
            for task in everything:
                task.cancel()
            await asyncio.gather(*everything, return_exceptions=True)

    async def _wind_up(self) -> None:
        await self._evaluator.close()
        await self._outcomes.close()

    async def _connections(self) -> None:
        """The supervisor: one connection after the other."""
        clock = self._tools.clock
        sender = Sender(id=self._tools.key.id, start=self._tools.core.state.job.start)
        pause, there = self._pause_s, clock.monotonic()
        while True:
            connection = Connection(
                self._make_pool(sender), self._tools, self._feed, self._note_fault
            )
            try:
                await connection.open()
                self._connected(connection)
                trouble: Exception = await connection.serve()
                pause, there = self._pause_s, clock.monotonic()
            except (PoolUnavailable, Undeliverable) as exc:
                trouble = exc
            finally:
                self._performer = None
                self._feed(Entry([Disconnected()]))
                await connection.close()
            self._tell_trouble(str(trouble))
            waited = clock.monotonic() - there
            if self._wait_s is not None and waited >= self._wait_s:
                raise PoolUnavailable(str(trouble)) from trouble
            left = _LONGEST_PAUSE_SECONDS if self._wait_s is None else self._wait_s - waited
            jitter = random.uniform(0.5, 1.0)  # noqa: S311 - so that not all come back at once
            await asyncio.sleep(min(pause * jitter, max(0.05, left)))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _connected(self, connection: Connection) -> None:
        for note in connection.pool.notes:
            self._listeners.tell(note)
        if self._pool_trouble not in ("", _NOT_YET):
            self._listeners.tell("the pool is there")
        self._pool_trouble = ""
        self._performer = Performer(connection, self._note_prints, self._note_withdrawn)
        self._feed(Entry([Connected()]))
        self._begin(self._tools.exchange.resume(self._tools.clock.monotonic()))

    def _tell_trouble(self, trouble: str) -> None:
        if self._pool_trouble != trouble:
            self._pool_trouble = trouble
            self._listeners.tell(f"waiting for the pool: {trouble}")

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._tick_s)
            state = self._tools.core.state
            now = self._tools.clock.monotonic()
            self._pacer.note(now, state.accepted)
            self._feed(Entry([Tick()]))
            await self._tools.exchange.again(now)
            await self._outcomes.refresh_summary(now)

    # ---- the core
    def _feed(self, entry: Entry) -> None:
        self._queue.put_nowait(entry)

    async def _drive(self) -> None:
        while True:
            entries = [await self._queue.get()]
            while not self._queue.empty() and len(entries) < _MOST_IN_A_TRANSACTION:
                entries.append(self._queue.get_nowait())
            await self._handle(entries)

    async def _handle(self, entries: list[Entry]) -> None:
        """Step the core, commit, and have done what it wants."""
        rows: list[Row] = []
        actions: list[Action] = []
        finished = False
        for entry in entries:
            for event in entry.events:
                finished = finished or isinstance(event, Finished)
                self._step(event, rows, actions)
        kept = [kept for entry in entries for kept in entry.kept]
        prints, self._prints = self._prints, {}
        if rows or kept or prints:
            await self._journal.save(rows, kept, prints)
        for entry in entries:
            if entry.committed is not None:
                entry.committed()
        for action in actions:
            self._perform(action)
        if finished:
            self._done.set()

    def _step(self, event: Event, rows: list[Row], actions: list[Action]) -> None:
        """One step, and those that follow at once: results that are judged in no time."""
        for action in self._tools.core.step(event, self._tools.now):
            if isinstance(action, Save):
                rows.extend(action.rows)
            elif isinstance(action, Judge) and (found := self._evaluator.at_once(action)):
                self._step(found, rows, actions)
            else:
                actions.append(action)

    def _perform(self, action: Action) -> None:
        match action:
            case Tell(text, None):
                self._listeners.tell(text)
            case Tell(text, int(number)):
                self._listeners.step(number, text)
            case Judge():
                self._begin(self._judge(action))
            case Ended():
                self._outcomes.write(action)
            case _ if self._performer is not None:
                self._performer.perform(action)
            case Hand(session, _, packages):
                # Decided before the core heard that the connection is lost; all else that is
                # wanted of a pool is wanted anew after the next ``Connected``.
                names = tuple((package.package, package.attempt) for package in packages)
                self._feed(Entry([SendFailed(session, undeliverable=False, packages=names)]))

    async def _judge(self, action: Judge) -> None:
        self._feed(Entry([await self._evaluator.later(action)]))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as exc:  # noqa: BLE001 - a task's boundary: the run ends with it
            self._note_fault(exc)

    # ---- what others tell
    def _note_fault(self, exc: Exception) -> None:
        if self._fault is not None and not self._fault.done():
            self._fault.set_result(exc)

    def _note_prints(self, prints: dict[str, str]) -> None:
        self._prints.update(prints)

    def _note_withdrawn(self) -> None:
        if self._tools.core.state.road.withdrawn:
            self._withdrawn.set()

    def _files_complete(self, event: FilesComplete) -> None:
        self._feed(Entry([event]))

    def _ask_files(self, session: str, wanted: list[Wanted]) -> None:
        if self._performer is not None:
            self._performer.ask_files(session, wanted)


def _now(clock: Clock) -> Moment:
    return Moment(clock.monotonic(), clock.now().timestamp())
