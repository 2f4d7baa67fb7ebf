"""What ran on this PC, night by night: the lines of the ledger, read, put together and summed.

A night runs from noon to noon by the clock on the wall, also when the clocks change. A package
belongs to the night in which it ended. Pure but for `read_ledger`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobman_agent.errors import StorageError
from jobman_agent.policy.hours import local, read_local
from jobman_agent.storage.files import explain

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILE = "ledger.jsonl"
NOON = 12
LOST = "lost"
"""A package whose worker died; how long it ran is not known."""
_MOST = 1e15


@dataclass(frozen=True, slots=True)
class Entry:
    """One package that ended; or several of one job that ended alike in one night."""

    ended: datetime
    """UTC; of the last one."""
    employer: str
    """As this PC knows it; empty: not known."""
    title: str
    """Of the job; empty: not known."""
    package: str
    """Empty where there are several."""
    outcome: str
    """As in a result: done, failed, timed_out, refused, handed_back, lost."""
    packages: int = 1
    seconds: float = 0.0
    """How long they ran, frozen time not counted."""
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    """Bytes, of the largest one."""


@dataclass(frozen=True, slots=True)
class Sum:
    """What several entries come to."""

    packages: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0


@dataclass(frozen=True, slots=True)
class Night:
    """One night."""

    date: date
    """The day on whose noon it began."""
    entries: tuple[Entry, ...]
    """In the order of their ends."""

    @property
    def sum(self) -> Sum:
        """What ran in it."""
        return total(self.entries)


def total(entries: Iterable[Entry]) -> Sum:
    """What entries come to."""
    found = list(entries)
    return Sum(
        sum(one.packages for one in found),
        sum(one.seconds for one in found),
        sum(one.cpu_seconds for one in found),
        max((one.peak_memory for one in found), default=0),
    )


def night_of(moment: datetime, zone: str | None = None) -> date:
    """The day on whose noon the night of a moment began.

    Args:
        moment: With its offset.
        zone: A name of the IANA database; None: what TZ says, else the system's.

    Raises:
        InputError: TZ, or ``zone``, names no time zone.
    """
    there = local(moment, zone)
    day = there.date().to_stdlib()
    return day if there.hour >= NOON else day - timedelta(days=1)


def noon(day: date, zone: str | None = None) -> datetime:
    """The noon of a day, with its offset: where one night ends and the next begins.

    Raises:
        InputError: TZ, or ``zone``, names no time zone.
    """
    return read_local(datetime(day.year, day.month, day.day, NOON), zone)[0]  # noqa: DTZ001 - the clock on the wall


def by_night(entries: Iterable[Entry], zone: str | None = None) -> list[Night]:
    """The nights in which anything ran, the earliest first.

    Raises:
        InputError: TZ, or ``zone``, names no time zone.
    """
    nights: dict[date, list[Entry]] = {}
    for entry in entries:
        nights.setdefault(night_of(entry.ended, zone), []).append(entry)
    return [
        Night(day, tuple(sorted(found, key=lambda one: one.ended)))
        for day, found in sorted(nights.items())
    ]


def last_night(entries: Iterable[Entry], now: datetime, zone: str | None = None) -> Night:
    """What people call last night: until noon the one that still runs, then the one before tonight.

    Raises:
        InputError: TZ, or ``zone``, names no time zone.
    """
    there = local(now, zone)
    day = there.date().to_stdlib() - timedelta(days=1)
    since, until = noon(day, zone), noon(day + timedelta(days=1), zone)
    return Night(day, tuple(one for one in entries if since <= one.ended < until))


def put_together(entries: Iterable[Entry], zone: str | None = None) -> list[Entry]:
    """Entries of one job that ended alike in one night as one, in the order of their ends.

    Raises:
        InputError: TZ, or ``zone``, names no time zone.
    """
    groups: dict[tuple[date, str, str, str], list[Entry]] = {}
    for one in entries:
        key = (night_of(one.ended, zone), one.employer, one.title, one.outcome)
        groups.setdefault(key, []).append(one)
    return sorted((_as_one(group) for group in groups.values()), key=lambda one: one.ended)


def _as_one(group: list[Entry]) -> Entry:
    if len(group) == 1:
        return group[0]
    found = total(group)
    return replace(
        group[0],
        ended=max(one.ended for one in group),
        package="",
        packages=found.packages,
        seconds=found.seconds,
        cpu_seconds=found.cpu_seconds,
        peak_memory=found.peak_memory,
    )


# ---- lines
def as_line(entry: Entry) -> bytes:
    """An entry as a line of the ledger."""
    said: dict[str, object] = {
        "ended": entry.ended.astimezone(UTC).isoformat(timespec="seconds"),
        "employer": entry.employer,
        "title": entry.title,
        "package": entry.package,
        "outcome": entry.outcome,
        "seconds": round(entry.seconds, 3),
        "cpu_seconds": round(entry.cpu_seconds, 3),
        "peak_memory": entry.peak_memory,
    }
    if entry.packages != 1:
        said["packages"] = entry.packages
    return json.dumps(said).encode("ascii") + b"\n"


def read_lines(content: bytes) -> tuple[list[Entry], int]:
    """The entries in the bytes of a ledger, and how many lines are damaged.

    A last line without its end was being written when the agent or the PC died: it does not count
    as damaged.
    """
    *lines, torn = content.split(b"\n")
    found = [_entry(line) for line in lines if line.strip()]
    last = _entry(torn)
    entries = [entry for entry in (*found, last) if entry is not None]
    return entries, found.count(None)


def read_ledger(home: Path) -> tuple[list[Entry], int]:
    """The entries of a JOBMAN_HOME's ledger, and how many lines are damaged; none: no ledger yet.

    Raises:
        StorageError: it cannot be read.
    """
    path = home / FILE
    try:
        return read_lines(path.read_bytes())
    except FileNotFoundError:
        return [], 0
    except OSError as exc:
        raise StorageError(explain(exc, "read", path)) from exc


def _entry(line: bytes) -> Entry | None:
    try:
        said: dict[str, Any] = json.loads(line)
        ended = datetime.fromisoformat(said["ended"])
        if ended.tzinfo is None:
            return None
        return Entry(
            ended=ended.astimezone(UTC),
            employer=_text(said, "employer"),
            title=_text(said, "title"),
            package=_text(said, "package"),
            outcome=_text(said, "outcome"),
            packages=int(_amount(said.get("packages", 1))),
            seconds=_amount(said["seconds"]),
            cpu_seconds=_amount(said["cpu_seconds"]),
            peak_memory=int(_amount(said["peak_memory"])),
        )
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return None


def _text(said: dict[str, Any], key: str) -> str:
    found = said.get(key, "")
    if not isinstance(found, str):
        raise TypeError(key)
    return found


def _amount(said: object) -> float:
    """A number that can be added to others: no text, nothing negative or without end."""
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said <= _MOST:
        raise ValueError("no amount")
    return said
