"""Shutdown and sleep, told by logind before they happen, and put off until all is handed back.

systemd.io/INHIBITOR_LOCKS: whoever holds a *delay* lock is waited for, 5 s as systemd comes
(``InhibitDelayMaxSec``); ``PrepareForShutdown(true)`` and ``PrepareForSleep(true)`` come first.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING

from jobman_agent.log import get_logger
from jobman_agent.sensors import departures, people_linux
from jobman_agent.sensors.bus import Bus, NoBus
from jobman_agent.sensors.departures import Going
from jobman_agent.sensors.probe import Unseen

if TYPE_CHECKING:
    from collections.abc import Callable

assert sys.platform == "linux"

AGAIN_SECONDS = 600.0
"""So long until logind is looked for again, where it was not to be found or went away."""
_SERVICE, _PATH = people_linux.SERVICE, people_linux.PATH
_MANAGER = f"{_SERVICE}.Manager"
_BEGINS = {"PrepareForShutdown": Going.SHUTDOWN, "PrepareForSleep": Going.SLEEP}
_log = get_logger(__name__)


class Departures(departures.Departures):
    """A thread that sleeps until logind speaks."""

    def __init__(self, told: Callable[[Going], None]) -> None:
        """Take whom to tell, from any thread."""
        super().__init__(told)
        self._bus = Bus("SYSTEM", descriptors=True)
        self._lock: int | None = None
        self._asleep = False
        self._guard = threading.Lock()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._work, name="departures", daemon=True)

    def start(self) -> None:
        """Watch from now on."""
        self._thread.start()

    def let_go(self) -> None:
        """What was to be done first is done: the PC may go."""
        with self._guard:
            lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def close(self) -> None:
        """Watch no more; the PC may go."""
        self._ends.set()
        self._bus.hang_up()
        self.let_go()

    # ---- the thread
    def _work(self) -> None:
        while not self._ends.is_set():
            try:
                self._listen()
            except Unseen as exc:
                if not self._ends.is_set():
                    _log.info("shutdown and sleep are not told beforehand: %s", exc)
            if self._asleep:  # nobody will say that it is awake
                self._asleep = False
                self._told(Going.AWAKE)
            self.let_go()
            self._ends.wait(AGAIN_SECONDS)
        with contextlib.suppress(OSError):  # hung up already
            self._bus.close()

    def _listen(self) -> None:
        self._bus.hear(_SERVICE, _PATH, _MANAGER)
        self._hold()
        while not self._ends.is_set():
            member, said = self._bus.next_signal()
            going = _BEGINS.get(member)
            if going is not None and said == (True,):
                self._asleep = going is Going.SLEEP
                self._told(going)
            elif going is not None:
                self._hold()
                self._asleep = False
                self._told(Going.AWAKE)

    def _hold(self) -> None:
        """Have the PC wait for us, if it does not yet."""
        if self._lock is not None:
            return
        words = ("shutdown:sleep", "jobman", "packages are handed back first", "delay")
        try:
            (lock,) = self._bus.call(_SERVICE, _PATH, f"{_MANAGER}.Inhibit", "ssss", words)
        except NoBus:
            raise
        except Unseen as exc:  # by its rules, perhaps: what it says is heard all the same
            _log.info("shutdown and sleep will not wait for us: %s", exc)
            return
        with self._guard:
            self._lock = lock.to_raw_fd()
