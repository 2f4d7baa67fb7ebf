"""``[evaluate] check``: the employer's own program looks at a result, on the employer's own PC.

Rules that hold here:
1. It runs in a private folder with the outputs and log.txt of the result, without a shell, and
   never a program from that folder, which holds a stranger's files.
2. Exit code 0 accepts; with anything else the result is wrong, and what it printed says why.
3. It is ended after a time, a bounded number run side by side, and its output is capped.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.employer.evaluation import ACCEPTED, Evaluation
from jobman_agent.employer.job.spec import LOG_NAME
from jobman_agent.employer.results.folder import write_outputs
from jobman_agent.employer.session.records import Judgement
from jobman_agent.errors import InputError, StorageError
from jobman_agent.execution import processes, remove_tree
from jobman_agent.log import get_logger
from jobman_agent.model.templates import JOB, fill_word
from jobman_agent.storage.files import explain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobman_agent.employer.job.folder import JobFolder
    from jobman_agent.employer.results.folder import Content

PYTHON = "python"
SHORTEST_LIMIT_S = 60.0
LONGEST_LIMIT_S = 600.0

_LOOK_S = 0.2
_KEPT = 4096
_SHOWN = 1000
_SIGKILL = 9  # Windows has no name for it, and no groups
_log = get_logger(__name__)


class Checker:
    """Runs the check of one job; ``close`` it at the end.

    Args:
        job: The job; its spec has a check.
        scratch: A folder of the employer's own for the private folders.
        python: What ``python`` stands for; None: the interpreter that runs jobman.
        side_by_side: So many checks run at once, the others wait.
        limit_s: Seconds for one check; None: the job's ``time``, but 1 to 10 minutes.
    """

    def __init__(
        self,
        job: JobFolder,
        scratch: Path,
        *,
        python: Path | None = None,
        side_by_side: int = 2,
        limit_s: float | None = None,
    ) -> None:
        self._job = job
        self._scratch = scratch
        self._python = str(python or sys.executable)
        bounded = min(max(job.spec.time_s, SHORTEST_LIMIT_S), LONGEST_LIMIT_S)
        self._limit_s = bounded if limit_s is None else limit_s
        self._threads = ThreadPoolExecutor(side_by_side, thread_name_prefix="check")
        self._ended = threading.Event()

    async def check(
        self, package: str, outputs: Mapping[str, Content], log: Content = b""
    ) -> Evaluation:
        """Judge one result by the job's check.

        Raises:
            InputError: the check cannot be started: that is no word about the result.
            StorageError: the private folder cannot be written.
        """
        cancelled = threading.Event()
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, self._run, package, outputs, log, cancelled)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def close(self) -> None:
        """End what still runs."""
        self._ended.set()
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    def words(self, package: str) -> list[str]:
        """The command as it is run for a package.

        Raises:
            InputError: its program is not on this PC.
        """
        root = str(self._job.root)
        values = {**self._job.values(package), JOB: root}
        common = str(self._job.root / "common")
        first, *others = self._job.spec.evaluate.check
        program, _ = fill_word(first, package, common, values)
        if first == PYTHON:
            program = self._python
        # Found here and made whole: inside the folder of the result nothing may be started.
        found = shutil.which(program)
        if found is None:
            raise InputError(f"the check's program {program!r} is not on this PC")
        return [
            str(Path(found).absolute()),
            *(fill_word(word, package, common, values)[0] for word in others),
        ]

    def _run(
        self,
        package: str,
        outputs: Mapping[str, Content],
        log: Content,
        cancelled: threading.Event,
    ) -> Evaluation:
        folder = self._scratch / f"check-{secrets.token_hex(6)}"
        try:
            folder.mkdir(mode=0o700, parents=True)
        except OSError as exc:
            raise StorageError(explain(exc, "make the folder", folder)) from exc
        try:
            write_outputs(folder, {**outputs, LOG_NAME: log})
            return self._run_in(folder, package, cancelled)
        finally:
            _remove(folder)

    def _run_in(self, folder: Path, package: str, cancelled: threading.Event) -> Evaluation:
        try:
            process = subprocess.Popen(
                self.words(package),
                cwd=folder,
                env=os.environ | {"JOBMAN_PACKAGE": package},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as exc:
            raise InputError(f"the check cannot be started: {exc.strerror or exc}") from exc
        assert process.stdout is not None  # noqa: S101 - Popen was given PIPE
        printed = _Printed(process.stdout)
        deadline = SYSTEM_CLOCK.monotonic() + self._limit_s
        # The pipe's end comes with the program's end, unless a child of its own holds the pipe.
        while process.poll() is None:
            late = SYSTEM_CLOCK.monotonic() >= deadline
            if late or cancelled.is_set() or self._ended.is_set():
                _kill(process)
                why = f"check did not end within {self._limit_s:g} s" if late else "check ended"
                return Evaluation(Judgement.WRONG, why + printed.shown())
            printed.wait(_LOOK_S)
        printed.wait(_LOOK_S)
        if process.returncode == 0:
            return ACCEPTED
        how = f"exit code {process.returncode}"
        if process.returncode < 0:
            how = f"ended by signal {-process.returncode}"
        return Evaluation(Judgement.WRONG, f"check: {how}{printed.shown()}")


def _remove(folder: Path) -> None:
    try:
        remove_tree(str(folder))
    except OSError as exc:  # Windows: something that the check started still looks at it
        _log.warning("a check left %s behind, which cannot be removed: %s", folder, exc)


class _Printed:
    """What a program prints: read to the end so that it never blocks, the last of it kept."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._last = b""
        self._thread = threading.Thread(target=self._read, name="check-output", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait for the end, at most so long."""
        if self._thread.is_alive():
            self._thread.join(seconds)
        else:
            threading.Event().wait(min(seconds, 0.01))

    def shown(self) -> str:
        """The last lines, as the end of a sentence."""
        text = self._last.decode("utf-8", "replace")
        lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
        joined = " / ".join(lines)
        return f": {joined[-_SHOWN:]}" if joined else ""

    def _read(self) -> None:
        with self._pipe as pipe:
            while piece := os.read(pipe.fileno(), 1 << 16):
                self._last = (self._last + piece)[-_KEPT:]


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a program that was not reaped yet, so that its number is still its own."""
    kill_group = getattr(os, "killpg", None)
    if kill_group is None:  # Windows has no groups: whoever descends from it
        for pid in processes.below([process.pid]):
            processes.kill_one(pid)
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # just ended by itself
            kill_group(process.pid, _SIGKILL)
    process.wait()
