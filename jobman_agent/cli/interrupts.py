"""Ctrl-C and the like while an event loop runs: the first asks to end, the second ends at once."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING, Any, Self

from jobman_agent.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""A terminal that closes and a service that is stopped mean the same; SIGBREAK is Windows'."""
PATIENCE_S = 5.0
"""So long an end at once may take; then the process ends as it is (all that counts is on disk)."""


class Interrupts:
    """While it is entered, in a running event loop, signals call functions of ours in that loop.

    A signal that was ignored when jobman began (``nohup``, ``command &`` in a script) stays so.

    Args:
        first: Called at the first signal, with its name for people.
        second: Called at every further one.
        told_to_end: The exit code after all other signals than Ctrl-C: log-off, shutdown, the end
            of a service or a terminal.
    """

    def __init__(
        self,
        first: Callable[[str], None],
        second: Callable[[], None],
        *,
        told_to_end: ExitCode = ExitCode.INTERRUPTED,
    ) -> None:
        self._first = first
        self._second = second
        self._told_to_end = told_to_end
        self._before: dict[int, Any] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.count = 0
        self.code = ExitCode.DONE
        """What the process ends with, as far as signals say."""

    def __enter__(self) -> Self:
        """Take the signals over."""
        self._loop = asyncio.get_running_loop()
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._noticed)
        return self

    def __exit__(self, *_exc: object) -> None:
        """Give them back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _noticed(self, number: int, _frame: object) -> None:
        # Between any two instructions: only what is safe there.
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._take, number)

    def _take(self, number: int) -> None:
        self.count += 1
        if number == signal.SIGINT:
            self.code = ExitCode.INTERRUPTED
        elif self.count == 1:
            self.code = self._told_to_end
        if self.count == 1:
            self._first("Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name)
            return
        if self.count == 2:  # noqa: PLR2004 - the second one
            watchdog = threading.Timer(PATIENCE_S, os._exit, (self.code,))
            watchdog.daemon = True
            watchdog.start()
        self._second()
