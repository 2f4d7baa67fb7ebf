"""Files larger than a message in a shared directory, by their hash (PROTOCOL 3.2, rule 8).

A complete copy is `blobs/<first two>/<sha256>`, a second one `<sha256>.<n>`; none is ever replaced.
What a reader takes is verified by hash. Every call into the share moves at most 1 MiB, so that its
deadline holds for a file of any size.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from jobman_agent.errors import PackageCorrupt, StorageError
from jobman_agent.model.names import SHA256
from jobman_agent.pool.directory_door import NotThere
from jobman_agent.pool.directory_files import (
    ALL_MAY_ADD,
    create,
    discard,
    list_if_there,
    make_folder,
    message_name,
    move,
    open_to_read,
    remove_all,
    write_all,
)
from jobman_agent.pool.directory_layout import BLOBS, TMP
from jobman_agent.pool.share_calls import Lane
from jobman_agent.storage.files import explain

if TYPE_CHECKING:
    from pathlib import Path

    from jobman_agent.pool.contract import Sender
    from jobman_agent.pool.directory_door import Door

PIECE_BYTES = 1 << 20
PATIENCE_S = 60.0
"""A file that was put there just now can be listed late by another client."""
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 5.0
_GROWTH = 1.5
_SESSION = "blob"
"""Stands for the session in the names of temporary files."""


class DirectoryBlobs:
    """The `blobs/` folder of a pool."""

    def __init__(self, door: Door, sender: Sender) -> None:
        self._door = door
        self._sender = sender
        self._root = f"{door.root}/{BLOBS}"
        self._bad: set[str] = set()

    async def put(self, sha256: str, source: Path, *, again: bool = False) -> None:
        """Make a file available; see the contract.

        Raises:
            PackageCorrupt: the file no longer has this hash.
            StorageError: the file cannot be read.
        """
        folder = self._folder(sha256)
        size = await asyncio.to_thread(_size, source)
        if await self._is_there(folder, sha256, size) and not again:
            return
        sender = self._sender
        name = message_name(sender.id, _SESSION, sender.start, next(sender.counter))
        temporary = f"{self._root}/{TMP}/{name}"
        call = self._door.call
        upload = _Upload(source, sha256)
        try:
            await call(Lane.WRITE, "write into", self._root, lambda: upload.begin(temporary))
            while await call(Lane.WRITE, "write into", self._root, upload.step, patient=False):
                pass
            await call(Lane.WRITE, "rename in", folder, lambda: upload.arrive(folder))
        except BaseException:
            self._door.later(Lane.WRITE, upload.give_up)
            raise

    async def get(self, sha256: str, size: int, target: Path) -> bool:
        """Copy a file, verified, to `target`; see the contract."""
        folder = self._folder(sha256)
        waited, wait = 0.0, _FIRST_WAIT_S
        while True:
            names = await self._door.call(
                Lane.READ, "list", folder, lambda: _copies(folder, sha256)
            )
            for name in names:
                path = f"{folder}/{name}"
                if path not in self._bad and await self._copy(path, sha256, size, target):
                    return True
                self._bad.add(path)
            if names or waited >= PATIENCE_S:
                return False
            await asyncio.sleep(wait)
            waited, wait = waited + wait, min(wait * _GROWTH, _LONGEST_WAIT_S)

    async def remove(self, sha256: str) -> None:
        """Remove the copies that we may remove; see the contract."""
        folder = self._folder(sha256)
        await self._door.call(
            Lane.WRITE, "remove from", folder, lambda: remove_all(folder, _copies(folder, sha256))
        )

    def _folder(self, sha256: str) -> str:
        if not SHA256.fullmatch(sha256):
            message = f"{sha256[:80]!r} is no SHA-256: 64 digits 0-9 a-f are"
            raise StorageError(message)
        return f"{self._root}/{sha256[:2]}"

    async def _is_there(self, folder: str, sha256: str, size: int) -> bool:
        def look() -> bool:
            make_folder(folder, ALL_MAY_ADD)
            return size in [
                os.lstat(f"{folder}/{name}").st_size for name in _copies(folder, sha256)
            ]

        return await self._door.call(Lane.WRITE, "look into", folder, look)

    async def _copy(self, path: str, sha256: str, size: int, target: Path) -> bool:
        download = _Download(size, target)
        try:
            good = await self._take(download, path, sha256)
            await self._door.call(Lane.READ, "close", path, partial(download.end, keep=good))
        except BaseException:
            self._door.later(Lane.READ, partial(download.end, keep=False))
            raise
        return good

    async def _take(self, download: _Download, path: str, sha256: str) -> bool:
        call = self._door.call
        try:
            await call(Lane.READ, "open", path, lambda: download.begin(path))
            while await call(Lane.READ, "read", path, download.step, patient=False):
                pass
        except NotThere:
            return False
        return await asyncio.to_thread(download.is_good, sha256)


class _Upload:
    """One file on its way into the share, piece by piece."""

    def __init__(self, source: Path, sha256: str) -> None:
        self._source = source
        self._sha256 = sha256
        self._hash = hashlib.sha256()
        self._file: BinaryIO | None = None
        self._temporary = ""
        self._descriptor = -1

    def begin(self, temporary: str) -> None:
        """Create the temporary file."""
        self._descriptor = create(temporary)
        self._temporary = temporary

    def step(self) -> bool:
        """Write a piece and sync it; False at the end."""
        piece = self._read()
        if piece:
            write_all(self._descriptor, piece)
            return True
        if self._hash.hexdigest() != self._sha256:
            message = f"{self._source} has changed: its SHA-256 is no longer {self._sha256}"
            raise PackageCorrupt(message)
        self._close()
        return False

    def arrive(self, folder: str) -> None:
        """Rename it into its place, beside the copies that are there already."""
        numbers = [int(name.partition(".")[2] or 0) for name in _copies(folder, self._sha256)]
        beside = f".{max(numbers) + 1}" if numbers else ""
        move(self._temporary, f"{folder}/{self._sha256}{beside}")

    def give_up(self) -> None:
        """Leave as little as possible behind."""
        with suppress(OSError):
            self._close()
        if self._temporary:
            discard(self._temporary)

    def _read(self) -> bytes:
        try:
            if self._file is None:
                self._file = self._source.open("rb")
            piece = self._file.read(PIECE_BYTES)
        except OSError as exc:
            raise StorageError(explain(exc, "read", self._source)) from exc
        self._hash.update(piece)
        return piece

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class _Download:
    """One file on its way to this PC's own disk, piece by piece."""

    def __init__(self, size: int, target: Path) -> None:
        self._left = size
        self._target = target
        self._hash = hashlib.sha256()
        self._descriptor = -1
        self._file: BinaryIO | None = None

    def begin(self, path: str) -> None:
        """Open the copy in the share."""
        self._descriptor = open_to_read(path)

    def step(self) -> bool:
        """Move a piece; False at the end, or when there is more than there should be."""
        piece = os.read(self._descriptor, PIECE_BYTES) if self._descriptor >= 0 else b""
        self._left -= len(piece)
        self._hash.update(piece)
        try:
            if self._file is None:
                self._file = self._target.open("xb")
            self._file.write(piece)
        except OSError as exc:
            raise StorageError(explain(exc, "write", self._target)) from exc
        return bool(piece) and self._left >= 0

    def is_good(self, sha256: str) -> bool:
        """Sync what arrived, and say whether it is the right file."""
        if self._file is None or self._left or self._hash.hexdigest() != sha256:
            return False
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as exc:
            raise StorageError(explain(exc, "write", self._target)) from exc
        return True

    def end(self, *, keep: bool) -> None:
        """Close both ends; what is not kept goes away, if it is ours."""
        with suppress(OSError):
            if self._file is not None:
                self._file.close()
                if not keep:
                    self._target.unlink()
        descriptor, self._descriptor = self._descriptor, -1
        with suppress(OSError):
            if descriptor >= 0:
                os.close(descriptor)


def _size(source: Path) -> int:
    try:
        return source.stat().st_size
    except OSError as exc:
        raise StorageError(explain(exc, "read", source)) from exc


def _copies(folder: str, sha256: str) -> list[str]:
    """The names of all copies, the first one first."""
    pattern = re.compile(sha256 + r"(\.[0-9]{1,4})?")
    return sorted(name for name in list_if_there(folder) if pattern.fullmatch(name))
