"""The process that runs packages: ``python -m jobman_agent.execution.runner ROOT SLOTS SHARE``.

A child of the worker that holds neither asyncio nor the pool's client nor a database, so starting
a package from it is cheap. It reads orders from stdin and writes reports to stdout; when stdin
ends it ends every package and itself. SHARE is ``yield`` or ``normal`` (``orders.YIELD``).

Threads: this one reads orders (and, on Linux, inherits orphans: it starts nothing), each slot
runs one package at a time, the keeper watches limits, the reporter writes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Never

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.execution import Survivors, prepare, remove_tree, sandbox, tree
from jobman_agent.execution.keeper import Keeper
from jobman_agent.execution.orders import (
    YIELD,
    Command,
    Finished,
    Freeze,
    Frozen,
    Order,
    Outcome,
    Ready,
    Slots,
    Stop,
    Thaw,
    Thawed,
    read_commands,
)
from jobman_agent.execution.progress import Progress
from jobman_agent.execution.reporter import Reporter
from jobman_agent.execution.slot import Slot
from jobman_agent.execution.waiting import Waiting

if TYPE_CHECKING:
    from jobman_agent.execution.run import Run

_END_SECONDS = 8.0
_log = logging.getLogger("jobman_agent.execution.runner")


class Runner:
    """All of a runner but its pipes' ends."""

    def __init__(
        self, root: Path, slots: int, reports: IO[bytes], *, level: str, yields: bool
    ) -> None:
        self._survivors = Survivors()
        self._waiting = Waiting(Progress.open(root))
        self._keeper = Keeper(self._waiting, self._survivors, yields=yields)
        self._reporter = Reporter(reports, lambda: os.kill(os.getpid(), signal.SIGTERM))
        self._root = _own_folder(root)
        self._slots: list[Slot] = []
        self._started = 0
        """Slots so far: each has folders of its own, also one that follows on another."""
        self._resize(slots)
        self._reporter.tell(Ready(os.getpid(), level), hurry=True)

    def obey(self, command: Command) -> None:
        """Do what the worker says."""
        now = SYSTEM_CLOCK.monotonic()
        match command:
            case Stop():
                self._stop(command, now)
            case Freeze():
                self._freeze()
            case Thaw():
                for run in self._waiting.thaw():
                    run.thaw()
                tree.thaw_below(os.getpid(), list(self._waiting.groups.values()))
                self._reporter.tell(Thawed(), hurry=True)
            case Slots():
                self._resize(command.count)
            case Order():
                self._waiting.add([command])

    def obey_all(self, batch: list[Command]) -> None:
        """Do a batch; orders in a row are taken in one go."""
        if all(isinstance(command, Order) for command in batch):
            self._waiting.add(command for command in batch if isinstance(command, Order))
        else:
            for command in batch:
                self.obey(command)

    def end(self) -> None:
        """End every package, report it, and stop."""
        now = SYSTEM_CLOCK.monotonic()
        self._keeper.hurry()
        for run in self._waiting.close():
            run.end(Outcome.HANDED_BACK, "the worker has ended", now, 0)
        for slot in self._slots:
            slot.join(max(_END_SECONDS - (SYSTEM_CLOCK.monotonic() - now), 0.1))
        self._reporter.close()
        with contextlib.suppress(OSError):
            remove_tree(str(self._root))

    def _stop(self, stop: Stop, now: float) -> None:
        if self._waiting.withdraw(stop.run):
            report = Finished(run=stop.run, outcome=Outcome.HANDED_BACK, why=stop.why, began=False)
            self._reporter.tell(report, hurry=True)
            return
        run = self._waiting.runs.get(stop.run)
        if run is not None and not stop.only_waiting:
            self._keeper.hurry()
            grace = run.order.grace if stop.grace is None else stop.grace
            run.end(Outcome.HANDED_BACK, stop.why, now, grace)

    def _freeze(self) -> None:
        self._keeper.hurry()
        runs: list[Run] = self._waiting.freeze()
        for run in runs:
            run.freeze()
        tree.freeze_below(os.getpid(), list(self._waiting.groups.values()))
        self._reporter.tell(Frozen(tuple(run.order.run for run in runs)), hurry=True)

    def _resize(self, count: int) -> None:
        self._slots = [slot for slot in self._slots if slot.is_alive()]
        for number in self._waiting.resize(count):
            self._started += 1
            slot = Slot(
                number,
                str(self._root / f"{self._started}"),
                self._waiting,
                self._keeper,
                self._reporter,
                self._survivors,
            )
            self._slots.append(slot)
            slot.start()


def _own_folder(root: Path) -> Path:
    """A new folder below the root; what an earlier runner left is removed."""
    for old in root.iterdir():
        if old.is_dir() and not old.is_symlink():
            try:
                remove_tree(str(old))
            except OSError as error:
                _log.warning("cannot remove %s: %s", old, error)
    own = root / f"{os.getpid():x}"
    own.mkdir(mode=0o700, exist_ok=True)
    return own


def _ended(*_: object) -> Never:
    raise SystemExit(0)


def main() -> None:
    """Run packages until stdin ends or SIGTERM comes."""
    logging.basicConfig(level=logging.WARNING, format="runner: %(message)s")
    root, slots, yields = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == YIELD
    # A writer of our own: what it could not send when the worker died is no fault of ours, while
    # Python would end with 120 for a sys.stdout that cannot be flushed.
    orders, reports = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    level = sandbox.level()  # before orphans come here: it leaves one
    prepare(yields=yields)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the worker's to handle
    runner = Runner(root, slots, reports, level=level, yields=yields)
    try:
        signal.signal(signal.SIGTERM, _ended)
        while (batch := read_commands(orders)) is not None:
            runner.obey_all(batch)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        runner.end()
        with contextlib.suppress(OSError):
            reports.close()


if __name__ == "__main__":
    main()
