"""The worker's process in the agent's hands: started, frozen, told to leave, ended, swept.

Whatever takes longer than a signal is done in one thread, in the order in which it was wanted, so
that the event loop never waits for a tree of processes, and a new worker never begins before the
one before is swept.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from logging import INFO, WARNING
from typing import TYPE_CHECKING

from jobman_agent.control import pipe_messages as words
from jobman_agent.control.pipe import WorkerProcess
from jobman_agent.execution import Enclosure, hurry, processes, tree
from jobman_agent.log import get_logger

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence

    from jobman_agent.agent.kept_runs import KeptRuns
    from jobman_agent.control.pipe_messages import AgentSays, WorkerSays

GUARD_S = 0.05
GUARD_LATER_S = 0.5
GUARD_CLOSE_S = 3.0
"""What is frozen is looked at so often, and after this many seconds more seldom."""
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Handlers:
    """Whom the worker's news goes to; called in the event loop."""

    snapshot: Callable[[words.Snapshot], None]
    ended: Callable[[words.ComingRun, words.Ended], None]
    """A package has ended."""
    gone: Callable[[str], None]
    """The process has ended, or could not be started; the text says how."""
    lost: Callable[[Sequence[words.ComingRun]], None]
    """What a dead worker held."""
    unknown: Callable[[words.UnknownEmployer], None]
    """Somebody offers work whom the owner has not judged."""


class Child:
    """At most one worker process at a time.

    Args:
        spawn: Starts it; its stdin and stdout are the pipe.
        handlers: Whom its news goes to.
        kept: Where the runs are kept.
        end_orphans: Ends what this process has adopted, where it does so; says how many.
    """

    def __init__(
        self,
        spawn: Callable[[], subprocess.Popen[bytes]],
        handlers: Handlers,
        kept: KeptRuns,
        end_orphans: Callable[[], int] = int,
    ) -> None:
        self._kept = kept
        self._end_orphans = end_orphans
        self._spawn = spawn
        self._handlers = handlers
        self._hands = ThreadPoolExecutor(1, thread_name_prefix="hands")
        self._process: WorkerProcess | None = None
        self._runs: dict[str, words.ComingRun] = {}
        self._groups: dict[str, int] = {}
        self._enclosure = Enclosure()
        self._root: int | None = None
        self._first: tuple[AgentSays, ...] = ()
        self._freezes = 0
        self._frozen = False
        self._guard: asyncio.TimerHandle | None = None
        self._guarded: asyncio.Future[None] | None = None
        self._closely_until = 0.0
        self._leaving = ""
        self._complaint = ""

    @property
    def pid(self) -> int | None:
        """Its process; None while there is none."""
        return None if self._process is None else self._process.pid

    @property
    def told_to_leave(self) -> bool:
        """Whether its end is no surprise."""
        return bool(self._leaving)

    def end_old(self) -> None:
        """End what is left of an agent that was killed, with its worker and its runner."""
        old = self._kept.load()
        if old:
            future = asyncio.get_running_loop().run_in_executor(self._hands, tree.end_runs, old)
            future.add_done_callback(lambda done: self._swept((), done))

    def start(self, limits: words.Limits, until: words.WillingUntil) -> None:
        """Start it as soon as what was before is done; its death is told by ``gone``."""
        self._first = (limits, until, words.Starts(allowed=True))
        self._leaving, self._frozen = "", False
        self._after(self._begin)

    def say(self, message: AgentSays) -> None:
        """Say something to it, if it is there."""
        if self._process is not None:
            self._process.say(message)

    def freeze(self) -> None:
        """Stop all packages: their groups before this returns, then whoever slips away."""
        self._freezes += 1
        self._frozen = True
        self.say(words.Freeze(self._freezes))
        if self._root is not None:
            # With the least share of a busy PC they would not even stop soon.
            hurry(now=True, of=self._root)
        for group in self._groups.values():
            processes.freeze_group(group)
        self._sweep_frozen()
        self._closely_until = asyncio.get_running_loop().time() + GUARD_CLOSE_S
        if self._guard is None:
            self._keep_frozen()

    def thaw(self) -> None:
        """Let all packages go on."""
        self._frozen = False
        self.say(words.Thaw())
        tokens, groups = frozenset(self._runs), tuple(self._groups.values())

        def thaw() -> None:
            if not self._frozen:
                tree.thaw(tokens, groups)
                processes.let_go()

        self._hands.submit(thaw)

    def leave(self, why: str) -> None:
        """Tell it to hand back and end, once all that is to be frozen is."""
        self._leaving = why
        # What it lets go on in order to end it must not be frozen once more.
        self._frozen = False
        self._hands.submit(processes.let_go)
        self._after(lambda: self.say(words.Leave(why)))

    def kill(self) -> None:
        """End its whole tree now."""
        process, tokens = self._process, frozenset(self._runs)
        if process is None:
            return
        pid = process.pid

        def kill() -> None:
            below = processes.below([pid])
            process.kill()
            for one in below:
                processes.kill_one(one)
            self._enclosure.end()
            tree.end_runs(tokens)

        self._hands.submit(kill)

    def sweep(self) -> None:
        """Verify that nothing is left of the one that has gone, and end what is."""
        runs, groups, root = self._runs, tuple(self._groups.values()), self._root
        self._runs, self._groups, self._root = {}, {}, None

        def sweep() -> int:
            roots = [] if root is None else [root, *processes.below([root])]
            left = [one for one in (*roots, *tree.members((), groups)) if processes.is_alive(one)]
            for one in left:
                processes.kill_one(one)
            count = len(left) + self._enclosure.end()
            return count + tree.end_runs(frozenset(runs)) + self._end_orphans()

        future = asyncio.get_running_loop().run_in_executor(self._hands, sweep)
        future.add_done_callback(lambda done: self._swept(tuple(runs.values()), done))

    def own_pids(self) -> list[int]:
        """Every process of the agent and its worker; for any thread."""
        here = os.getpid()
        groups = tuple(self._groups.values())
        strays = tree.members((), groups) if groups else []
        return list({here, *processes.below([here]), *strays, *self._enclosure.pids()})

    async def close(self) -> None:
        """Wait for what is being done; the worker, if there is one, is let go."""
        if self._process is not None:
            self._process.let_go()
        if self._guard is not None:
            self._guard.cancel()
        # One that was to begin after what is still being done begins no more.
        self._leaving = self._leaving or "the agent ends"
        await asyncio.to_thread(self._hands.shutdown)
        self._kept.close()

    # ---- in order
    def _after(self, then: Callable[[], None]) -> None:
        """Do it in the loop once the thread has done all that it was given before."""
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._hands, int)
        future.add_done_callback(lambda _: then())

    def _begin(self) -> None:
        if self._leaving:
            self._handlers.gone("it was not wanted any more")
            return
        try:
            process = self._spawn()
        except OSError as exc:
            self._handlers.gone(f"it cannot be started: {exc}")
            return
        try:
            self._enclosure.take(process)
        except OSError as exc:
            with process:
                process.kill()
            self._handlers.gone(str(exc))
            return
        self._complaint = ""
        self._process = WorkerProcess(process, self._heard, self._gone)
        _log.info("worker %d started", process.pid)
        for message in self._first:
            self.say(message)

    def _sweep_frozen(self) -> None:
        number = self._freezes
        tokens, groups, root = frozenset(self._runs), tuple(self._groups.values()), self._root

        def sweep() -> None:
            if number != self._freezes:
                return  # a later one is to come, and sees more
            left = 0 if root is None else tree.freeze_below(root, groups)
            if tokens or groups:
                left += tree.freeze(tokens, groups)
            if left:
                _log.warning("%d processes of packages could not be stopped within 1 s", left)

        self._hands.submit(sweep)

    def _keep_frozen(self) -> None:
        """Freeze whoever is made to go on by another: a runner that hears late of a thaw, say.

        On a busy PC the runner has the least share of the processor. It may act on the thaw before
        this freeze only seconds after it, and everything would run until it reads on.
        """
        self._guard = None
        if not self._frozen or self._process is None:
            return
        loop, root = asyncio.get_running_loop(), self._root
        if root is not None and (self._guarded is None or self._guarded.done()):
            self._guarded = loop.run_in_executor(self._hands, self._freeze_below, root)
        closely = loop.time() < self._closely_until
        self._guard = loop.call_later(GUARD_S if closely else GUARD_LATER_S, self._keep_frozen)

    def _freeze_below(self, root: int) -> None:
        if self._frozen:
            # Not the groups: on Windows a process that is suspended twice must be resumed twice.
            tree.freeze_below(root, ())

    def _swept(self, held: Sequence[words.ComingRun], done: asyncio.Future[int]) -> None:
        count = 0 if done.cancelled() else done.result()
        self._kept.keep(self._runs)
        if not count and not held:
            return
        what = ", ".join(run.package for run in held) or "no package"
        _log.warning("a worker ended while it held %s; %d processes were left: ended", what, count)
        self._handlers.lost(held)

    # ---- what it says
    def _heard(self, message: WorkerSays) -> None:
        match message:
            case words.RunnerUp():
                self._root = message.pid
            case words.Starting():
                self._runs |= {one.run: one for one in message.runs}
                self._kept.keep(self._runs)
            case words.Started():
                self._has_begun(message)
            case words.Ended():
                self._has_ended(message)
            case words.Frozen():
                if self._frozen and message.number == self._freezes:
                    self._sweep_frozen()
            case words.Snapshot():
                self._handlers.snapshot(message)
            case words.UnknownEmployer():
                self._handlers.unknown(message)
            case words.Said():
                self._say_on(message)

    def _say_on(self, said: words.Said) -> None:
        _log.log(WARNING if said.warning else INFO, "worker: %s", said.text)
        if said.warning:
            self._complaint = f": {said.text}"

    def _has_begun(self, begun: words.Started) -> None:
        self._groups[begun.run] = begun.group
        if self._frozen:  # it was on its way
            processes.freeze_group(begun.group)
            self._sweep_frozen()

    def _has_ended(self, ended: words.Ended) -> None:
        self._groups.pop(ended.run, None)
        run = self._runs.pop(ended.run, None)
        if run is not None:
            self._kept.keep(self._runs)
            self._handlers.ended(run, ended)

    def _gone(self, code: int) -> None:
        self._process = None
        _log.info("the worker has ended with %d", code)
        self._handlers.gone(f"it ended with exit code {code}{self._complaint}")
