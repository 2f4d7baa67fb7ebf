"""The record of readings on disk: what this PC was like, for the preview and the forecast.

A file for each day (UTC) in JOBMAN_HOME/record, a line for each change (`policy.recorded`), all
fields in its first line. Nothing is synced: what a crash or a full disk tears is left out when it
is read, and told. The record never disturbs the agent: what goes wrong with it is logged once.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from jobman_agent.errors import StorageError
from jobman_agent.log import get_logger
from jobman_agent.policy.recorded import Digest, Line, glance_of, spans_of
from jobman_agent.storage.files import explain, make_private_dir

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jobman_agent.model.reading import Reading
    from jobman_agent.policy import Memory, Rules
    from jobman_agent.policy.recorded import Span

FOLDER = "record"
KEPT_DAYS = 42
DAY_BYTES = 130_000
"""A day's file grows no further: a week stays below 1 MB whatever flickers."""
TRY_AGAIN_S = 60.0
_SUFFIX = ".jsonl"
_log = get_logger(__name__)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Line)


class Record:
    """The record as the agent writes it; for the event loop's thread.

    Args:
        home: JOBMAN_HOME.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER
        self._digest = Digest()
        self._day: date | None = None
        self._full: date | None = None
        self._size = 0
        self._told = False
        self._tried_at: datetime | None = None
        """When it last could not be written."""

    def note(self, now: datetime, reading: Reading, rules: Rules, memory: Memory) -> None:
        """Keep what has changed; never raises.

        Args:
            now: When the reading was judged.
            reading: It.
            rules: By which it was judged.
            memory: What that judgement handed on.
        """
        tried = self._tried_at
        if tried is not None and abs((now - tried).total_seconds()) < TRY_AGAIN_S:
            return
        try:
            self._write(now, reading, rules, memory)
        except Exception as exc:  # noqa: BLE001 - whatever goes wrong here, the agent goes on
            self._digest.begin_anew()
            self._day, self._tried_at = None, now
            if not self._told:
                self._told = True
                _log.warning("the record of readings is not kept: %s", exc)

    def _write(self, now: datetime, reading: Reading, rules: Rules, memory: Memory) -> None:
        day = now.astimezone(UTC).date()
        if day == self._full:
            return
        fresh = day != self._day
        glance = glance_of(reading, rules, memory, now.timestamp())
        lines = self._digest.take(glance, all_of_it=fresh)
        if not lines:
            return
        data = b"".join(_encoder.encode(line) + b"\n" for line in lines)
        path = self._folder / f"{day.isoformat()}{_SUFFIX}"
        if fresh:
            make_private_dir(self._folder)
            _remove_old(self._folder, day)
            self._size = path.stat().st_size if path.exists() else 0
            if self._size:
                data = b"\n" + data  # what a crash has torn ends here
        if self._size + len(data) > DAY_BYTES:
            self._full, self._day = day, None
            self._digest.begin_anew()
            _log.warning("%s is full: nothing more is recorded until midnight (UTC)", path)
            return
        try:
            with path.open("ab") as file:
                file.write(data)
        except OSError as exc:
            raise StorageError(explain(exc, "write", path)) from exc
        self._day, self._told, self._tried_at = day, False, None
        self._size += len(data)


class Recorded(NamedTuple):
    """What was read back."""

    spans: list[Span]
    """In order of time."""
    unreadable: int
    """Lines that a crash or a full disk has torn, or that are no lines."""


def read_record(home: Path, since: datetime, until: datetime) -> Recorded:
    """What the record says of the days from ``since`` to ``until``; empty where there is none.

    Raises:
        StorageError: a file is there and cannot be read.
    """
    lines: list[Line] = []
    unreadable = 0
    latest = until.timestamp()
    for path in _files(home / FOLDER, since.astimezone(UTC).date(), until.astimezone(UTC).date()):
        try:
            data = path.read_bytes()
        except OSError as exc:
            raise StorageError(explain(exc, "read", path)) from exc
        for raw in data.splitlines():
            if not raw:
                continue
            try:
                line = _decoder.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError):
                unreadable += 1
                continue
            if line.at <= latest:
                lines.append(line)
    return Recorded(spans_of(lines), unreadable)


def _files(folder: Path, first: date, last: date) -> Iterator[Path]:
    for number in range((last - first).days + 1):
        path = folder / f"{(first + timedelta(days=number)).isoformat()}{_SUFFIX}"
        if path.exists():
            yield path


def _remove_old(folder: Path, today: date) -> None:
    oldest = f"{(today - timedelta(days=KEPT_DAYS)).isoformat()}{_SUFFIX}"
    for path in folder.glob(f"????-??-??{_SUFFIX}"):
        if path.name < oldest:
            path.unlink(missing_ok=True)
