"""The record of readings on disk: what this PC was like, for the preview and the forecast.

A file for each day (UTC) in JOBMAN_HOME/record, a line for each change (`policy.recorded`), all
fields in its first line. Nothing is synced: what a crash or a full disk tears is left out when it
is read, and told. The record never disturbs the agent: what goes wrong with it is logged once.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec import UNSET

from jobman_agent.errors import StorageError
from jobman_agent.log import get_logger
from jobman_agent.policy.forecast import times_alone
from jobman_agent.policy.recorded import Digest, Line, glance_of, spans_of
from jobman_agent.storage.files import explain, make_private_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from jobman_agent.model.reading import Reading
    from jobman_agent.policy import Memory, Rules
    from jobman_agent.policy.forecast import Alone
    from jobman_agent.policy.recorded import Span

FOLDER = "record"
KEPT_DAYS = 42
DAY_BYTES = 130_000
"""A day's file grows no further: a week stays below 1 MB whatever flickers."""
TRY_AGAIN_S = 60.0
READ_AGAIN_S = 3600.0
_SUFFIX = ".jsonl"
_log = get_logger(__name__)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Line)


class Record:
    """The record as the agent writes it; for the event loop's thread.

    Args:
        home: JOBMAN_HOME.
        do: Has something done that may take long, one thing after another; now, if not given.
    """

    def __init__(
        self, home: Path, do: Callable[[Callable[[], object]], object] | None = None
    ) -> None:
        self._home = home
        self._file = _DayFile(home / FOLDER)
        self._do = do or (lambda function: function())
        self._digest = Digest()
        self._day: date | None = None
        self._told = False
        self._history: tuple[Alone, ...] = ()
        self._read_at: datetime | None = None

    def times_alone(self, now: datetime, rules: Rules) -> tuple[Alone, ...]:
        """When this PC was left alone before, for the forecast; never raises.

        The first call reads (some hundredths of a second for six weeks); later ones, of an hour
        or more, have it read anew and answer with what was known before.
        """
        before = self._read_at
        if before is None:
            self._read_at = now
            self._read(now, rules)
        elif abs((now - before).total_seconds()) >= READ_AGAIN_S:
            self._read_at = now
            self._do(lambda: self._read(now, rules))
        return self._history

    def _read(self, now: datetime, rules: Rules) -> None:
        since = now - timedelta(days=KEPT_DAYS)
        try:
            spans = read_record(self._home, since, now, only=("input", "remote")).spans
            self._history = tuple(times_alone(spans, rules))
        except Exception:  # noqa: BLE001 - without a forecast the hours alone count
            _log.exception("the record of readings cannot be read")

    def note(self, now: datetime, reading: Reading, rules: Rules, memory: Memory) -> None:
        """Keep what has changed; never raises.

        Args:
            now: When the reading was judged.
            reading: It.
            rules: By which it was judged.
            memory: What that judgement handed on.
        """
        try:
            self._note(now, reading, rules, memory)
        except Exception:  # noqa: BLE001 - whatever goes wrong here, the agent goes on
            if not self._told:
                _log.exception("the record of readings")
            self._told = True

    def _note(self, now: datetime, reading: Reading, rules: Rules, memory: Memory) -> None:
        if self._file.take_failure():
            self._digest.begin_anew()
        day = now.astimezone(UTC).date()
        fresh, self._day = day != self._day, day
        lines = self._digest.take(
            glance_of(reading, rules, memory, now.timestamp()), all_of_it=fresh
        )
        if lines:
            self._do(lambda: self._file.write(day, now, lines))


class _DayFile:
    """The file of the day; what cannot be written is told once and tried again in a minute."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._day: date | None = None
        self._full: date | None = None
        self._size = 0
        self._told = False
        self._failed = False
        self._failed_at: datetime | None = None

    def take_failure(self) -> bool:
        """Whether something was lost since this was last asked."""
        failed, self._failed = self._failed, False
        return failed

    def write(self, day: date, now: datetime, lines: list[Line]) -> None:
        """Add lines; never raises."""
        before = self._failed_at
        if day == self._full or (before and abs((now - before).total_seconds()) < TRY_AGAIN_S):
            self._failed = True
            return
        try:
            self._add(day, lines)
        except (OSError, StorageError) as exc:
            self._failed, self._failed_at, self._day = True, now, None
            if not self._told:
                _log.warning("the record of readings is not kept: %s", exc)
            self._told = True
        else:
            self._told, self._failed_at = False, None

    def _add(self, day: date, lines: list[Line]) -> None:
        data = b"".join(_encoder.encode(line) + b"\n" for line in lines)
        path = self._folder / f"{day.isoformat()}{_SUFFIX}"
        if day != self._day:
            make_private_dir(self._folder)
            _remove_old(self._folder, day)
            self._size = path.stat().st_size if path.exists() else 0
            if self._size:
                data = b"\n" + data  # what a crash has torn ends here
        if self._size + len(data) > DAY_BYTES:
            self._full, self._day, self._failed = day, None, True
            _log.warning("%s is full: nothing more is recorded until midnight (UTC)", path)
            return
        try:
            with path.open("ab") as file:
                file.write(data)
        except OSError as exc:
            raise StorageError(explain(exc, "write", path)) from exc
        self._day = day
        self._size += len(data)


class Recorded(NamedTuple):
    """What was read back."""

    spans: list[Span]
    """In order of time."""
    unreadable: int
    """Lines that a crash or a full disk has torn, or that are no lines."""


def read_record(
    home: Path, since: datetime, until: datetime, *, only: Sequence[str] = ()
) -> Recorded:
    """What the record says of the days from ``since`` to ``until``; empty where there is none.

    Args:
        home: JOBMAN_HOME.
        since: From which day on, in UTC.
        until: Nothing later than this.
        only: The fields that are wanted; none: all. The others say what they may.

    Raises:
        StorageError: a file is there and cannot be read.
    """
    lines: list[Line] = []
    unreadable = 0
    latest = until.timestamp()
    wanted = True
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
            if line.at > latest:
                continue
            before, wanted = wanted, _is_wanted(line, only)
            if not before and not wanted and lines:
                lines.pop()  # only the last one counts: it says that the agent was there
            lines.append(line)
    return Recorded(spans_of(lines), unreadable)


def _is_wanted(line: Line, only: Sequence[str]) -> bool:
    return not only or line.begin or any(getattr(line, name) is not UNSET for name in only)


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
