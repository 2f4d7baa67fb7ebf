"""Start a package on Windows, wait for its end, and end its job object.

It is started suspended, put into a job object, and only then resumed: otherwise it might start
children outside the job. It shares the runner's (hidden)
console, since CTRL_BREAK reaches only processes of one console.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from typing import IO, TYPE_CHECKING, NamedTuple

from jobman_agent.execution import job_windows
from jobman_agent.execution import processes_windows as processes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobman_agent.execution.log_text import LogText

assert sys.platform == "win32"

_PIECE = 64 << 10
_PIECES = 64
"""Pieces of output that may wait for the keeper before the package has to."""
_KILL_SECONDS = 5.0
_KEPT = ("SystemRoot", "ComSpec", "PATHEXT", "windir", "SystemDrive", "NUMBER_OF_PROCESSORS")


class Usage(NamedTuple):
    """What a package used; as in ``process_posix``."""

    exit_code: int | None
    signal: int | None
    cpu_seconds: float
    peak_memory: int


def system_environment(home: str) -> dict[str, str]:
    """What every program expects of the system; ``home`` is used for all own folders."""
    root = os.environ.get("SYSTEMROOT", r"C:\Windows")
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    own = dict.fromkeys(("TEMP", "TMP", "USERPROFILE", "APPDATA", "LOCALAPPDATA"), home)
    return {**kept, "PATH": rf"{root}\System32;{root}", **own}


class Launcher:
    """Starts one package after another in one folder. For one slot's thread."""

    output = -1
    """No descriptor: a thread reads the output."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._pieces: queue.Queue[bytes] = queue.Queue(_PIECES)
        self._reader: threading.Thread | None = None

    def start(self, argv: Sequence[str], environment: Mapping[str, str]) -> Child:
        """Start a program; argv[0] is its path.

        Raises:
            OSError: it cannot be started.
        """
        process = subprocess.Popen(
            list(argv),
            cwd=self._folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            creationflags=job_windows.BORN_SUSPENDED | subprocess.CREATE_NEW_PROCESS_GROUP,
        )
        try:
            job = job_windows.put_into_a_new_one(process, named=True)
        except OSError:
            process.kill()
            process.wait()
            raise
        assert process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        self._reader.start()
        return Child(process, job)

    def drain(self, log: LogText) -> int:
        """Take what has been read; returns the bytes."""
        total = 0
        with contextlib.suppress(queue.Empty):
            while True:
                piece = self._pieces.get_nowait()
                log.add(piece)
                total += len(piece)
        return total

    def finish(self, log: LogText) -> None:
        """Take all that is left; nothing of the package runs any more."""
        while self._reader is not None and self._reader.is_alive():
            self.drain(log)
            self._reader.join(0.005)
        self.drain(log)

    def close(self) -> None:
        """Nothing to let go of."""

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while piece := os.read(pipe.fileno(), _PIECE):
                self._pieces.put(piece)


class Child:
    """A package's first process and its job object."""

    def __init__(self, process: subprocess.Popen[bytes], job: job_windows.JobObject) -> None:
        self._process = process
        self._job = job
        self.pid = process.pid

    def wait(self) -> None:
        """Wait for its end; the open handle keeps its pid its own."""
        self._process.wait()

    def notify(self) -> None:
        """Ask the process group to end (CTRL_BREAK); many programs end at once."""
        self.thaw()
        with contextlib.suppress(OSError):
            os.kill(self.pid, 1)  # signal.CTRL_BREAK_EVENT

    def kill(self) -> None:
        """End everything in the job, and wait until it is empty."""
        self._job.terminate()
        waited = 0.0
        while self._job.active() and waited < _KILL_SECONDS:
            time.sleep(0.002)
            waited += 0.002

    def freeze(self) -> None:
        """Suspend every process in the job."""
        processes.freeze_group(self.pid)

    def thaw(self) -> None:
        """Let every process in the job go on."""
        processes.thaw_group(self.pid)

    def reap(self) -> Usage:
        """Take its exit status, and let go of the job."""
        usage = Usage(
            exit_code=self._process.returncode,
            signal=None,
            cpu_seconds=self._job.cpu_seconds(),
            peak_memory=self._job.peak_memory(),
        )
        self._job.close()
        return usage
