"""The ledger of the agent: a line for each package that ended, for the owner and for IT.

Rule 1: it never holds up the agent. What touches the disk is done in the disk's thread, and what
cannot be written waits in memory, put together where it gets too much.
Rule 2: it stays small, and goes back about a year: where it has grown over `MOST_BYTES`, what is
not new is put together by night, job and outcome; what is older than `KEEP` goes.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from jobman_agent.agent.nights import FILE, LOST, Entry, as_line, put_together, read_lines
from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.errors import InputError, StorageError
from jobman_agent.log import get_logger
from jobman_agent.model.messages import Outcome
from jobman_agent.storage.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from jobman_agent.control.pipe_messages import ComingRun, Ended

MOST_BYTES = 4 << 20
NEW_BYTES = 1 << 20
"""So much of the end stays as it was written, a line for each package."""
KEEP = timedelta(days=400)
EACH_S = 0.5
"""Written so often at most: packages may last for milliseconds."""
APART_MOST = 20
"""So many that come at once stay apart; more of them are put together."""
WAITING_MOST = 1000
_log = get_logger(__name__)


class Ledger:
    """The file's only writer, for an agent has its JOBMAN_HOME to itself.

    Its methods are for the event loop's thread.

    Args:
        home: JOBMAN_HOME.
        do: Has something done in the disk's thread, in order.
        zone: Of the nights; None: what TZ says, else the system's.
    """

    def __init__(
        self, home: Path, do: Callable[[Callable[[], object]], object], zone: str | None = None
    ) -> None:
        self._do = do
        self._file = _File(home / FILE, zone)
        self._waiting: list[Entry] = []
        self._written = -EACH_S
        self._later: asyncio.TimerHandle | None = None

    def enter(self, at: datetime, run: ComingRun, ended: Ended) -> None:
        """A package has ended, at a time in UTC; one that never ran is none."""
        if ended.outcome in (Outcome.REFUSED, Outcome.HANDED_BACK) and not ended.seconds:
            return
        entry = Entry(
            ended=at,
            employer=run.employer,
            title=run.title,
            package=run.package,
            outcome=ended.outcome.value,
            seconds=ended.seconds,
            cpu_seconds=ended.cpu_seconds,
            peak_memory=ended.peak_memory,
        )
        self._add([entry])

    def lost(self, at: datetime, runs: Sequence[ComingRun]) -> None:
        """A worker died while it held these."""
        self._add([Entry(at, run.employer, run.title, run.package, LOST) for run in runs])

    def close(self) -> None:
        """Have written what waits, also what could not be written before."""
        self._write()

    def _add(self, entries: list[Entry]) -> None:
        self._waiting += entries
        left = self._written + EACH_S - SYSTEM_CLOCK.monotonic()
        if left <= 0:
            self._write()
        elif self._later is None:
            self._later = asyncio.get_running_loop().call_later(left, self._write)

    def _write(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        self._written = SYSTEM_CLOCK.monotonic()
        entries, self._waiting = self._waiting, []
        self._do(lambda: self._file.write(entries))


class _File:
    """The file itself; all of it is for the disk's thread."""

    def __init__(self, path: Path, zone: str | None) -> None:
        self._path, self._zone = path, zone
        self._unwritten: list[Entry] = []
        self._told = False
        self._first = True
        self._torn = True
        """Whether the last line may lack its end."""

    def write(self, entries: list[Entry]) -> None:
        """Add lines; what cannot be written is written with the next ones."""
        entries = [*self._unwritten, *self._few(entries, APART_MOST)]
        if not entries:
            return
        try:
            self._append(entries)
        except OSError as exc:
            self._torn, self._unwritten = True, self._few(entries, WAITING_MOST)
            if not self._told:
                _log.warning("the ledger %s cannot be written: %s", self._path, exc)
            self._told = True
            return
        if self._told:
            _log.info("the ledger is written again")
        self._torn, self._unwritten, self._told = False, [], False
        self._tidy(entries[-1].ended)

    def _few(self, entries: list[Entry], most: int) -> list[Entry]:
        if len(entries) <= most:
            return entries
        try:
            return put_together(entries, self._zone)[-WAITING_MOST:]
        except InputError:  # no time zone: then each by itself, and no more than there is room for
            return entries[-WAITING_MOST:]

    def _append(self, entries: list[Entry]) -> None:
        with self._path.open("ab+") as file:
            lines = b"".join(as_line(entry) for entry in entries)
            start = file.seek(0, 2)
            if self._torn and start:
                file.seek(start - 1)
                lines = lines if file.read(1) == b"\n" else b"\n" + lines
            file.write(lines)

    def _tidy(self, now: datetime) -> None:
        """Make the file smaller: at the first writing if it goes back too far, and if it is large.

        Not each time that a day more is too old: it is read whole for that.
        """
        first, self._first = self._first, False
        try:
            too_large = self._path.stat().st_size > MOST_BYTES
            if not too_large and not first:
                return
            content = self._path.read_bytes()
            smaller = self._smaller(content, now) if too_large else _younger(content, now - KEEP)
            if smaller != content:
                write_atomic(self._path, smaller, 0o600)
        except (OSError, StorageError, InputError) as exc:
            _log.warning("the ledger %s cannot be made smaller: %s", self._path, exc)

    def _smaller(self, content: bytes, now: datetime) -> bytes:
        cut = content.rfind(b"\n", 0, -NEW_BYTES) + 1
        entries, damaged = read_lines(content[:cut])
        kept = [one for one in entries if one.ended > now - KEEP]
        old = b"".join(as_line(one) for one in put_together(kept, self._zone))
        # A year of ever new jobs: the latest have the room that there is.
        most = MOST_BYTES // 2
        if len(old) > most:
            old = old[old.index(b"\n", len(old) - most) + 1 :]
        left_out = f", {damaged} damaged ones left out" if damaged else ""
        _log.info("the ledger: %d lines put together%s", len(entries), left_out)
        return old + content[cut:]


def _younger(content: bytes, than: datetime) -> bytes:
    """Without the lines before the first that is young enough."""
    start = 0
    for line in content.splitlines(keepends=True):
        entries, _ = read_lines(line)
        if entries and entries[0].ended > than:
            break
        start += len(line)
    return content[start:]
