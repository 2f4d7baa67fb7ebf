"""Linux and macOS: where the machine's file is, and whether the administrator made it."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

assert sys.platform != "win32"

if sys.platform == "darwin":
    MACHINE_FILE = Path("/Library/Application Support/Jobman/jobman.ini")
else:
    MACHINE_FILE = Path("/etc/jobman/jobman.ini")

LOCK_DIR = Path("/run/lock") if Path("/run/lock").is_dir() else Path("/tmp")  # noqa: S108 - only locks, never data
"""A folder of the machine's, where every user may make a file."""


def machine_file_fault(path: Path) -> str | None:
    """Why the machine's file must be ignored, or None: only root may be able to change it.

    Raises:
        OSError: it cannot be looked at.
    """
    # Whoever owns the folder can put another file of root's in its place.
    for place in (path, path.parent):
        found = place.stat()
        if found.st_uid != 0:
            return f"{place} belongs to user {found.st_uid}, not to root"
        # In a sticky folder (/tmp) others can write, but not replace what is root's.
        sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky:
            return f"{place} can be written by others than root"
    return None
