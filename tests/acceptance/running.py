"""A jobman that runs for long: its lines as they come, signals to it, its end."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.command import Jobman

WAIT_S = 60.0


class Running:
    """A process of ``jobman``, whose stdout and stderr are read together."""

    def __init__(self, user: Jobman, *words: str, **env: str) -> None:
        self.home = user.home
        self.process = subprocess.Popen(
            user.command(*words),
            cwd=user.folder,
            env={**user.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.process.kill()
        self._reader.join()
        self.process.wait()
        print(f"---- {' '.join(self.process.args)}\n{self.text}")  # type: ignore[arg-type]
        faults = self.home / "logs" / "faults.log"
        if faults.exists():
            print(faults.read_text(encoding="utf-8"))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as out:
            for line in out:
                with self._news:
                    self.lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def until(self, part: str, count: int = 1, seconds: float = WAIT_S) -> str:
        """Wait for a line (the last of so many) with this in it."""
        deadline = time.monotonic() + seconds
        with self._news:
            while True:
                found = [line for line in self.lines if part in line]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                assert not self._ended, f"it ended without {part!r}:\n{self.text}"
                assert left > 0, f"no {part!r} within {seconds} s:\n{self.text}"
                self._news.wait(left)

    def interrupt(self) -> None:
        """What Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def end(self, seconds: float = WAIT_S) -> int:
        """Wait for its end; the exit code."""
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        return code


def processes_of(home: Path) -> dict[int, list[str]]:
    """Pid to words of processes whose JOBMAN_HOME is below this folder, or whose words name it."""
    found = {}
    for process in psutil.process_iter():
        try:
            words, environ = process.cmdline(), process.environ()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        ours = environ.get("JOBMAN_HOME", "").startswith(str(home))
        if ours or any(str(home) in word for word in words):
            found[process.pid] = words
    return found
