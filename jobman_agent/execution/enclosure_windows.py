"""What everything of an agent's worker is enclosed in (Windows): a job object.

The agent holds it, so that all ends with the agent, however the agent ends; nothing leaves it.
"""

from __future__ import annotations

import subprocess
import sys
import time

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.execution import handles_windows as system
from jobman_agent.execution import job_windows

assert sys.platform == "win32"

WORKER_FLAGS = (
    job_windows.BORN_SUSPENDED | subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
)
"""How a worker is started that is to be enclosed: it waits until it is."""
_END_S = 5.0


class Enclosure:
    """For one worker after another; the methods are for any thread."""

    def __init__(self) -> None:
        self._job: job_windows.JobObject | None = None

    def take(self, worker: subprocess.Popen[bytes]) -> None:
        """Enclose a worker before it begins, and let it begin.

        Raises:
            OSError: it cannot be enclosed; it must not begin.
        """
        self.end()
        self._job = job_windows.put_into_a_new_one(worker)

    def pids(self) -> list[int]:
        """All processes in it."""
        job = self._job
        return [] if job is None else job.pids()

    def end(self) -> int:
        """End everything in it; how many processes that were."""
        job, self._job = self._job, None
        if job is None:
            return 0
        count = sum(not system.hosts_console(pid) for pid in job.pids())
        job.terminate()
        deadline = SYSTEM_CLOCK.monotonic() + _END_S
        while job.active() and SYSTEM_CLOCK.monotonic() < deadline:
            time.sleep(0.002)
        job.close()
        return count
