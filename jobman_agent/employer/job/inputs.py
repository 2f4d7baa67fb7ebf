"""The files that a package starts from: listed cheaply, read and hashed when handed out.

Rules that hold here:
1. Links are never followed; only regular files and folders count.
2. What systems and programs leave behind by themselves (``IGNORED``) is not looked at.
3. Listing touches no content: a package folder costs some 15 microseconds.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.errors import InputError
from jobman_agent.model.names import file_path_fault
from jobman_agent.model.wire import MAX_INLINE

if TYPE_CHECKING:
    from collections.abc import Iterable

IGNORED = frozenset({".ds_store", "thumbs.db", "desktop.ini", "__pycache__"})
"""Names (lower case) that are not the engineer's: they neither travel nor count."""

_PIECE = 1 << 20
_JUNCTION = 0xA0000003  # IO_REPARSE_TAG_MOUNT_POINT: Windows' links to folders


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of the job folder that travels to a worker."""

    path: str
    """Where the package finds it: relative, with ``/`` between folders."""
    size: int
    """Bytes, when it was listed."""
    source: Path


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """An input file once it was read."""

    path: str
    size: int
    sha256: str
    content: bytes | None
    """All of it up to 64 KiB (``MAX_INLINE``); None: it stays on disk and travels by hash."""
    source: Path


def hash_file(source: Path) -> tuple[int, str]:
    """Size in bytes and SHA-256 (lower-case hex) of a file, read in pieces.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with open(source, "rb", opener=_no_link) as file:
            digest = hashlib.file_digest(file, "sha256")
            return file.tell(), digest.hexdigest()
    except OSError as exc:
        raise InputError(unreadable(source, exc)) from exc


def load_file(file: InputFile) -> LoadedFile:
    """Read and hash one input; a small one keeps its content.

    Raises:
        InputError: it is gone, cannot be read, or has become a link.
    """
    if file.size > MAX_INLINE:
        size, sha256 = hash_file(file.source)
        return LoadedFile(file.path, size, sha256, None, file.source)
    content = read_file(file.source, MAX_INLINE)
    if content is None:  # it grew since it was listed
        size, sha256 = hash_file(file.source)
        return LoadedFile(file.path, size, sha256, None, file.source)
    sha256 = hashlib.sha256(content).hexdigest()
    return LoadedFile(file.path, len(content), sha256, content, file.source)


def load_files(files: Iterable[InputFile]) -> tuple[LoadedFile, ...]:
    """``load_file`` of each, in the same order."""
    return tuple(load_file(file) for file in files)


def read_file(source: Path, limit: int) -> bytes | None:
    """A file's content, or None if it has more than ``limit`` bytes.

    Raises:
        InputError: it cannot be read.
    """
    try:
        descriptor = _no_link(source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            pieces = []
            left = limit + 1
            while left > 0 and (piece := os.read(descriptor, min(left, _PIECE))):
                pieces.append(piece)
                left -= len(piece)
        finally:
            os.close(descriptor)
    except OSError as exc:
        raise InputError(unreadable(source, exc)) from exc
    return b"".join(pieces) if left > 0 else None


def _no_link(path: str | Path, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


def scan(
    top: Path, shown: str, faults: list[str], *, skip: frozenset[str] = frozenset()
) -> list[InputFile]:
    """List the files below a folder, sorted by path.

    Args:
        top: The folder; it may be missing, then it is empty.
        shown: How messages call it (``packages/a1``).
        faults: Gets a line for everything that cannot travel: links, devices, unreadable files,
            names that some system cannot have, empty folders.
        skip: Names directly in ``top`` that are not looked at.
    """
    look = _Look(shown, faults)
    look.into(str(top), "", skip)
    _doubled(look.files, shown, faults)
    look.files.sort(key=lambda file: file.path)
    return look.files


class _Look:
    """One walk through a folder."""

    def __init__(self, shown: str, faults: list[str]) -> None:
        self.files: list[InputFile] = []
        self._shown = shown
        self._faults = faults

    def into(self, folder: str, prefix: str, skip: frozenset[str] = frozenset()) -> None:
        empty = True
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    empty = False
                    if entry.name not in skip and entry.name.lower() not in IGNORED:
                        self._take(entry, prefix + entry.name)
        except FileNotFoundError:
            return
        except NotADirectoryError:
            self._faults.append(f"{self._shown}: it is a file, and must be a folder")
        except OSError as exc:
            self._faults.append(unreadable(folder, exc))
        else:
            if empty and prefix:
                self._tell(
                    prefix[:-1],
                    "an empty folder does not travel: put a file into it, or remove it",
                )

    def _take(self, entry: os.DirEntry[str], path: str) -> None:
        fault = _name_fault(path)
        if fault:
            self._tell(_printable(path), f"{fault}: rename it")
            return
        found = entry.stat(follow_symlinks=False)
        if stat.S_ISREG(found.st_mode):
            if not _readable(entry.path):
                self._tell(path, "this user may not read it")
            self.files.append(InputFile(path, found.st_size, Path(entry.path)))
        elif is_link(found):
            self._tell(path, "it is a link, and links do not travel: put a copy there")
        elif stat.S_ISDIR(found.st_mode):
            self.into(entry.path, path + "/")
        else:
            self._tell(path, "it is neither a file nor a folder: remove it")

    def _tell(self, path: str, fault: str) -> None:
        self._faults.append(f"{self._shown}/{path}: {fault}")


def is_link(found: os.stat_result) -> bool:
    """Whether what ``lstat`` found is a symbolic link or, on Windows, a junction."""
    return stat.S_ISLNK(found.st_mode) or getattr(found, "st_reparse_tag", 0) == _JUNCTION


@functools.lru_cache(maxsize=4096)  # 10,000 packages mostly hold files of the same few names
def _name_fault(path: str) -> str | None:
    return file_path_fault(path)


def _doubled(files: list[InputFile], shown: str, faults: list[str]) -> None:
    if len(files) < 2:  # noqa: PLR2004 - one file has no double
        return
    seen: dict[str, str] = {}
    for file in files:
        other = seen.setdefault(file.path.casefold(), file.path)
        if other != file.path:
            faults.append(
                f"{shown}: {other} and {file.path} are the same file on Windows and macOS: "
                "rename one"
            )


_EFFECTIVE = os.access in os.supports_effective_ids


def _readable(path: str) -> bool:
    return os.access(path, os.R_OK, effective_ids=_EFFECTIVE)


def unreadable(path: Path | str, exc: OSError) -> str:
    """One line: which file or folder cannot be read, and why."""
    return f"{path}: cannot be read: {exc.strerror or exc}"


def _printable(path: str) -> str:
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in path)
