r"""A folder that packages fill with whatever they like (Windows); as ``folder_posix``.

There are no descriptors of folders here: names are joined to a path, and anything that is a
reparse point (a link, a junction) is never followed. Paths have the ``\\?\`` prefix, so
neither their length nor a trailing dot matters.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

assert sys.platform == "win32"

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_BINARY | os.O_NOINHERIT
_READ = os.O_RDONLY | os.O_BINARY | os.O_NOINHERIT
_PIECE = 1 << 20
_DEEPEST = 32
_BUSY_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8)
"""An antivirus program may hold a file for a moment."""


class Folder:
    """One folder, made new. Its rights are those of the user's own data folder."""

    def __init__(self, path: str) -> None:
        os.mkdir(path)  # noqa: PTH102 - plain calls, as on POSIX
        self.path = path
        self._long = "\\\\?\\" + os.path.abspath(path)  # noqa: PTH100 - no links are resolved

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing to let go of."""

    def is_sound(self) -> bool:
        """Whether the path still is a folder and no link."""
        return _is_folder(self._long)

    def write(self, path: str, content: bytes, *, executable: bool = False) -> None:
        """Make one new file.

        Raises:
            OSError: it cannot be made (FileExistsError: there is one already).
        """
        del executable
        with self._new(path) as fd:
            _write_all(fd, content)

    def copy_in(self, path: str, source: str, *, executable: bool = False) -> None:
        """Make one new file with the content of another one.

        Raises:
            OSError: it cannot be read or made.
        """
        del executable
        from_fd = os.open(source, _READ)
        try:
            with self._new(path) as fd:
                _copy(from_fd, fd)
        finally:
            os.close(from_fd)

    def files(self, worth_looking: Callable[[str], bool]) -> Iterator[tuple[str, bool]]:
        """All names that are no folders, each with whether it is a regular file."""
        waiting: list[tuple[str, ...]] = [()]
        while waiting:
            parts = waiting.pop()
            with os.scandir("\\".join([self._long, *parts])) as entries:
                for entry in entries:
                    here = (*parts, entry.name)
                    path = "/".join(here)
                    kind = entry.stat(follow_symlinks=False)
                    if not _is_plain_folder(kind):
                        yield path, _is_plain_file(kind)
                    elif len(here) < _DEEPEST and worth_looking(path):
                        waiting.append(here)

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[int]:
        """A descriptor for reading one file, which is closed at the end.

        Raises:
            OSError: it is not there, cannot be read, or is no regular file.
        """
        full = self._full(path)
        if not _is_plain_file(os.lstat(full)):
            raise OSError(f"{path!r} is no regular file")
        fd = os.open(full, _READ)
        try:
            yield fd
        finally:
            os.close(fd)

    def move_out(self, path: str, fd: int, target: str) -> None:
        """Give one regular file, open as ``fd``, to ``target``, synced; an open file is copied.

        Raises:
            OSError: it cannot be copied.
        """
        del path
        to_fd = os.open(target, _NEW)
        try:
            os.lseek(fd, 0, os.SEEK_SET)
            _copy(fd, to_fd)
            os.fsync(to_fd)
        finally:
            os.close(to_fd)

    def size(self, most: int) -> int:
        """Bytes that all files have; counting stops above ``most``."""
        total = 0
        waiting = [self._long]
        while waiting and total <= most:
            with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    kind = entry.stat(follow_symlinks=False)
                    if _is_plain_folder(kind):
                        waiting.append(entry.path)
                    else:
                        total += kind.st_size
        return total

    def empty(self) -> None:
        """Remove everything in it.

        Raises:
            OSError: something cannot be removed.
        """
        found: list[str] = []
        waiting = [self._long]
        while waiting:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if _is_plain_folder(entry.stat(follow_symlinks=False)):
                        waiting.append(entry.path)
                        found.append(entry.path)
                    else:
                        _insist(_remove, entry.path)
        for folder in reversed(found):
            _insist(os.rmdir, folder)

    def _full(self, path: str) -> str:
        parts = path.split("/")
        full = self._long
        for part in parts[:-1]:
            full += "\\" + part
            if not _is_folder(full):
                raise NotADirectoryError(f"{full} is no folder")
        return full + "\\" + parts[-1]

    @contextlib.contextmanager
    def _new(self, path: str) -> Iterator[int]:
        full = self._long
        for part in path.split("/")[:-1]:
            full += "\\" + part
            with contextlib.suppress(FileExistsError):
                os.mkdir(full)  # noqa: PTH102 - plain calls, as on POSIX
        fd = os.open(self._full(path), _NEW)
        try:
            yield fd
        finally:
            os.close(fd)


def is_regular(fd: int) -> bool:
    """Whether an open descriptor is a regular file."""
    return stat.S_ISREG(os.fstat(fd).st_mode)


def remove_tree(path: str) -> None:
    """Remove a folder that packages may have filled.

    Raises:
        OSError: something cannot be removed.
    """
    folder = Folder.__new__(Folder)
    folder.path = path
    folder._long = "\\\\?\\" + os.path.abspath(path)  # noqa: PTH100 - no links are resolved
    folder.empty()
    _insist(os.rmdir, folder._long)


def _is_folder(path: str) -> bool:
    try:
        return _is_plain_folder(os.lstat(path))
    except OSError:
        return False


def _is_plain_folder(kind: os.stat_result) -> bool:
    return stat.S_ISDIR(kind.st_mode) and not _is_reparse_point(kind)


def _is_plain_file(kind: os.stat_result) -> bool:
    return stat.S_ISREG(kind.st_mode) and not _is_reparse_point(kind)


def _is_reparse_point(kind: os.stat_result) -> bool:
    return bool(kind.st_file_attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT)


def _remove(path: str) -> None:
    if _is_reparse_point(kind := os.lstat(path)) and stat.S_ISDIR(kind.st_mode):
        os.rmdir(path)  # noqa: PTH106 - a junction goes, what it leads to stays
    else:
        os.unlink(path)  # noqa: PTH108 - plain calls, as on POSIX


def _insist(remove: Callable[[str], None], path: str) -> None:
    for pause in _BUSY_SECONDS:
        try:
            return remove(path)
        except FileNotFoundError:
            return None
        except OSError:
            with contextlib.suppress(OSError):  # it may be read-only
                os.chmod(path, stat.S_IWRITE)  # noqa: PTH101 - plain calls, as on POSIX
            time.sleep(pause)
    return remove(path)


def _write_all(fd: int, content: bytes) -> None:
    done = os.write(fd, content)
    while done < len(content):
        done += os.write(fd, memoryview(content)[done:])


def _copy(from_fd: int, to_fd: int) -> None:
    while piece := os.read(from_fd, _PIECE):
        _write_all(to_fd, piece)
