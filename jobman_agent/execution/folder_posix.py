"""A folder that packages fill with whatever they like, seen through its file descriptor.

Every name is opened relative to a folder that is open already, never through a link, so nothing
that a package made can lead out of it. A folder is emptied and used again (half the cost of a
fresh one), but only by ``is_sound``: it is still the same folder with its first mode.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

assert sys.platform != "win32"

_MODE = 0o700
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a named pipe must not wait for somebody to write into it.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PIECE = 1 << 20
_DEEPEST = 32


class Folder:
    """One 0700 folder, made new."""

    def __init__(self, path: str) -> None:
        os.mkdir(path, _MODE)  # noqa: PTH102 - plain calls, the hot path
        self.path = path
        self._fd = os.open(path, _DIRECTORY)
        os.fchmod(self._fd, _MODE)  # whatever the umask is
        self._identity = os.fstat(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder; it stays where it is."""
        os.close(self._fd)

    def is_sound(self) -> bool:
        """Whether the path still leads to this very folder, with the mode it was made with."""
        try:
            now = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return False
        was = self._identity
        return (now.st_ino, now.st_dev, now.st_mode) == (was.st_ino, was.st_dev, was.st_mode)

    def write(self, path: str, content: bytes, *, executable: bool = False) -> None:
        """Make one new file.

        Raises:
            OSError: it cannot be made (FileExistsError: there is one already).
        """
        fd = self._new(path, executable=executable)
        try:
            _write_all(fd, content)
        finally:
            os.close(fd)

    def copy_in(self, path: str, source: str, *, executable: bool = False) -> None:
        """Make one new file with the content of another one.

        Raises:
            OSError: it cannot be read or made.
        """
        from_fd = os.open(source, _READ)
        try:
            fd = self._new(path, executable=executable)
            try:
                _copy(from_fd, fd)
            finally:
                os.close(fd)
        finally:
            os.close(from_fd)

    def files(self, worth_looking: Callable[[str], bool]) -> Iterator[tuple[str, bool]]:
        """All names that are no folders, each with whether it is a regular file.

        Args:
            worth_looking: asked for each folder's path, whether its files matter.
        """
        os.fchmod(self._fd, _MODE)
        waiting: list[tuple[str, ...]] = [()]
        while waiting:
            parts = waiting.pop()
            with self._folder(parts) as fd, os.scandir(fd) as entries:
                for entry in entries:
                    here = (*parts, entry.name)
                    path = "/".join(here)
                    if not entry.is_dir(follow_symlinks=False):
                        yield path, entry.is_file(follow_symlinks=False)
                    elif len(here) < _DEEPEST and worth_looking(path):
                        waiting.append(here)

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[int]:
        """A descriptor for reading one file, which is closed at the end.

        Raises:
            OSError: it is not there, cannot be read, or lies behind a link.
        """
        fd: int
        if "/" not in path:
            fd = os.open(path, _READ, dir_fd=self._fd)
        else:
            *parents, name = path.split("/")
            with self._folder(tuple(parents)) as folder:
                fd = os.open(name, _READ, dir_fd=folder)
        try:
            yield fd
        finally:
            os.close(fd)

    def move_out(self, path: str, fd: int, target: str) -> None:
        """Give one regular file, open as ``fd``, to ``target`` (same disk or not), synced.

        Raises:
            OSError: it cannot be moved.
        """
        *parents, name = path.split("/")
        if os.fstat(fd).st_nlink == 1:
            try:
                with self._folder(tuple(parents)) as folder:
                    os.rename(name, target, src_dir_fd=folder)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
            else:
                os.fchmod(fd, 0o600)
                os.fsync(fd)
                return
        # Another disk, or a file that has a second name somewhere.
        to_fd = os.open(target, _NEW, 0o600)
        try:
            os.lseek(fd, 0, os.SEEK_SET)
            _copy(fd, to_fd)
            os.fsync(to_fd)
        finally:
            os.close(to_fd)

    def size(self, most: int) -> int:
        """Bytes that all files hold on the disk; counting stops above ``most``. For any thread."""
        total = 0
        # "." is opened anew: two descriptors that were duplicated share one place in the folder's
        # list, so that another thread, which reads or empties it meanwhile, would miss files.
        waiting: list[tuple[str, ...]] = [(".",)]
        while waiting and total <= most:
            parts = waiting.pop()
            with contextlib.suppress(OSError), self._folder(parts) as fd, os.scandir(fd) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((*parts, entry.name))
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        return total

    def empty(self) -> None:
        """Remove everything in it, however deep.

        Folders in folders are first moved up, so the depth that a package made does not matter.

        Raises:
            OSError: something cannot be removed.
        """
        number = 0
        while folders := self._unlink_files(self._fd):
            for name in folders:
                with _opened(name, self._fd) as fd:
                    for inner in self._unlink_files(fd):
                        while True:
                            number += 1
                            try:
                                os.rename(inner, f"{number}", src_dir_fd=fd, dst_dir_fd=self._fd)
                            except (FileExistsError, NotADirectoryError):
                                continue
                            except OSError as error:
                                if error.errno != errno.ENOTEMPTY:
                                    raise
                                continue
                            break
                os.rmdir(name, dir_fd=self._fd)

    @staticmethod
    def _unlink_files(fd: int) -> list[str]:
        folders = []
        with os.scandir(fd) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                else:
                    os.unlink(entry.name, dir_fd=fd)
        return folders

    def _new(self, path: str, *, executable: bool) -> int:
        mode = 0o700 if executable else 0o600
        if "/" not in path:
            return os.open(path, _NEW, mode, dir_fd=self._fd)
        *parents, name = path.split("/")
        with self._folder(tuple(parents), make=True) as folder:
            return os.open(name, _NEW, mode, dir_fd=folder)

    @contextlib.contextmanager
    def _folder(self, parts: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
        fd = self._fd
        try:
            for part in parts:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, _MODE, dir_fd=fd)
                inner = os.open(part, _DIRECTORY, dir_fd=fd)
                if fd != self._fd:
                    os.close(fd)
                fd = inner
            yield fd
        finally:
            if fd != self._fd:
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
    folder._fd = os.open(path, _DIRECTORY)
    with folder:
        os.fchmod(folder._fd, _MODE)
        folder.empty()
    os.rmdir(path)  # noqa: PTH106 - plain calls, as everywhere in this file


@contextlib.contextmanager
def _opened(name: str, folder: int) -> Iterator[int]:
    try:
        fd = os.open(name, _DIRECTORY, dir_fd=folder)
    except PermissionError:
        os.chmod(name, _MODE, dir_fd=folder)
        fd = os.open(name, _DIRECTORY, dir_fd=folder)
    try:
        if os.fstat(fd).st_mode & _MODE != _MODE:
            os.fchmod(fd, _MODE)
        yield fd
    finally:
        os.close(fd)


def _write_all(fd: int, content: bytes) -> None:
    done = os.write(fd, content)
    while done < len(content):
        done += os.write(fd, memoryview(content)[done:])


def _copy(from_fd: int, to_fd: int) -> None:
    while piece := os.read(from_fd, _PIECE):
        _write_all(to_fd, piece)
