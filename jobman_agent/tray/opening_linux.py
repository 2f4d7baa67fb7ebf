"""Show a file or folder to the owner, on Linux and the like."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from jobman_agent.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def open_file(path: Path) -> None:
    """Open it in the program that the desktop has for it; returns at once.

    Raises:
        InputError: this desktop has no way to open things.
    """
    try:
        opener = subprocess.Popen(
            ["xdg-open", path],  # noqa: S607 - where a distribution has put it
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as exc:
        raise InputError(f"xdg-open (package xdg-utils) is missing here: open {path}") from exc
    # It may stay as long as the program that it starts.
    opener.returncode = 0
