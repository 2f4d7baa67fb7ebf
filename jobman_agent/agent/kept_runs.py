"""Which runs there are, kept in JOBMAN_HOME: an agent's next start ends those of a dead one.

A worker that outlives its agent ends its packages itself, and a runner those of its worker. This is
for the moment when all of them are killed, and nobody else is left.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.errors import StorageError
from jobman_agent.log import get_logger
from jobman_agent.storage.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from jobman_agent.agent.disk import Disk

FILE = "runs.json"
AGAIN_S = 1.0
"""Packages may last for milliseconds: it is written so often at most."""
_log = get_logger(__name__)


class KeptRuns:
    """The file; of the event loop's thread, written in the disk's."""

    def __init__(self, home: Path, disk: Disk) -> None:
        self._disk = disk
        self._path = home / FILE
        self._runs: tuple[str, ...] = ()
        self._written = -AGAIN_S
        self._later: asyncio.TimerHandle | None = None

    def load(self) -> frozenset[str]:
        """The JOBMAN_RUNs of the agent before; none if it ended well, or the file is damaged."""
        try:
            kept = json.loads(self._path.read_bytes())
            return frozenset(str(run) for run in kept)
        except FileNotFoundError:
            return frozenset()
        except (OSError, ValueError, TypeError, RecursionError) as exc:
            _log.warning("%s cannot be read: %s", self._path, exc)
            return frozenset()

    def keep(self, runs: Iterable[str]) -> None:
        """These may run now."""
        self._runs = tuple(runs)
        left = self._written + AGAIN_S - SYSTEM_CLOCK.monotonic()
        if left <= 0:
            self._write()
        elif self._later is None:
            self._later = asyncio.get_running_loop().call_later(left, self._write)

    def close(self) -> None:
        """Have written what waits."""
        if self._later is not None:
            self._write()

    def _write(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        self._written = SYSTEM_CLOCK.monotonic()
        content = json.dumps(self._runs).encode()
        self._disk.do(lambda: _write(self._path, content))


def _write(path: Path, content: bytes) -> None:
    try:
        write_atomic(path, content, 0o600)
    except StorageError as exc:
        _log.warning("%s", exc)
