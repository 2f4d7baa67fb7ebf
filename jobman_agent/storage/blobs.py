"""Files kept by the SHA-256 of what they hold: large inputs and outputs, each only once.

A complete file is named by its hash and never changes. What still arrives is ``<sha256>.part``,
and becomes complete only after its hash was checked. Names are flat and short, for Windows ends
paths at 260 characters. All calls block: use a thread where an event loop runs.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobman_agent.errors import PackageCorrupt, StorageError
from jobman_agent.storage.files import explain, rename, sync_folder, write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SHA256 = re.compile(r"[0-9a-f]{64}")
_COPY_BYTES = 1 << 20


class BlobStore:
    """A folder of files, each named by the SHA-256 of what it holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with _disk("make the folder", folder):
            folder.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where the complete file is, or would be.

        Raises:
            StorageError: this is no SHA-256 in lower-case hexadecimal digits.
        """
        if not _SHA256.fullmatch(sha256):
            message = f"{sha256[:80]!r} is no SHA-256: 64 digits 0-9 a-f are"
            raise StorageError(message)
        return self.folder / sha256

    def has(self, sha256: str) -> bool:
        """Whether the complete file is here."""
        return self.path(sha256).is_file()

    def size(self, sha256: str) -> int:
        """Bytes of the complete file.

        Raises:
            StorageError: it is not here.
        """
        path = self.path(sha256)
        with _disk("look at", path):
            return path.stat().st_size

    def names(self) -> list[str]:
        """The hashes of all complete files, sorted."""
        with _disk("list", self.folder):
            return sorted(p.name for p in self.folder.iterdir() if _SHA256.fullmatch(p.name))

    def add_bytes(self, data: bytes) -> str:
        """Keep these bytes, synced; return their SHA-256.

        Raises:
            StorageError: disk full, no permission and the like.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        if not self.has(sha256):
            write_atomic(self.path(sha256), data)
        return sha256

    def add_file(self, source: Path) -> tuple[str, int]:
        """Keep a copy of a file, synced; return its SHA-256 and size in bytes.

        The hash is that of the copy, so it is right even if the file changes meanwhile.

        Raises:
            StorageError: it cannot be read, disk full, and the like.
        """
        temporary = self.folder / f".{secrets.token_hex(8)}.tmp"
        try:
            with _disk("copy", source):
                sha256, size = _copy(source, temporary)
                if not self.has(sha256):
                    rename(temporary, self.path(sha256))
                    sync_folder(self.folder)
        finally:
            temporary.unlink(missing_ok=True)
        return sha256, size

    def partial_size(self, sha256: str) -> int:
        """How many bytes of an incomplete file have arrived: the first one that is missing."""
        part = self._part(sha256)
        return part.stat().st_size if part.exists() else 0

    def append(self, sha256: str, offset: int, data: bytes) -> int:
        """Add what comes at ``offset`` to the incomplete file; return ``partial_size``.

        What is here already is skipped, and what would leave a hole is not written, so that
        chunks may come twice or in any order: ask again from the returned byte on.

        Raises:
            StorageError: disk full, no permission and the like.
        """
        part = self._part(sha256)
        with _disk("write", part), part.open("ab") as file:
            here = file.seek(0, os.SEEK_END)
            if 0 <= offset <= here < offset + len(data):
                file.write(memoryview(data)[here - offset :])
                file.flush()
            return file.tell()

    def finish(self, sha256: str) -> Path:
        """Check the incomplete file's hash, sync it and make it complete; return its path.

        A file that is complete already is fine.

        Raises:
            PackageCorrupt: the hash is wrong; the incomplete file was deleted.
            StorageError: nothing arrived, disk full, and the like.
        """
        path, part = self.path(sha256), self._part(sha256)
        if path.is_file():
            part.unlink(missing_ok=True)
            return path
        with _disk("complete", part):
            with part.open("rb+") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
                os.fsync(file.fileno())
            if found != sha256:
                part.unlink()
                message = f"a file arrived damaged: its SHA-256 is {found}, promised was {sha256}"
                raise PackageCorrupt(message)
            rename(part, path)
            sync_folder(self.folder)
        return path

    def remove(self, sha256: str) -> None:
        """Forget the file, complete or not; a missing one is fine.

        Raises:
            StorageError: no permission and the like.
        """
        path = self.path(sha256)
        with _disk("remove", path):
            path.unlink(missing_ok=True)
            self._part(sha256).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what a killed process left behind; only for the store's owner, at its start."""
        with _disk("clean", self.folder):
            for litter in self.folder.glob(".*.tmp"):
                litter.unlink(missing_ok=True)

    def _part(self, sha256: str) -> Path:
        return self.path(sha256).with_suffix(".part")


def _copy(source: Path, target: Path) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    with source.open("rb") as reading, target.open("xb") as writing:
        while data := reading.read(_COPY_BYTES):
            digest.update(data)
            size += writing.write(data)
        writing.flush()
        os.fsync(writing.fileno())
    return digest.hexdigest(), size


@contextmanager
def _disk(what: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise StorageError(explain(exc, what, path)) from exc
