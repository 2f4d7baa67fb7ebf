"""The jobman command as a process of its own, with a JOBMAN_HOME and no settings from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

CLONE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Said:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Jobman:
    """One user of one PC; commands run in ``folder``."""

    def __init__(self, folder: Path, home: str = "home") -> None:
        self.folder = folder
        self.program = [sys.executable, "-m", "jobman_agent"]
        self.home = folder / home
        self.env = {
            **{name: text for name, text in os.environ.items() if not name.startswith("JOBMAN_")},
            "JOBMAN_HOME": str(self.home),
            "JOBMAN_CONFIG": "",
            # Nobody who runs the tests wants icons on the desktop.
            "JOBMAN_TRAY_SHOW": "no",
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "PYTHONPATH": str(CLONE),
            "PYTHONWARNINGS": "error",
            "COLUMNS": "100",
        }

    def command(self, *words: str) -> list[str]:
        return [*self.program, *words]

    def __call__(self, *words: str, typed: str = "", **env: str) -> Said:
        done = subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env={**self.env, **env},
            input=typed,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)


def wait_until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Look every 20 ms whether what another process does has happened; fail after the deadline."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it has not happened in time"
        time.sleep(0.02)
