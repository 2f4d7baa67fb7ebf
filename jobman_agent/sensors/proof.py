"""Which sources of input have been seen to reset on this PC: only those count.

A source that always says "an hour" would let work run on under the owner's hands. A source is
proven once it was seen to stand still for a while and then to start anew, within the last 30 days.
That is kept across restarts, in ``sensors.json`` of JOBMAN_HOME, under this PC's name.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from jobman_agent.storage.files import make_private_dir, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

PROOF_HOLDS = timedelta(days=30)
STOOD_STILL_SECONDS = 2.0
"""So long the last touch must have been the same before a later one proves anything; a source
that always says 0 never stands still."""
LATER_SECONDS = 1.0
"""A touch so much later is another one: sources round."""
CLOCK_SECONDS = 5.0
"""Clocks that disagree by more were set, or the PC slept: what was seen before is forgotten."""
WRITE_AGAIN = timedelta(days=1)
FILE = "sensors.json"


@dataclass
class _Watched:
    touch: float
    since: float
    """When this touch was first seen."""
    at: float
    wall: datetime


@dataclass
class Proofs:
    """The bookkeeping. It does no I/O but in ``load`` and ``save``."""

    path: Path
    host: str
    seen: dict[str, datetime] = field(default_factory=dict)
    """When each source was last seen to reset."""
    trouble: str = ""
    """Why what was kept could not be read, or not be written."""
    _loaded: int | None = None
    """When the file that was read last had been written."""
    _written: dict[str, datetime] = field(default_factory=dict)
    _watched: dict[str, _Watched] = field(default_factory=dict)

    def note(self, key: str, idle_seconds: float, at: float, wall: datetime) -> bool:
        """Look at one value; whether this was a reset.

        Args:
            key: The source.
            idle_seconds: What it says.
            at: The steady clock.
            wall: The wall clock.
        """
        touch = at - idle_seconds
        before = self._watched.get(key)
        if before is None or _clocks_disagree(before, at, wall):
            self._watched[key] = _Watched(touch, at, at, wall)
            return False
        stood_still = before.at - before.since >= STOOD_STILL_SECONDS
        before.at, before.wall = at, wall
        if abs(touch - before.touch) <= LATER_SECONDS:
            return False
        reset = stood_still and touch > before.touch
        before.touch, before.since = touch, at
        if reset:
            self.seen[key] = wall
        return reset

    def forget(self, key: str) -> None:
        """The source went away: what it says when it is back is compared with nothing."""
        self._watched.pop(key, None)

    def is_proven(self, key: str, wall: datetime) -> bool:
        """Whether the source counts."""
        when = self.seen.get(key)
        return when is not None and wall - when <= PROOF_HOLDS

    def due(self) -> bool:
        """Whether there is something worth writing: a new proof, or one a day younger."""
        return any(
            key not in self._written or when - self._written[key] >= WRITE_AGAIN
            for key, when in self.seen.items()
        )

    def load(self) -> None:
        """Take what was kept too; a file that is damaged or another PC's proves nothing."""
        try:
            self._loaded = os.stat(self.path).st_mtime_ns
            kept = json.loads(self.path.read_bytes())
            if kept["host"] != self.host:
                self.trouble = f"{self.path} is of another PC ({kept['host']}): not used"
                return
            found = {str(k): datetime.fromisoformat(v) for k, v in kept["seen_to_reset"].items()}
            read = {key: when.astimezone(UTC) for key, when in found.items()}
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
            self.trouble = f"{self.path} cannot be read, so that no source counts yet: {exc}"
            return
        for key, when in read.items():
            self.seen[key] = max(when, self.seen.get(key, when))
        self._written = read

    def refresh(self) -> None:
        """Take what another process has proven since: ``jobman doctor --watch``."""
        try:
            changed = os.stat(self.path).st_mtime_ns != self._loaded
        except OSError:
            return
        if changed:
            self.load()

    def save(self) -> None:
        """Write them.

        Raises:
            StorageError: disk full and the like; the old file is still there.
        """
        self.refresh()
        seen = dict(self.seen)
        kept = {"host": self.host, "seen_to_reset": {k: v.isoformat() for k, v in seen.items()}}
        make_private_dir(self.path.parent)
        write_atomic(self.path, json.dumps(kept, indent=1).encode(), 0o600)
        self._written = seen


def _clocks_disagree(before: _Watched, at: float, wall: datetime) -> bool:
    passed = at - before.at
    return abs((wall - before.wall).total_seconds() - passed) > CLOCK_SECONDS
