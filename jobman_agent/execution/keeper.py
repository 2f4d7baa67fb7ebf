"""Watches what runs: time, memory, disk, processes, output. One thread for all slots.

It looks 20 times a second while something runs, and not at all otherwise. The time that a run has
: a look that comes late (the PC slept, the runner was stopped) or
finds the run suspended, by whomever, counts nothing more than one interval.
"""

from __future__ import annotations

import logging
import selectors
import threading
import time
from typing import TYPE_CHECKING

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.execution import hurry, processes
from jobman_agent.execution.orders import Outcome

if TYPE_CHECKING:
    from jobman_agent.execution import Survivors
    from jobman_agent.execution.run import Run
    from jobman_agent.execution.waiting import Waiting

_log = logging.getLogger(__name__)

_LOOK = 0.05
"""Seconds between two looks."""
_LATE = 1.0
"""A look this much too late means that the runner itself did not run."""
_LOOKS_PER_MEMORY = 20
_DISK_SECONDS = 2.0
_DISK_SHARE = 50
"""Looking through a folder may take at most 1/50 of the time."""
_MOST_PROCESSES = 2000
_MUCH = 32 << 10
"""Bytes in one look that mean: stay with it, the package waits for its full pipe."""


class Keeper:
    """Ends what breaks its limits and reads what prints much."""

    def __init__(self, waiting: Waiting, survivors: Survivors, *, yields: bool) -> None:
        self.yields = yields
        """Whether packages, and the runner with them, get the least share of the PC."""
        self._waiting = waiting
        self._survivors = survivors
        self._looks = 0
        self._hurries = not yields
        self._work = threading.Event()
        self._chatty: dict[int, Run] = {}
        """Runs that print much, by their output's descriptor."""
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There may be something to watch. For any thread."""
        if not self._work.is_set():
            self._work.set()

    def hurry(self) -> None:
        """Packages are to be ended or suspended: the runner must not be slow. For any thread."""
        if not self._hurries:
            self._hurries = hurry(now=True)

    def _keep(self) -> None:
        last = SYSTEM_CLOCK.monotonic()
        while True:
            if not self._waiting.begun():
                self._calm_down([])
                self._work.clear()
                if not self._waiting.begun():
                    self._work.wait()
                last = SYSTEM_CLOCK.monotonic()
            self._pump(last + _LOOK)
            now = SYSTEM_CLOCK.monotonic()
            try:
                self._look(self._waiting.begun(), now, now - last)
            except Exception:  # noqa: BLE001 - the thread's boundary: others are watched on
                _log.exception("watching what runs")
            last = now

    def _look(self, runs: list[Run], now: float, passed: float) -> None:
        self._looks += 1
        for run in runs:
            child = run.child
            if child is None:
                continue
            if self._waiting.frozen or processes.is_stopped(child.pid):
                run.paused += passed
            elif passed > _LATE:
                run.paused += passed - _LOOK
            run.kill_if_due(now)
            if run.seconds(now) > run.order.seconds:
                why = f"it ran for {run.order.seconds:g} s, its limit"
                run.end(Outcome.TIMED_OUT, why, now, run.order.grace)
            if self._looks % _LOOKS_PER_MEMORY == 0:
                self._look_at_memory(run, child.pid, now)
            if not run.look_at_disk:
                run.look_at_disk = now + _DISK_SECONDS
            elif now >= run.look_at_disk:
                self._look_at_disk(run, now)
            if run.drain() >= _MUCH:
                self._stay_with(run)
        self._calm_down(runs)

    def _calm_down(self, runs: list[Run]) -> None:
        if self._waiting.frozen or any(run.outcome is not None for run in runs):
            self.hurry()
        elif self._hurries and self.yields:
            self._hurries = not hurry(now=False)

    def _look_at_memory(self, run: Run, pid: int, now: float) -> None:
        members = self._survivors.members(run.order.run, pid, self._waiting.groups)
        total = sum(processes.memory(member) for member in members)
        run.peak_memory = max(run.peak_memory, total)
        limit = run.order.memory
        if limit and total > limit:
            why = f"it used {_mb(total)} MB of memory; its limit is {_mb(limit)} MB"
            run.end(Outcome.FAILED, why, now, 0)
        if len(members) > _MOST_PROCESSES:
            why = f"it had {len(members)} processes at once; at most {_MOST_PROCESSES} are allowed"
            run.end(Outcome.FAILED, why, now, 0)

    def _look_at_disk(self, run: Run, now: float) -> None:
        limit = run.order.disk
        if (size := run.folder_size(limit)) > limit:
            why = f"its folder holds {_mb(size)} MB or more; its limit is {_mb(limit)} MB"
            run.end(Outcome.FAILED, why, now, 0)
        took = SYSTEM_CLOCK.monotonic() - now
        run.look_at_disk = now + max(_DISK_SECONDS, took * _DISK_SHARE)

    def _stay_with(self, run: Run) -> None:
        launcher = run.launcher
        if launcher is None or launcher.output < 0:  # Windows: a thread reads it
            return
        if launcher.output not in self._chatty:
            self._chatty[launcher.output] = run
            self._selector.register(launcher.output, selectors.EVENT_READ)

    def _pump(self, until: float) -> None:
        """Read what the chatty ones print until it is time to look again."""
        while (rest := until - SYSTEM_CLOCK.monotonic()) > 0:
            if not self._chatty:
                time.sleep(rest)
                return
            quiet = True
            for key, _ in self._selector.select(rest):
                quiet = False
                if not self._chatty[key.fd].drain():  # it has ended, or is quiet: back to looks
                    self._leave(key.fd)
            if quiet:
                for fd in list(self._chatty):
                    self._leave(fd)

    def _leave(self, fd: int) -> None:
        del self._chatty[fd]
        self._selector.unregister(fd)


def _mb(size: int) -> int:
    return -(-size // 1_000_000)
