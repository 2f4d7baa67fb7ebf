"""The orders that wait for a slot, first come first served."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from jobman_agent.execution.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobman_agent.execution.orders import Order
    from jobman_agent.execution.progress import Progress


class Waiting:
    """Orders that have not begun, and the runs that have. Shared by all threads of a runner."""

    def __init__(self, progress: Progress) -> None:
        self.runs: dict[str, Run] = {}
        """What has begun and is not reported yet, by its token."""
        self.groups: dict[str, int] = {}
        """The process group of each run that has one, by its token."""
        self.frozen = False
        self._slots = 0
        self._serving: set[int] = set()
        """Slots that take orders; those from number ``_slots`` on end once they are free."""
        self._orders: deque[tuple[int, Order]] = deque()
        self._given = 0
        self._progress = progress
        self._changed = threading.Condition()
        self._closed = False

    def add(self, orders: Iterable[Order]) -> None:
        """Append orders."""
        with self._changed:
            for order in orders:
                self._given += 1
                self._orders.append((self._given, order))
            self._changed.notify_all()

    def take(self, slot: int) -> Run | None:
        """The next run for a slot, once there is one and nothing is frozen; None: no more."""
        with self._changed:
            while not self._closed and slot < self._slots:
                if self._orders and not self.frozen:
                    number, order = self._orders.popleft()
                    self._progress.begun = number
                    run = self.runs[order.run] = Run(order)
                    return run
                self._changed.wait()
            self._serving.discard(slot)
            return None

    def done(self, run: Run) -> bool:
        """A run is over; returns whether no other waits."""
        with self._changed:
            del self.runs[run.order.run]
            return not self._orders

    def withdraw(self, token: str) -> bool:
        """Take an order back; returns whether it had not begun."""
        with self._changed:
            for i, (_, order) in enumerate(self._orders):
                if order.run == token:
                    del self._orders[i]
                    return True
            return False

    def freeze(self) -> list[Run]:
        """Begin nothing more; returns what has begun."""
        with self._changed:
            self.frozen = True
            return list(self.runs.values())

    def thaw(self) -> list[Run]:
        """Begin again; returns what had begun before."""
        with self._changed:
            self.frozen = False
            self._changed.notify_all()
            return list(self.runs.values())

    def begun(self) -> list[Run]:
        """What has begun and is not reported yet."""
        with self._changed:
            return list(self.runs.values())

    def resize(self, slots: int) -> list[int]:
        """Have so many slots; returns the numbers of those that must be started for it."""
        with self._changed:
            self._slots = slots
            new = [number for number in range(slots) if number not in self._serving]
            self._serving.update(new)
            self._changed.notify_all()
            return new

    def close(self) -> list[Run]:
        """Forget what waits, and let no slot wait any longer; returns what has begun."""
        with self._changed:
            self._closed = True
            self._orders.clear()
            self._changed.notify_all()
            return list(self.runs.values())
