"""Files that are whole or not there: what keys, settings, spool and journal are written with.

A reader never sees half a file, whenever this process is killed: bytes go to a temporary name in
the same folder, are synced, and are renamed; the folder is synced after the rename.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from typing import TYPE_CHECKING

from jobman_agent.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

_NO_SPACE = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_NO_PERMISSION = {errno.EACCES, errno.EPERM}
# Antivirus opens a fresh file on Windows, and a rename over it is refused for that moment.
_RENAME_WAITS_SECONDS = (0.05, 0.1, 0.2, 0.4)


def explain(exc: OSError, what: str, path: Path) -> str:
    """One sentence for people: what could not be done where, why, and what would be right."""
    if exc.errno in _NO_SPACE:
        advice = "the disk is full (or the quota): free some space"
    elif exc.errno in _NO_PERMISSION:
        advice = "this user has no permission there"
    elif exc.errno == errno.EROFS:
        advice = "the disk is read-only"
    else:
        advice = exc.strerror or str(exc)
    return f"cannot {what} {path}: {advice}"


def write_atomic(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Put ``data`` at ``path``: afterwards it is all there and on the disk, or nothing changed.

    Args:
        path: The file, replaced if it exists; its folder must exist.
        data: All of it.
        mode: Permissions of a POSIX file, less the user's umask; given at creation, so that a
            private file is private at every moment.

    Raises:
        StorageError: disk full, no permission and the like; the old file is still there.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            write_new(temporary, data, mode)
            rename(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as exc:
        raise StorageError(explain(exc, "write", path)) from exc


def write_first(path: Path, data: bytes, mode: int = 0o644) -> bool:
    """Put ``data`` at ``path`` unless something is there; whether this call was the first.

    Of several processes that try at once exactly one is the first, and no other ever sees half.

    Raises:
        StorageError: disk full, no permission and the like.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            write_new(temporary, data, mode)
            _link(temporary, path, data, mode)
            sync_folder(path.parent)
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as exc:
        raise StorageError(explain(exc, "write", path)) from exc
    return True


def _link(temporary: Path, path: Path, data: bytes, mode: int) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links (FAT): still only one can be the first
        write_new(path, data, mode)


def write_new(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write and sync a file that must not exist yet; OSError passes through."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, mode)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def rename(source: Path, target: Path) -> None:
    """Replace ``target`` by ``source``, with patience for whoever looks at it; OSError passes."""
    for wait in _RENAME_WAITS_SECONDS:
        try:
            source.replace(target)
        except PermissionError:
            time.sleep(wait)
        else:
            return
    source.replace(target)


def remove(path: Path) -> None:
    """Remove a file if it is there, with patience for whoever looks at it; OSError passes."""
    for wait in _RENAME_WAITS_SECONDS:
        try:
            path.unlink(missing_ok=True)
        except PermissionError:  # Windows: it is open somewhere
            time.sleep(wait)
        else:
            return
    path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable where the system can open folders (not Windows)."""
    directory = getattr(os, "O_DIRECTORY", None)
    if directory is None:
        return
    descriptor = os.open(folder, os.O_RDONLY | directory)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private_dir(path: Path) -> None:
    """Make a folder that only this user can enter, or make an existing one so.

    On Windows the folder has the permissions of its parent, which is the user's profile.

    Raises:
        StorageError: it cannot be made, is no folder, or belongs to another user.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except OSError as exc:
        raise StorageError(explain(exc, "make the folder", path)) from exc
    if not stat.S_ISDIR(found.st_mode):
        message = f"{path} must be a folder and no link: move it away"
        raise StorageError(message)
    who_am_i = getattr(os, "getuid", None)
    if who_am_i is None:
        return
    if found.st_uid != who_am_i():
        message = f"{path} belongs to another user (number {found.st_uid}): use a folder of yours"
        raise StorageError(message)
    if stat.S_IMODE(found.st_mode) & 0o077:
        try:
            path.chmod(0o700)
        except OSError as exc:
            raise StorageError(explain(exc, "make private", path)) from exc
