"""Files of a pool in a shared directory: names, writing, reading, listing, removing.

Source: PROTOCOL 3.2 (docs/protocol.md), rules 1 to 4, 7 and 10. Everything here blocks and runs in
a share's threads. OSError passes through, except where a rule says what it means.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

BUSY_WAITS_S = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Antivirus, share modes and caches of other clients pass: try again after so many seconds."""
ALL_MAY_ADD = 0o1777
ALL_MAY_READ = 0o644

MESSAGE = re.compile(r"([a-z0-9-]{1,32})\.([a-z0-9-]{1,32})\.([0-9]{8})([0-9]{10})")
"""Sender, session, start and count: sorted, they are in the order of sending."""
OFFER = re.compile(r"([a-z0-9-]{1,32}\.[a-z0-9-]{1,32})\.([0-9]{10})")
"""Employer with offer, and sequence."""
INBOX = re.compile(r"[a-z0-9-]{1,32}\.[a-z0-9]{1,32}")
_LIKE_OURS = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
NOT_OURS = frozenset(["desktop.ini", "thumbs.db"])

# Windows' errors 5, 32 and 33 (access, sharing, locking) are EACCES in Python.
_BUSY = frozenset([errno.ENOENT, errno.ESTALE, errno.EACCES, errno.EBUSY, errno.EPERM])
_GONE = frozenset([errno.ENOENT, errno.ESTALE])
_NO_BLOCK = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
_PLAIN = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class RenameFailedError(OSError):
    """The last step of writing failed: the file may be in its place all the same."""


def message_name(sender: str, session: str, start: int, count: int) -> str:
    """The name of a message; never used twice."""
    return f"{sender}.{session}.{start:08d}{count:010d}"


def offer_name(employer: str, offer: str, sequence: int) -> str:
    """The name of an offer's file."""
    return f"{employer}.{offer}.{sequence:010d}"


def looks_like_ours(name: str) -> bool:
    """Whether a file could be meant for jobman; others (`.nfs*`, `Thumbs.db`) are not looked at."""
    return _LIKE_OURS.fullmatch(name) is not None and name not in NOT_OURS


def is_busy(exc: OSError) -> bool:
    """Whether an error on a file that is there may pass by itself."""
    return exc.errno in _BUSY


def is_missing(exc: OSError) -> bool:
    """Whether a name is not there (any more)."""
    return exc.errno in (errno.ENOENT, errno.ESTALE, errno.ENOTDIR)


def is_refusal(exc: OSError) -> bool:
    """Whether this user lacks a permission (or somebody has the file open on Windows)."""
    return exc.errno in (errno.EACCES, errno.EPERM)


def make_folder(path: str, mode: int) -> None:
    """Make a folder, or find it made; its mode is set if it is ours, whatever the umask."""
    with suppress(FileExistsError):
        os.mkdir(path, mode)
    found = os.stat(path)
    who_am_i = getattr(os, "geteuid", None)
    # Also after a kill between mkdir and chmod, or others could not write here.
    if who_am_i and found.st_uid == who_am_i() and stat.S_IMODE(found.st_mode) & mode != mode:
        with suppress(OSError):  # a FAT or cifs mount has modes of its own
            os.chmod(path, mode)


def create(path: str) -> int:
    """A descriptor of a new file that everybody may read; it must not be there yet."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN
    descriptor = os.open(path, flags, ALL_MAY_READ)
    change_mode = getattr(os, "fchmod", None)
    if change_mode and os.fstat(descriptor).st_mode & ALL_MAY_READ != ALL_MAY_READ:
        with suppress(OSError):  # a FAT or cifs mount has modes of its own
            change_mode(descriptor, ALL_MAY_READ)
    return descriptor


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of it, and sync it."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)


def put_file(temporary: str, target: str, data: bytes) -> None:
    """Write a file whole: made beside, synced, closed, renamed (rule 2).

    Raises:
        RenameFailedError: it may have arrived all the same.
        OSError: it has not arrived.
    """
    descriptor = create(temporary)
    try:
        try:
            write_all(descriptor, data)
        finally:
            os.close(descriptor)  # cifs says only here that the disk is full
    except BaseException:
        discard(temporary)
        raise
    move(temporary, target)


def move(temporary: str, target: str) -> None:
    """The last step of writing.

    Raises:
        RenameFailedError: it may have arrived all the same.
    """
    try:
        os.rename(temporary, target)
    except OSError as exc:
        discard(temporary)
        raise RenameFailedError(exc.errno, exc.strerror, target) from exc


def discard(path: str) -> None:
    """Remove a temporary file of ours if it can be; otherwise it is litter."""
    with suppress(OSError):
        os.unlink(path)


def open_to_read(path: str) -> int:
    """A descriptor of a regular file, or -1 if it is something else."""
    # Without O_NONBLOCK a named pipe that somebody put here would hold us for ever.
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_BLOCK | _PLAIN)
    except OSError as exc:
        if exc.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            return -1
        raise
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        os.close(descriptor)
        raise
    if not regular:
        os.close(descriptor)
        return -1
    return descriptor


def read_file(path: str, limit: int) -> bytes | None:
    """All of a file, or None if it is larger than `limit` bytes or no regular file."""
    descriptor = open_to_read(path)
    if descriptor < 0:
        return None
    try:
        size = os.fstat(descriptor).st_size
        return None if size > limit else _read_all(descriptor, size, limit)
    finally:
        os.close(descriptor)


def _read_all(descriptor: int, size: int, limit: int) -> bytes | None:
    # One byte more than there should be: so one call reads all, and shows that it was all.
    data = os.read(descriptor, size + 1)
    if len(data) == size:
        return data
    parts = [data]
    total = len(data)
    while total <= limit and (data := os.read(descriptor, limit + 1 - total)):
        parts.append(data)
        total += len(data)
    return b"".join(parts) if total <= limit else None


def remove(path: str) -> bool:
    """Remove a file; False if it must be tried again later (rule 4)."""
    try:
        os.unlink(path)
    except OSError as exc:
        if exc.errno in _GONE:
            return True
        if exc.errno in (errno.EISDIR, errno.EPERM):
            return _remove_empty_folder(path)
        if is_busy(exc):
            return False
        raise
    return True


def _remove_empty_folder(path: str) -> bool:
    try:
        os.rmdir(path)
    except OSError:
        return False
    return True


def remove_all(folder: str, names: Iterable[str]) -> list[str]:
    """Remove files of a folder; returns those that must be tried again later."""
    return [name for name in names if not remove(f"{folder}/{name}")]


def list_if_there(folder: str) -> list[str]:
    """The names in a folder; none if there is no such folder."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
