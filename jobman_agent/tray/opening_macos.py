"""Show a file or folder to the owner, on macOS."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from jobman_agent.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def open_file(path: Path) -> None:
    """Open it: a file in the text editor, a folder in Finder.

    Raises:
        InputError: it cannot be opened.
    """
    words = ["/usr/bin/open", *([] if path.is_dir() else ["-t"]), str(path)]
    try:
        subprocess.run(words, check=True, timeout=10, capture_output=True)
    except (OSError, subprocess.SubprocessError) as exc:
        raise InputError(f"cannot open {path}: {exc}") from exc
