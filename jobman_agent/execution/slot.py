"""One slot: a thread that runs one package after another.

The order of steps at the end of a run is what makes it safe: the first process has ended but is
not reaped, so its pid and group are still its own; the group is killed; whatever left the group
is found and ended; only then is the process reaped and the folder read.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import threading
from typing import TYPE_CHECKING

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.errors import PackageDidNotStart, PackageRefused
from jobman_agent.execution import Folder, Launcher, lower, remove_tree, sandbox
from jobman_agent.execution.collect import Collector
from jobman_agent.execution.environment import package_environment
from jobman_agent.execution.orders import LEAST_ROOM, Finished, Outcome, Started
from jobman_agent.execution.unpack import unpack
from jobman_agent.log import get_logger

if TYPE_CHECKING:
    from jobman_agent.execution import Child, Survivors, Swept, Usage
    from jobman_agent.execution.keeper import Keeper
    from jobman_agent.execution.reporter import Reporter
    from jobman_agent.execution.run import Run
    from jobman_agent.execution.waiting import Waiting

_SHELLS = 128
_log = get_logger(__name__)


class Place:
    """Where packages of one slot run: their folder, their HOME, and what starts them there."""

    def __init__(self, path: str) -> None:
        self.folder = Folder(f"{path}w")
        self.home = Folder(f"{path}h")
        self.launcher = Launcher(self.folder.path)

    def clean(self) -> bool:
        """Make it as new; False if it can not be used again."""
        try:
            self.folder.empty()
            self.home.empty()
        except OSError as error:
            _log.warning("cannot empty %s: %s", self.folder.path, error)
            return False
        return self.folder.is_sound() and self.home.is_sound()

    def abandon(self) -> None:
        """Remove what can be removed."""
        self.launcher.close()
        for folder in (self.folder, self.home):
            folder.close()
            try:
                remove_tree(folder.path)
            except OSError as error:
                _log.warning("cannot remove %s: %s", folder.path, error)


class Slot(threading.Thread):
    """A slot of a runner; ends when there is nothing more to take."""

    def __init__(
        self,
        number: int,
        path: str,
        waiting: Waiting,
        keeper: Keeper,
        reporter: Reporter,
        survivors: Survivors,
    ) -> None:
        super().__init__(name=f"slot-{number}", daemon=True)
        self.number = number
        self._path = path
        self._waiting = waiting
        self._keeper = keeper
        self._reporter = reporter
        self._survivors = survivors
        self._place: Place | None = None
        self._places = 0

    def run(self) -> None:
        """Take and run packages until there are no more."""
        while (run := self._waiting.take(self.number)) is not None:
            try:
                finished = self._perform(run)
            except Exception as error:  # noqa: BLE001 - the thread's boundary: it becomes a report
                _log.exception("package %s", run.order.package)
                why = f"the runner could not handle it: {type(error).__name__}: {error}"
                finished = Finished(run=run.order.run, outcome=Outcome.FAILED, why=why)
                self._leave_place()
            idle = self._waiting.done(run)
            self._reporter.tell(finished, hurry=idle)
        self._leave_place()

    def _perform(self, run: Run) -> Finished:
        try:
            place = self._place or self._new_place()
            unpack(place.folder, run.order.files)
            child = self._start(run, place)
        except (PackageRefused, PackageDidNotStart) as error:
            self._tidy(clean=True)
            return _not_begun(run, str(error))
        except OSError as error:
            self._tidy(clean=True)
            why = f"its folder cannot be made: {error.strerror}"
            return _not_begun(run, why, no_room=error.errno == errno.ENOSPC)
        try:
            child.wait()
        finally:
            run.detach()
            swept = self._survivors.end(run.order.run, child.pid, self._waiting.groups)
            self._waiting.groups.pop(run.order.run, None)
        seconds = run.seconds(SYSTEM_CLOCK.monotonic())
        usage = child.reap()
        place.launcher.finish(run.log)
        finished = _judge(run, place, usage, swept, seconds)
        self._tidy(clean=not swept.left)
        return finished

    def _start(self, run: Run, place: Place) -> Child:
        order = run.order
        argv = order.argv
        variables = package_environment(order, place.home.path)
        if order.sandbox:
            argv = sandbox.wrap(argv, place.folder.path, place.home.path, order.common)
        try:
            child = place.launcher.start(argv, variables)
        except OSError as error:
            raise PackageDidNotStart(
                f"program {argv[0]} cannot be started: {error.strerror}"
            ) from error
        except ValueError as error:  # a zero byte in an argument
            raise PackageDidNotStart(f"its command cannot be used: {error}") from error
        run.started = SYSTEM_CLOCK.monotonic()
        self._waiting.groups[order.run] = child.pid
        lower(child.pid, order.disk, yields=self._keeper.yields)
        run.attach(child, place.launcher, place.folder, place.home)
        self._keeper.wake()
        self._reporter.tell(Started(order.run, child.pid))
        return child

    def _new_place(self) -> Place:
        self._places += 1
        self._place = Place(f"{self._path}.{self._places}")
        return self._place

    def _tidy(self, *, clean: bool) -> None:
        if self._place is not None and not (clean and self._place.clean()):
            self._leave_place()

    def _leave_place(self) -> None:
        place, self._place = self._place, None
        if place is not None:
            place.abandon()


def _not_begun(run: Run, why: str, *, no_room: bool = False) -> Finished:
    return Finished(
        run=run.order.run, outcome=Outcome.REFUSED, why=why, began=False, no_room=no_room
    )


def _no_room(place: Place) -> bool:
    """Whether the disk would be full without what the package itself has written."""
    free = shutil.disk_usage(place.folder.path).free
    if free >= LEAST_ROOM:
        return False
    own = 0
    for top in (place.folder.path, place.home.path):
        for folder, _, files in os.walk(top):
            for name in files:
                with contextlib.suppress(OSError):  # not readable: then it does not count
                    own += os.lstat(os.path.join(folder, name)).st_size
    return free + own < LEAST_ROOM


def _judge(run: Run, place: Place, usage: Usage, swept: Swept, seconds: float) -> Finished:
    order = run.order
    stopped = run.outcome is Outcome.HANDED_BACK
    wanted = order.checkpoint if stopped else order.outputs
    keep = os.path.join(order.keep, order.run)
    files, fault = Collector(place.folder, wanted, keep, order.disk).collect()
    if run.outcome is not None:
        outcome, why = run.outcome, run.why
    else:
        reason = _reason(usage, order.disk) or fault
        outcome, why = (Outcome.FAILED, reason) if reason else (Outcome.DONE, "")
    if swept.left:
        why += f" ({swept.left} of its processes could not be ended)"
    return Finished(
        run=order.run,
        outcome=outcome,
        why=why,
        exit_code=usage.exit_code,
        signal=usage.signal,
        seconds=seconds,
        cpu_seconds=usage.cpu_seconds + swept.cpu_seconds,
        peak_memory=max(usage.peak_memory, run.peak_memory),
        outputs=files,
        log=run.log.value(),
        no_room=outcome is Outcome.FAILED and _no_room(place),
    )


def _reason(usage: Usage, largest_file: int) -> str | None:
    """Why a program that ended by itself failed, or None."""
    code = usage.exit_code
    # A sandbox and a shell say so of the program that they started, as 128 and the signal.
    name = _signal_name(usage.signal if code is None else code - _SHELLS)
    if name == "SIGXFSZ":
        return f"it wrote a file of more than {largest_file // 1_000_000} MB"
    if code is None:
        return f"it was ended by {name or f'signal {usage.signal}'}"
    if not code:
        return None
    return f"it ended with exit code {code}{f', which stands for {name}' if name else ''}"


def _signal_name(number: int | None) -> str | None:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name if number else None
    return None
