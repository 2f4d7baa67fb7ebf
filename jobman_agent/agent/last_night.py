"""What the ledger says of last night, in a few lines for the tray."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobman_agent.agent.nights import FILE, last_night, read_lines, total
from jobman_agent.control.messages import ShownNight
from jobman_agent.errors import InputError
from jobman_agent.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from jobman_agent.agent.nights import Entry

LEAST_S = 60.0
"""The ledger is read at most so often: packages may end a thousand times a second."""
_TAIL_BYTES = 512 << 10
"""So much of the ledger's end is looked at: some 2,500 packages."""
_EMPLOYERS_MOST = 20
_NAME_MOST = 200
_log = get_logger(__name__)


class LastNight:
    """Read again only when the ledger has grown, or noon has passed."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        self._seen: tuple[object, ...] = ()
        self._read_at: datetime | None = None
        self._night: tuple[ShownNight, ...] = ()

    def shown(self, now: datetime) -> tuple[ShownNight, ...]:
        """What ran here last night, by employer; `now` is local."""
        if self._read_at is not None and 0 <= (now - self._read_at).total_seconds() < LEAST_S:
            return self._night
        try:
            found = self._path.stat()
            seen = (now.date(), now.hour, found.st_mtime_ns, found.st_size)
            if seen != self._seen:
                entries, _ = read_lines(self._tail(found.st_size))
                self._night = summed(last_night(entries, now).entries)
                self._seen, self._read_at = seen, now
        except FileNotFoundError:
            self._seen, self._night = (), ()
        except (OSError, InputError) as exc:
            _log.warning("the ledger %s cannot be read: %s", self._path, exc)
        return self._night

    def _tail(self, size: int) -> bytes:
        with self._path.open("rb") as file:
            if size > _TAIL_BYTES:
                file.seek(size - _TAIL_BYTES)
                file.readline()  # the rest of a line
            return file.read(_TAIL_BYTES)


def summed(entries: Sequence[Entry]) -> tuple[ShownNight, ...]:
    """Entries by employer, the one with the most time first."""
    names = {entry.employer for entry in entries}
    sums = [(name, total(e for e in entries if e.employer == name)) for name in names]
    sums.sort(key=lambda each: (-each[1].seconds, each[0]))
    return tuple(
        ShownNight(name[:_NAME_MOST], found.packages, found.seconds, found.peak_memory)
        for name, found in sums[:_EMPLOYERS_MOST]
    )
