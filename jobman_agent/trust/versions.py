"""The version of a program whose owner states none: the SHA-256 of its file, hashed once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Versions:
    """Remembers hashes for as long as a file keeps its time and size."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[int, int, str]] = {}

    def of(self, path: Path) -> str:
        """``sha256:`` and the file's hash; empty where the file cannot be read."""
        try:
            found = path.stat()
            known = self._known.get(path)
            if known is not None and known[:2] == (found.st_mtime_ns, found.st_size):
                return known[2]
            with path.open("rb") as file:
                version = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        except OSError:
            # One may be allowed to execute a file and not to read it: then it has no version.
            return ""
        self._known[path] = (found.st_mtime_ns, found.st_size, version)
        return version
