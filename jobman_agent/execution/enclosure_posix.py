"""What everything of an agent's worker is enclosed in: nothing, where there are no job objects.

Groups, the subreaper and JOBMAN_RUN find what is left, and the pipe's end tells a worker that its
agent has gone.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

assert sys.platform != "win32"

WORKER_FLAGS = 0
"""How a worker is started; as in ``enclosure_windows``."""


class Enclosure:
    """Encloses nothing; as in ``enclosure_windows``."""

    def take(self, worker: subprocess.Popen[bytes]) -> None:
        """Nothing: the worker has begun."""

    def pids(self) -> list[int]:
        """None that are not found by other means."""
        return []

    def end(self) -> int:
        """Nothing to end."""
        return 0
