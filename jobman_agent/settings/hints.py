"""What is no mistake in the settings of a PC, and most likely not meant.

One sentence each: what, a colon, what would be right.
"""

from __future__ import annotations

import difflib
from datetime import timedelta
from typing import TYPE_CHECKING

from jobman_agent.settings import schema as key
from jobman_agent.settings.week import DAY_MINUTES, DAYS, unmeant_gaps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jobman_agent.settings.declare import Key, Section
    from jobman_agent.settings.pc import Settings
    from jobman_agent.settings.week import Week

_WEEK_MINUTES = DAY_MINUTES * len(DAYS)
_OTHERS = ("HOME", "CONFIG", "LOCK_DIR", "RUN", "PACKAGE", "CORES", "COMMON")
"""Variables ``JOBMAN_...`` that are no settings."""


def hints(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """All of them.

    Args:
        settings: Without mistakes.
        environ: ``os.environ``.
    """
    return [*_hours(settings), *_waits(settings), *_variables(environ)]


def _hours(settings: Settings) -> Iterator[str]:
    hours = settings.hours
    if not any(hours.week):
        yield (
            "[hours] no day has a window, so this PC never works: write for example "
            "monday-friday = 18:00-24:00"
        )
        return
    for gap in unmeant_gaps(hours.week):
        yield f"[hours] {gap}"
    if hours.last_start >= timedelta(minutes=longest_window(hours.week)):
        yield (
            f"[hours] no window is longer than last_start = "
            f"{_text(settings, 'hours', key.LAST_START)}, so nothing ever starts: make it shorter"
        )


def longest_window(week: Week) -> int:
    """The minutes of the longest time without a break; a whole week where there is none."""
    spans: list[list[int]] = []
    for day in range(2 * len(DAYS)):
        for window in week[day % len(DAYS)]:
            start, end = (day * DAY_MINUTES + each for each in (window.start, window.end))
            if spans and start <= spans[-1][1]:
                spans[-1][1] = max(spans[-1][1], end)
            else:
                spans.append([start, end])
    return min(_WEEK_MINUTES, max((end - start for start, end in spans), default=0))


def _waits(settings: Settings) -> Iterator[str]:
    yielding, idle = settings.yielding, settings.idle
    if yielding.give_back_after <= yielding.resume_after:
        yield (
            f"[yield] give_back_after = {_text(settings, 'yield', key.GIVE_BACK_AFTER)} is no "
            f"longer than resume_after = {_text(settings, 'yield', key.RESUME_AFTER)}, so what is "
            "frozen never goes on, and is always handed back: make it longer"
        )
    if idle.locked_away > idle.user_away:
        yield (
            f"[idle] locked_away = {_text(settings, 'idle', key.LOCKED_AWAY)} is longer than "
            f"user_away = {_text(settings, 'idle', key.USER_AWAY)}, so a locked PC waits longer "
            "than one that nobody touches: make it shorter"
        )


def _text(settings: Settings, section: str, one: Key[timedelta]) -> str:
    return settings.texts.get(f"{section}.{one.name}", one.default or "")


def _variables(environ: Mapping[str, str]) -> Iterator[str]:
    """Variables whose second word is no section: they are read by nobody."""
    known = [*_names(key.JOBMAN.sections.values()), *(f"JOBMAN_{name}" for name in _OTHERS)]
    for name in sorted(environ):
        first, _, rest = name.partition("_")
        section = rest.partition("_")[0].lower()
        ours = first != "JOBMAN" or section in key.JOBMAN.sections or section in ("test", "sign")
        if ours or name in known:
            continue
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        meant = f": did you mean {close[0]}?" if close else ""
        yield f"variable {name} is not known, and counts for nothing{meant}"


def _names(sections: Iterable[Section]) -> Iterator[str]:
    for section in sections:
        for one in section.keys:
            yield f"JOBMAN_{section.name}_{one.name}".upper()
