"""The first touch as an event that somebody tells once: a thread waits for it, and ends with it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from jobman_agent.model.reading import UNKNOWN, Unknown
from jobman_agent.sensors.probe import Unseen

if TYPE_CHECKING:
    from collections.abc import Callable


class OneTouch(ABC):
    """As ``probe.Touch``, of a source that does not tell keys from the mouse."""

    def __init__(self, name: str) -> None:
        """Set it up; nothing is opened before it is armed."""
        self.broken = ""
        self._name = name
        self._lock = threading.Lock()
        self._wanted: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None
        self._ends = False

    def arm(self, touched: Callable[[], None]) -> None:
        """As ``Touch.arm``."""
        with self._lock:
            self._wanted = touched
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name=f"touch {self._name}", daemon=True
                )
                self._thread.start()

    def nudge(self) -> float | Unknown | None:
        """It does not say how far the pointer moved."""
        return UNKNOWN

    def close(self) -> None:
        """End the thread."""
        self._ends = True
        self._hang_up()

    @abstractmethod
    def _begin(self) -> None:
        """Have the next touch told; Unseen: that cannot be had."""

    @abstractmethod
    def _wait(self) -> None:
        """Wait for it, however long; Unseen: it went away."""

    @abstractmethod
    def _hang_up(self) -> None:
        """From another thread: end the wait."""

    @abstractmethod
    def _end(self) -> None:
        """Let go of what was opened."""

    def _work(self) -> None:
        begun = False
        try:
            self._begin()
            self.broken, begun = "", True
            if not self._ends:
                self._wait()
        except Unseen as exc:
            self.broken = f"the first touch is not told: {exc}"
        self._end()
        with self._lock:
            wanted, self._wanted, self._thread = self._wanted, None, None
        # What goes away counts as a touch: whoever looks then decides.
        if wanted is not None and begun and not self._ends:
            wanted()
