"""A runner in simulated time: packages run in slots, stop while frozen, and can be ended."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .truth import Ran

if TYPE_CHECKING:
    from collections.abc import Callable

    from .kernel import Node
    from .truth import Job, Truth


@dataclass
class Run:
    token: str
    attempt: int
    truth: Truth
    job: Job
    left: float = 0.0
    used: float = 0.0
    since: float = 0.0
    plan: int = 0


class Runner:
    """`began` is called with a token, `ended` with a run, how it ended, and whether it began."""

    def __init__(
        self,
        node: Node,
        began: Callable[[str], None],
        ended: Callable[[Run, str, bool], None],
        how_it_ends: Callable[[Run], str],
    ) -> None:
        self.node, self.began, self.ended, self.how_it_ends = node, began, ended, how_it_ends
        self.slots, self.still = 1, False
        self.waiting: deque[Run] = deque()
        self.running: dict[str, Run] = {}
        self.begun = 0
        """How many orders have begun: a counter that survives the process."""

    def submit(self, run: Run) -> None:
        self.waiting.append(run)
        self.fill()

    def fill(self) -> None:
        while self.waiting and len(self.running) < self.slots and not self.still:
            run = self.waiting.popleft()
            self.begun += 1
            self.running[run.token] = run
            run.job.begins(self.node.sim, run.truth.name, self.node.name)
            self.node.after(0.0, self.began, run.token)
            self._go(run)

    def _go(self, run: Run) -> None:
        run.plan += 1
        run.since = self.node.sim.now
        ends = [(run.truth.seconds, "done")]
        if run.truth.kills_after is not None:
            ends.append((run.truth.kills_after, "killer"))
        ends.append((run.job.limit, "timed out"))
        when, how = min(ends)
        self.node.after(max(0.0, when - run.used), self._over, run, run.plan, how)

    def _over(self, run: Run, plan: int, how: str) -> None:
        if plan == run.plan and run.token in self.running:
            self.finish(run, self.how_it_ends(run) if how == "done" else how)

    def finish(self, run: Run, how: str) -> None:
        self._halt(run)
        del self.running[run.token]
        run.job.ends(Ran(run.truth.name, run.attempt, self.node.name, run.used, how))
        self.ended(run, how, True)
        self.fill()

    def _halt(self, run: Run) -> None:
        run.plan += 1
        if not self.still:
            run.used += self.node.sim.now - run.since
            run.since = self.node.sim.now

    def kill(self, token: str, *, only_waiting: bool) -> None:
        for run in list(self.waiting):
            if run.token == token:
                self.waiting.remove(run)
                self.ended(run, "handed back", False)
                return
        run_now = self.running.get(token)
        if run_now is not None and not only_waiting:
            self.finish(run_now, "handed back")

    def pause(self) -> None:
        if not self.still:
            for run in self.running.values():
                self._halt(run)
            self.still = True

    def go_on(self) -> None:
        if self.still:
            self.still = False
            for run in self.running.values():
                self._go(run)
            self.fill()

    def die(self, how: str) -> None:
        """The PC's process has died, and everything that ran with it."""
        for run in list(self.running.values()):
            self._halt(run)
            run.job.ends(Ran(run.truth.name, run.attempt, self.node.name, run.used, how))
        self.running.clear()
        self.waiting.clear()
