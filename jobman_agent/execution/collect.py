"""Take the wanted files out of a package's folder."""

from __future__ import annotations

import errno
import hashlib
import os
from typing import TYPE_CHECKING, NamedTuple

from jobman_agent.execution import is_regular
from jobman_agent.execution.orders import MAX_INLINE, FileOut
from jobman_agent.execution.unpack import path_fault
from jobman_agent.model.patterns import patterns

if TYPE_CHECKING:
    from jobman_agent.execution import Folder

MOST_OUTPUTS = 1000
MOST_INLINE = 512 << 10
"""Bytes of all outputs of a run that travel by content; what is over this is kept as files."""
_PIECE = 1 << 20


class Collected(NamedTuple):
    """The outputs that could be taken, and the first thing that is wrong with them."""

    files: tuple[FileOut, ...]
    fault: str | None


class Collector:
    """Takes the outputs of one run."""

    def __init__(self, folder: Folder, wanted: tuple[str, ...], keep: str, most: int) -> None:
        """Prepare to collect.

        Args:
            folder: where the package ran; nothing of it runs any more.
            wanted: the patterns.
            keep: prefix of the paths for large outputs; a number is appended.
            most: bytes of all outputs together.
        """
        self._folder = folder
        self._wanted = patterns(wanted)
        self._keep = keep
        self._room = most
        self._inline = MOST_INLINE
        self._files: list[FileOut] = []
        self._fault: str | None = None

    def collect(self) -> Collected:
        """Take every regular file that a pattern names, and see that the plain names are there."""
        wanted = self._wanted
        missing = set(wanted.plain)
        if not wanted.wild:
            return self._take_plain(wanted.plain)
        try:
            for path, regular in self._folder.files(wanted.may_lie_below):
                if not wanted.matches(path):
                    continue
                if path in missing:
                    missing.discard(path)
                    if not regular:
                        self._complain(f"output {path!r} is no regular file")
                if regular:
                    self._take(path)
        except OSError as error:
            self._complain(f"a folder that it left cannot be read: {error.strerror}")
        if missing:
            self._complain(f"output {min(missing)!r} is missing")
        return Collected(tuple(self._files), self._fault)

    def _take_plain(self, paths: frozenset[str]) -> Collected:
        """Without a wildcard the folder need not be looked through."""
        for path in sorted(paths):
            self._take(path)
        return Collected(tuple(self._files), self._fault)

    def _take(self, path: str) -> None:
        if len(self._files) >= MOST_OUTPUTS:
            return self._complain(f"it left more than {MOST_OUTPUTS} outputs")
        fault = path_fault(path)
        if fault is not None:
            return self._complain(f"output {path!r} has a name that is not allowed: {fault}")
        try:
            with self._folder.open(path) as fd:
                self._take_open(path, fd)
        except FileNotFoundError:
            self._complain(f"output {path!r} is missing")
        except OSError as error:
            if error.errno == errno.ELOOP:  # O_NOFOLLOW met a link
                self._complain(f"output {path!r} is no regular file")
            else:
                self._complain(f"output {path!r} cannot be read: {error.strerror}")
        return None

    def _take_open(self, path: str, fd: int) -> None:
        size = os.fstat(fd).st_size
        if not is_regular(fd):
            self._complain(f"output {path!r} is no regular file")
        elif size > self._room:
            self._complain(f"its outputs are larger than {-(-self._room // 1_000_000)} MB")
        elif size <= min(MAX_INLINE, self._inline):
            content = _read(fd, size)
            self._inline -= len(content)
            self._room -= len(content)
            digest = hashlib.sha256(content).hexdigest()
            self._files.append(FileOut(path, len(content), digest, content))
        else:
            self._room -= size
            target = f"{self._keep}.{len(self._files)}"
            self._folder.move_out(path, fd, target)
            self._files.append(_kept(path, target))

    def _complain(self, fault: str) -> None:
        if self._fault is None:
            self._fault = fault


def _read(fd: int, size: int) -> bytes:
    content = os.read(fd, size + 1)
    if len(content) > size:
        raise OSError(errno.EBUSY, "it grew while it was read")
    while len(content) < size and (more := os.read(fd, size - len(content))):
        content += more
    return content


def _kept(path: str, target: str) -> FileOut:
    digest = hashlib.sha256()
    size = 0
    with open(target, "rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return FileOut(path, size, digest.hexdigest(), None, target)
