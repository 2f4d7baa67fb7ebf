"""What the agent writes for itself is written in a thread: no disk may hold a freeze up.

A package that writes much, a network share or a full disk can make a small file take seconds; in
the event loop the owner's key would wait for it.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

from jobman_agent.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

CLOSE_S = 2.0
_log = get_logger(__name__)


class Disk:
    """Does what it is given, one thing after another, in a daemon thread.

    Whoever gives a function says in it what becomes of a failure.
    """

    def __init__(self) -> None:
        self._given: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="disk", daemon=True)
        self._thread.start()

    def do(self, function: Callable[[], object]) -> None:
        """Have it done; returns at once."""
        self._given.put(function)

    def close(self) -> None:
        """Wait until all is done, but not for long; blocks."""
        self._given.put(None)
        self._thread.join(CLOSE_S)

    def _work(self) -> None:
        while (function := self._given.get()) is not None:
            try:
                function()
            except Exception:  # noqa: BLE001 - a thread's boundary: the next one is done all the same
                _log.exception("the agent's own files")
