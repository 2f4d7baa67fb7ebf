"""Show a file or folder to the owner, on Windows."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from jobman_agent.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def open_file(path: Path) -> None:
    """Open it: a file in Notepad, a folder in Explorer.

    Not by what the file's name stands for: .ini and .log may stand for anything or nothing.

    Raises:
        InputError: it cannot be opened.
    """
    assert sys.platform == "win32"
    windows = os.environ.get("SYSTEMROOT", r"C:\Windows")
    program = "explorer.exe" if path.is_dir() else "notepad.exe"
    try:
        subprocess.Popen([rf"{windows}\{program}", path])
    except OSError as exc:
        raise InputError(f"cannot open {path}: {exc}") from exc
