"""The dates of ``[hours] holidays``: looked up in a child process, and kept in JOBMAN_HOME.

The library that knows them takes 13 MB, so it is imported in the child only (`holiday_lookup`).
The dates of this year and the next two are kept; they are looked up again when the settings name
another place, when a year is missing, and once in December, when governments have decided.

A holiday that is not known is judged as an ordinary day: with Sunday's windows a PC would work
longer, so nobody's time is taken by mistake. Whoever asks says so (`Found.note`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.errors import StorageError
from jobman_agent.log import get_logger
from jobman_agent.settings.ini import settings_error
from jobman_agent.storage.files import make_private_dir, write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jobman_agent.errors import SettingsError
    from jobman_agent.settings.pc import Settings

FILE = "holidays.json"
TIMEOUT_S = 30.0
"""Starting Python takes 0.2 s; beside an antivirus, and for the first time, some seconds."""
_CHILD = "jobman_agent.settings.holiday_lookup"
_ROOT = Path(__file__).resolve().parents[2]
_AHEAD_DAYS = 70
"""The policy looks so far for the next free time, and a day back."""
_DECEMBER = 12
_MAX_BYTES = 1 << 20
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the child said: dates, or one of two sentences."""

    dates: Mapping[date, str] = field(default_factory=dict)
    """Each with the holiday's name."""
    wrong: str = ""
    """There is no such place; what would be right."""
    failed: str = ""
    """Nobody could say; why."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of the last answer."""

    place: str
    years: frozenset[int]
    looked_up: date
    dates: Mapping[date, str]

    def serves(self, place: str, years: Iterable[int]) -> bool:
        """Whether it has the dates of that place in all of these years."""
        return self.place == place and self.years >= frozenset(years)

    def is_fresh(self, place: str, today: date) -> bool:
        """Whether nothing needs to be looked up."""
        december = date(today.year - (today.month < _DECEMBER), _DECEMBER, 1)
        this_and_next = (today.year, today.year + 1)
        return self.serves(place, this_and_next) and december <= self.looked_up <= today


@dataclass(frozen=True, slots=True)
class Found:
    """The dates to go by, and what the user should know about them."""

    dates: Mapping[date, str] = field(default_factory=dict)
    note: str = ""
    """Why there are none, or only old ones; empty: all is well."""


def look_up(place: str, years: Iterable[int], timeout: float = TIMEOUT_S) -> Answer:
    """Ask the child; it needs no network. For any thread; takes 0.2 s, and ``timeout`` at most."""
    argv = [sys.executable, "-m", _CHILD, place, *(str(year) for year in sorted(set(years)))]
    try:
        done = subprocess.run(
            argv,
            # Where jobman_agent lies: what stands in the user's folder must not be imported.
            cwd=_ROOT,
            env=os.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(failed=f"no answer within {timeout:g} s")
    except (OSError, ValueError) as exc:
        return Answer(failed=f"Python cannot be started: {exc}")
    try:
        return _read_answer(json.loads(done.stdout))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return Answer(failed=last or f"no answer (exit code {done.returncode})")


def find_holidays(
    settings: Settings,
    home: Path,
    around: date,
    today: date,
    ask: Callable[[str, Iterable[int]], Answer] = look_up,
) -> Found:
    """The public holidays that matter around a day; what has to be looked up is waited for.

    Args:
        settings: Those of this PC.
        home: JOBMAN_HOME, where they are kept.
        around: The day that is judged.
        today: By the clock on the wall.
        ask: What answers.

    Raises:
        SettingsError: there is no such country or region; what would be right.
    """
    place = settings.hours.holidays
    if place is None:
        return Found()
    needed = {(around + timedelta(days=days)).year for days in (-2, _AHEAD_DAYS)}
    kept = read_kept(home)
    if kept is not None and kept.is_fresh(place, today) and kept.serves(place, needed):
        return Found(kept.dates)
    years = years_to_keep(today)
    answer = ask(place, years | needed)
    if answer.wrong:
        raise place_mistake(settings, answer.wrong)
    if answer.failed:
        return stale(place, kept, answer.failed)
    if years >= needed:
        keep(home, place, today, answer, years)
    return Found(answer.dates)


def stale(place: str, kept: Kept | None, why: str) -> Found:
    """What to go by where nobody can say more than was known before."""
    if kept is not None and kept.place == place:
        last = max(kept.years)
        return Found(
            kept.dates,
            f"the public holidays of {place} cannot be looked up again ({why}): those known "
            f"since {kept.looked_up} are used, up to the end of {last}",
        )
    return Found(
        note=f"the public holidays of {place} cannot be looked up ({why}): each is judged as an "
        "ordinary day"
    )


def place_mistake(settings: Settings, what: str) -> SettingsError:
    """The mistake in ``[hours] holidays``, with the file and the line."""
    where = settings.origins.get("hours.holidays", "jobman.ini")
    return settings_error([f"{where}, [hours] holidays: {what}"])


def years_to_keep(today: date) -> frozenset[int]:
    """This year and the next two."""
    return frozenset(range(today.year, today.year + 3))


def keep(home: Path, place: str, today: date, answer: Answer, years: Iterable[int]) -> None:
    """Keep an answer; where that cannot be done, the next start looks it up again."""
    said = {
        "place": place,
        "years": sorted(years),
        "looked_up": today.isoformat(),
        "dates": {day.isoformat(): name for day, name in answer.dates.items()},
    }
    try:
        make_private_dir(home)
        write_atomic(home / FILE, json.dumps(said, indent=1).encode("ascii"), 0o600)
    except StorageError as exc:
        _log.warning("public holidays are not kept: %s", exc)


def read_kept(home: Path) -> Kept | None:
    """What is kept; None: nothing that can be read."""
    try:
        with (home / FILE).open("rb") as file:
            said = json.loads(file.read(_MAX_BYTES))
        return Kept(
            place=str(said["place"]),
            years=frozenset(int(year) for year in said["years"]),
            looked_up=date.fromisoformat(said["looked_up"]),
            dates=_read_dates(said["dates"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
        _log.warning("%s cannot be read, public holidays are looked up: %s", home / FILE, exc)
        return None


def _read_answer(said: dict[str, object]) -> Answer:
    wrong = said.get("wrong")
    return Answer(wrong=str(wrong)) if wrong else Answer(_read_dates(said["dates"]))


def _read_dates(said: object) -> dict[date, str]:
    if not isinstance(said, dict):
        raise TypeError("no dates")
    return {date.fromisoformat(day): str(name) for day, name in said.items()}
