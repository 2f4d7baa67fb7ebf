"""The public holidays for the agent: kept ones at once, others asked for without waiting."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.log import get_logger
from jobman_agent.settings.public_holidays import (
    Answer,
    Found,
    keep,
    look_up,
    read_kept,
    stale,
    years_to_keep,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date
    from pathlib import Path

    from jobman_agent.clock import Clock

AGAIN_FIRST_S = 60.0
AGAIN_MOST_S = 3600.0
_log = get_logger(__name__)


class _Question(threading.Thread):
    """One look-up; a daemon, for nothing is lost if the agent ends meanwhile."""

    def __init__(
        self, ask: Callable[[str, Iterable[int]], Answer], place: str, today: date
    ) -> None:
        super().__init__(name="holidays", daemon=True)
        self.place, self.today = place, today
        self.answer: Answer | None = None
        self.done = threading.Event()
        self._ask = ask

    def run(self) -> None:
        try:
            self.answer = self._ask(self.place, years_to_keep(self.today))
        finally:
            self.done.set()


class HolidayWatch:
    """Asked on every tick; never waits.

    Args:
        home: JOBMAN_HOME, where the dates are kept.
        clock: The clocks of this PC.
        ask: What answers, in a thread of its own.
    """

    def __init__(
        self,
        home: Path,
        clock: Clock = SYSTEM_CLOCK,
        ask: Callable[[str, Iterable[int]], Answer] = look_up,
    ) -> None:
        self._home, self._clock, self._ask = home, clock, ask
        self._question: _Question | None = None
        self._place: str | None = None
        self._day: date | None = None
        self._found: Found | str | None = None
        self._again_at = 0.0
        self._pause = AGAIN_FIRST_S

    def find(self, place: str | None) -> Found | str | None:
        """The dates of a place; a text: what is wrong with it; None: it is being looked up."""
        if place is None:
            self._place, self._found = None, Found()
            return self._found
        today = self._clock.now().astimezone().date()
        if place != self._place:
            self._place, self._day, self._found = place, None, None
            self._again_at, self._pause = 0.0, AGAIN_FIRST_S
        if self._question is not None and self._question.place == place:
            return self._answered(self._question)
        if today != self._day:
            return self._look(place, today)
        if isinstance(self._found, Found) and self._found.note:
            self._retry(place, today)
        return self._found

    def _look(self, place: str, today: date) -> Found | str | None:
        """On a new day, or for a new place: is what is kept still right?"""
        kept = read_kept(self._home)
        self._day = today
        if kept is not None and kept.is_fresh(place, today):
            self._found = Found(kept.dates)
        else:
            if kept is not None and kept.place == place and self._found is None:
                self._found = Found(kept.dates)  # until the answer is there
            self._put(place, today)
        return self._found

    def _put(self, place: str, today: date) -> None:
        self._question = _Question(self._ask, place, today)
        self._question.start()

    def _retry(self, place: str, today: date) -> None:
        if self._clock.monotonic() >= self._again_at:
            self._put(place, today)

    def _answered(self, question: _Question) -> Found | str | None:
        if not question.done.is_set():
            return self._found
        self._question = None
        answer = question.answer or Answer(failed="the look-up has died: please report this")
        if answer.wrong:
            self._found = answer.wrong
            return self._found
        if answer.failed:
            self._found = stale(question.place, read_kept(self._home), answer.failed)
            self._again_at = self._clock.monotonic() + self._pause
            self._pause = min(AGAIN_MOST_S, 2 * self._pause)
            _log.warning("%s", self._found.note)
            return self._found
        keep(self._home, question.place, question.today, answer, years_to_keep(question.today))
        self._found = Found(answer.dates)
        _log.info("public holidays of %s: %d", question.place, len(answer.dates))
        return self._found
