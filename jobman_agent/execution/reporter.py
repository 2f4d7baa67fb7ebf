"""Sends reports in batches, so that a list of small packages costs few writes and wake-ups."""

from __future__ import annotations

import threading
from collections import deque
from typing import IO, TYPE_CHECKING

from jobman_agent.execution.orders import Finished, Report, Started, pack

if TYPE_CHECKING:
    from collections.abc import Callable

_GATHER = 0.02
"""Seconds in which further reports are waited for, unless a slot has nothing to do."""


class Reporter:
    """A thread that writes what others tell it."""

    def __init__(self, pipe: IO[bytes], broken: Callable[[], None]) -> None:
        self._pipe = pipe
        self._broken = broken
        self._reports: deque[Report] = deque()  # append and popleft are atomic
        self._some = threading.Event()
        self._hurry = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="reporter", daemon=True)
        self._thread.start()

    def tell(self, report: Report, *, hurry: bool = False) -> None:
        """Send a report soon, or at once. For any thread."""
        self._reports.append(report)
        if hurry and not self._hurry.is_set():
            self._hurry.set()
        if not self._some.is_set():
            self._some.set()

    def close(self) -> None:
        """Send what there is, and end."""
        self._closed = True
        self._hurry.set()
        self._some.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._closed or self._reports:
            self._some.wait()
            self._hurry.wait(_GATHER)
            self._some.clear()
            self._hurry.clear()
            reports = []
            while self._reports:
                reports.append(self._reports.popleft())
            if reports and not self._send(reports):
                return

    def _send(self, reports: list[Report]) -> bool:
        over = {report.run for report in reports if isinstance(report, Finished)}
        batch = [r for r in reports if not (isinstance(r, Started) and r.run in over)]
        try:
            self._pipe.write(pack(batch))
            self._pipe.flush()
        except OSError:  # the worker is gone
            self._broken()
            return False
        return True
