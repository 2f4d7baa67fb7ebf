"""One probe in a daemon thread: whatever the probe does, asking it ends in time.

A probe that hangs is asked nothing more until it comes back; meanwhile its value is unknown, and
nobody waits for it again. The thread is a daemon, so that a hanging probe cannot hold up the
agent's end (asyncio's executor would wait for it).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

from jobman_agent.log import get_logger
from jobman_agent.model.reading import UNKNOWN, Unknown
from jobman_agent.sensors.probe import Absent, NotYet, Unseen

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobman_agent.clock import Clock
    from jobman_agent.sensors.probe import Probe

T = TypeVar("T")

TIMEOUT_SECONDS = 1.0
"""A probe answers within a few milliseconds, or something is wrong with what it looks at."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a look gave."""

    value: T | Unknown
    reason: str = ""
    """Why it is unknown, or absent."""
    absent: bool = False
    """There is no such source on this PC."""
    not_yet: bool = False
    """It needs more time for its first answer."""
    at: float = 0.0
    """The steady clock."""


class Station(Generic[T]):
    """Asks one probe. Everything but the thread's own work happens in the event loop."""

    def __init__(
        self,
        make: Callable[[], Probe[T]],
        name: str,
        clock: Clock,
        *,
        every: float = 0.0,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        """Set it up; the thread starts with the first question.

        Args:
            make: Makes the probe, in its thread.
            name: What people know the source by, until the probe says it better.
            clock: The clocks.
            every: Seconds for which an answer holds.
            timeout: Seconds that a question may take.
        """
        self.name = name
        self.every = every
        self._make = make
        self._clock = clock
        self._timeout = timeout
        self._outcome: Outcome[T] = Outcome(UNKNOWN, "not looked at yet")
        self._asked: SimpleQueue[asyncio.AbstractEventLoop | None] = SimpleQueue()
        self._asked_at: float | None = None
        self._answered: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    @property
    def outcome(self) -> Outcome[T]:
        """The last one; unknown while the probe does not come back."""
        if self._asked_at is not None:
            waited = self._clock.monotonic() - self._asked_at
            if waited >= self._timeout:
                return Outcome(UNKNOWN, f"has not answered for {waited:.0f} s", at=self.at)
        return self._outcome

    @property
    def at(self) -> float:
        """When it last answered, on the steady clock."""
        return self._outcome.at

    async def ask(self) -> Outcome[T]:
        """Look, unless the last answer still holds; never longer than the timeout."""
        now = self._clock.monotonic()
        if self._asked_at is None:
            held = now - self._outcome.at < self.every and not self._never
            if held:
                return self._outcome
            self._start(now)
        if self._asked_at is not None and self._answered is not None:
            left = self._timeout - (now - self._asked_at)
            if left > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._answered.wait(), left)
        return self.outcome

    def close(self) -> None:
        """Let the thread end when the probe lets it."""
        if self._thread is not None:
            self._asked.put(None)

    @property
    def _never(self) -> bool:
        return self._outcome.value is UNKNOWN and self._outcome.at == 0.0

    def _start(self, now: float) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, name=f"sensor {self.name}", daemon=True
            )
            self._thread.start()
        self._asked_at = now
        self._answered = asyncio.Event()
        self._asked.put(asyncio.get_running_loop())

    def _take(self, outcome: Outcome[T], name: str) -> None:
        self._note(outcome)
        self._outcome = outcome
        self.name = name
        self._asked_at = None
        if self._answered is not None:
            self._answered.set()

    def _note(self, outcome: Outcome[T]) -> None:
        """Log what changed, once."""
        if outcome.reason != self._outcome.reason and not (outcome.absent or outcome.not_yet):
            if outcome.reason:
                _LOG.warning("cannot see %s: %s", self.name, outcome.reason)
            elif not self._never:
                _LOG.info("%s can be seen again", self.name)

    # ------------------------------------------------------------ in the thread

    def _work(self) -> None:
        probe: Probe[T] | None = None
        while (loop := self._asked.get()) is not None:
            value: T | Unknown = UNKNOWN
            reason, absent, not_yet = "", False, False
            try:
                if probe is None:
                    probe = self._make()
                value = probe.look()
            except Absent as exc:
                reason, absent = str(exc), True
            except Unseen as exc:
                reason, not_yet = str(exc), isinstance(exc, NotYet)
            except Exception as exc:  # noqa: BLE001 - a probe's failure is a value
                reason = f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__
            outcome: Outcome[T] = Outcome(value, reason, absent, not_yet, self._clock.monotonic())
            name = self.name if probe is None else probe.name
            with contextlib.suppress(RuntimeError):  # the loop was closed while we looked
                loop.call_soon_threadsafe(self._take, outcome, name)
        if probe is not None:
            with contextlib.suppress(Exception):  # what cannot be closed is gone already
                probe.close()


_LOG = get_logger(__name__)
