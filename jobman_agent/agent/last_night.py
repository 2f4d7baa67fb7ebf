"""What the ledger says of last night, in a few lines for the tray."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobman_agent.agent.ledger import FILE
from jobman_agent.control.messages import ShownNight
from jobman_agent.log import get_logger

if TYPE_CHECKING:
    from pathlib import Path

_TAIL_BYTES = 256 << 10
"""So much of the ledger's end is looked at: some 1,500 packages."""
_EMPLOYERS_MOST = 20
_NAME_MOST = 200
_log = get_logger(__name__)


class LastNight:
    """Read again only when the ledger has grown, or noon has passed."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        self._seen: tuple[object, ...] = ()
        self._night: tuple[ShownNight, ...] = ()

    def shown(self, now: datetime) -> tuple[ShownNight, ...]:
        """What ran here since yesterday noon, by employer; `now` is local."""
        since = noon_before(now)
        try:
            found = self._path.stat()
            seen = (since, found.st_mtime_ns, found.st_size)
            if seen != self._seen:
                self._night = summed(self._tail(found.st_size), since)
                self._seen = seen
        except FileNotFoundError:
            self._seen, self._night = (), ()
        except OSError as exc:
            _log.warning("the ledger %s cannot be read: %s", self._path, exc)
        return self._night

    def _tail(self, size: int) -> list[bytes]:
        with self._path.open("rb") as file:
            if size > _TAIL_BYTES:
                file.seek(size - _TAIL_BYTES)
                file.readline()  # the rest of a line
            return file.read(_TAIL_BYTES).splitlines()


def noon_before(now: datetime) -> datetime:
    """Yesterday's noon, in local time."""
    return (now - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)


def summed(lines: list[bytes], since: datetime) -> tuple[ShownNight, ...]:
    """The lines of packages that ended since then, by employer, the busiest one first."""
    sums: dict[str, tuple[int, float, int]] = {}
    for line in lines:
        entry = _entry(line)
        if entry is None or entry[0] < since:
            continue
        _, name, seconds, peak = entry
        packages, before, most = sums.get(name, (0, 0.0, 0))
        sums[name] = (packages + 1, before + seconds, max(most, peak))
    ordered = sorted(sums.items(), key=lambda each: -each[1][1])[:_EMPLOYERS_MOST]
    return tuple(ShownNight(name[:_NAME_MOST], *amounts) for name, amounts in ordered)


def _entry(line: bytes) -> tuple[datetime, str, float, int] | None:
    """When it ended, for whom, seconds and bytes; None: no package's line, or a damaged one."""
    try:
        found: dict[str, Any] = json.loads(line)
        if "package" not in found:
            return None
        ended = datetime.fromisoformat(found["ended"])
        amounts = max(0.0, float(found["seconds"])), max(0, int(found["peak_memory"]))
        return (ended, str(found["employer"]), *amounts) if ended.tzinfo is not None else None
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return None
