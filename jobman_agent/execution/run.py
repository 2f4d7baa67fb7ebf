"""One run while it lasts: what its slot, the keeper and the reader of orders must agree on.

The slot's thread starts and reaps; the keeper and the reader only ask it to end, freeze or go on.
Signals are sent under the lock and never after ``detach``, so a pid that was reaped and given to
another process is never hit.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from jobman_agent.execution.log_text import LogText

if TYPE_CHECKING:
    from jobman_agent.execution import Child, Folder, Launcher
    from jobman_agent.execution.orders import Order, Outcome


class Run:
    """A run from the moment its order is taken until its report."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.log = LogText(order.log_limit)
        self.outcome: Outcome | None = None
        """How it must end, once somebody has decided that; else its exit code decides."""
        self.why = ""
        self.started = 0.0
        """When its program was started, by the steady clock."""
        self.paused = 0.0
        """Seconds since then that do not count: frozen, or the PC slept. Kept by the keeper."""
        self.peak_memory = 0
        """Bytes of the whole tree, as far as the keeper has looked."""
        self.child: Child | None = None
        self.launcher: Launcher | None = None
        self.folders: tuple[Folder, ...] = ()
        """All that it may fill."""
        self.look_at_disk = 0.0
        """When the keeper next looks how much that is; 0 until it has seen this run."""
        self._lock = threading.Lock()
        self._frozen = False
        self._kill_at: float | None = None

    def seconds(self, now: float) -> float:
        """How long it has run."""
        return max(now - self.started - self.paused, 0.0)

    def attach(self, child: Child, launcher: Launcher, *folders: Folder) -> None:
        """It has been started; whatever was asked for before is done now."""
        with self._lock:
            self.child, self.launcher, self.folders = child, launcher, folders
            if self._frozen:
                child.freeze()
            if self.outcome is not None:
                child.notify()

    def detach(self) -> None:
        """Its first process has ended: the rest of its group is killed, and signals stop."""
        with self._lock:
            if self.child is not None:
                self.child.kill()
            self.child = self.launcher = None
            self.folders = ()

    def end(self, outcome: Outcome, why: str, now: float, grace: float) -> None:
        """Ask it to end, and kill it after so many seconds; a first decision stands."""
        with self._lock:
            if self.outcome is None:
                self.outcome, self.why = outcome, why
                if self.child is not None:
                    self.child.notify()
            kill_at = now + grace
            if self._kill_at is None or kill_at < self._kill_at:
                self._kill_at = kill_at
            if grace <= 0 and self.child is not None:
                self.child.kill()

    def kill_if_due(self, now: float) -> None:
        """Kill it if the time it was given to end is over."""
        with self._lock:
            if self._kill_at is not None and now >= self._kill_at and self.child is not None:
                self.child.kill()

    def freeze(self) -> None:
        """Suspend it, or let it begin suspended."""
        with self._lock:
            self._frozen = True
            if self.child is not None:
                self.child.freeze()

    def thaw(self) -> None:
        """Let it go on."""
        with self._lock:
            self._frozen = False
            if self.child is not None:
                self.child.thaw()

    def folder_size(self, most: int) -> int:
        """Bytes in its folders; counting stops above ``most``. 0 once it has ended."""
        return sum(folder.size(most) for folder in self.folders)

    def drain(self) -> int:
        """Read what it has printed; returns the bytes read."""
        with self._lock:
            return 0 if self.launcher is None else self.launcher.drain(self.log)
