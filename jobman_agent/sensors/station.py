"""A probe in a daemon thread: whatever the probe does, asking it ends in time.

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
ABSENT_SECONDS = 30.0
"""So long what a PC does not have is not asked for again."""


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


class Hand:
    """A daemon thread that looks, from the first time on that it is wanted.

    Every thread that wakes up costs an idle PC something: probes that cannot hang, or of which one
    that hangs says as much as all, share one. Who shares it with one that hangs is unknown, too.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._given: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    @property
    def is_there(self) -> bool:
        """Whether it was ever wanted."""
        return self._thread is not None

    def give(self, job: Callable[[], None]) -> None:
        """Have it done after all that was given before; it must not raise."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, name=f"sensor {self._name}", daemon=True
            )
            self._thread.start()
        self._given.put(job)

    def close(self) -> None:
        """Let the thread end, once it has done what it was given."""
        if self._thread is not None:
            self._given.put(None)

    def _work(self) -> None:
        while (job := self._given.get()) is not None:
            job()


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
        hand: Hand | None = None,
    ) -> None:
        """Set it up; the thread starts with the first question.

        Args:
            make: Makes the probe, in its thread.
            name: What people know the source by, until the probe says it better.
            clock: The clocks.
            every: Seconds for which an answer holds.
            timeout: Seconds that a question may take.
            hand: The thread to look in, closed by whoever made it; None: one of its own.
        """
        self.name = name
        self.every = every
        self._make = make
        self._clock = clock
        self._timeout = timeout
        self._outcome: Outcome[T] = Outcome(UNKNOWN, "not looked at yet")
        self._probe: Probe[T] | None = None
        self._asked_at: float | None = None
        self._gave_up = False
        """Whether somebody waited for the answer in vain: the one before says nothing of now."""
        self._answered: asyncio.Event | None = None
        self._hand = hand or Hand(name)
        self._owns_hand = hand is None

    @property
    def outcome(self) -> Outcome[T]:
        """The last one; unknown while the probe does not come back."""
        if self._asked_at is not None:
            waited = self._clock.monotonic() - self._asked_at
            if self._gave_up or waited >= self._timeout:
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
            holds = max(self.every, ABSENT_SECONDS) if self._outcome.absent else self.every
            held = now - self._outcome.at < holds and not self._never
            if held:
                return self._outcome
            self._start(now)
        if self._asked_at is not None and self._answered is not None:
            left = self._timeout - (now - self._asked_at)
            if left > 0:
                try:
                    await asyncio.wait_for(self._answered.wait(), left)
                except TimeoutError:
                    self._gave_up = self._asked_at is not None
        return self.outcome

    def close(self) -> None:
        """Let go of what is looked at, when the probe lets us."""
        if self._hand.is_there:
            self._hand.give(self._let_go)
        if self._owns_hand:
            self._hand.close()

    @property
    def _never(self) -> bool:
        return self._outcome.value is UNKNOWN and self._outcome.at == 0.0

    def _start(self, now: float) -> None:
        self._asked_at = now
        self._answered = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._hand.give(lambda: self._look(loop))

    def _take(self, outcome: Outcome[T], name: str) -> None:
        self._note(outcome)
        self._outcome = outcome
        self.name = name
        self._asked_at, self._gave_up = None, False
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

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        value: T | Unknown = UNKNOWN
        reason, absent, not_yet = "", False, False
        try:
            if self._probe is None:
                self._probe = self._make()
            value = self._probe.look()
        except Absent as exc:
            reason, absent = str(exc), True
        except Unseen as exc:
            reason, not_yet = str(exc), isinstance(exc, NotYet)
        except Exception as exc:  # noqa: BLE001 - a probe's failure is a value
            reason = f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__
        outcome: Outcome[T] = Outcome(value, reason, absent, not_yet, self._clock.monotonic())
        name = self.name if self._probe is None else self._probe.name
        with contextlib.suppress(RuntimeError):  # the loop was closed while we looked
            loop.call_soon_threadsafe(self._take, outcome, name)

    def _let_go(self) -> None:
        if self._probe is not None:
            with contextlib.suppress(Exception):  # what cannot be closed is gone already
                self._probe.close()


_LOG = get_logger(__name__)
