"""The folders of a pool in a shared directory: making them, opening and removing inboxes, litter.

Source: PROTOCOL 3.2, rules 2, 3, 9 and 10. Everything here blocks and runs in a share's threads.

::

    root 0755     jobman/                 the hiring queue; jobman/tmp/ for offers being written
                  inbox/<owner>/tmp|new/  one for each offer, one for each worker's spool
                  blobs/<first two>/      larger files; blobs/tmp/ for those being written
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from jobman_agent.errors import PoolUnavailable, PoolUnsuitable
from jobman_agent.model.names import HIRING_QUEUE
from jobman_agent.pool.directory_cloud import marked_so, named_so, refuse_cloud
from jobman_agent.pool.directory_files import (
    ALL_MAY_ADD,
    MESSAGE,
    NOT_OURS,
    list_if_there,
    make_folder,
    remove_all,
)

if TYPE_CHECKING:
    from pathlib import Path

    from jobman_agent.clock import Clock
    from jobman_agent.pool.contract import Sender

TMP = "tmp"
NEW = "new"
INBOXES = "inbox"
BLOBS = "blobs"
FOLDERS = (HIRING_QUEUE, INBOXES, BLOBS)

_SYSTEM_FOLDERS = frozenset(["lost+found"])
_REMOVE_ROUNDS = 5
OWN_LITTER_S = 60.0
"""A file of an earlier start of ours that did not grow for so long is litter. Not at once: another
program with our key may be writing it."""
OTHERS_LITTER_S = 86_400.0


def make_pool(root: Path) -> list[str]:
    """Make the pool's folders where they are missing; returns what a person should know.

    Raises:
        PoolUnavailable: the folder around it is not there (yet).
        PoolUnsuitable: there are other files in it, it is no folder, or a cloud service keeps it.
        OSError: permission, a full disk and the like.
    """
    refuse_cloud(root, named_so(root))
    try:
        names = os.listdir(root)
    except NotADirectoryError:
        message = f"dir:{root} is a file; a pool is a folder: name an empty or a new one"
        raise PoolUnsuitable(message) from None
    except FileNotFoundError:
        _check_parent(root)
        make_folder(str(root), 0o755)
        names = []
    missing = [name for name in FOLDERS if name not in names]
    strange = [n for n in names if n not in FOLDERS and _is_a_persons(n)]
    if missing and strange:
        shown = ", ".join(sorted(strange)[:3])
        message = (
            f"dir:{root} is no pool, and not empty: it holds {shown}; "
            f"name an empty or a new folder, for instance dir:{root / 'pool'}"
        )
        raise PoolUnsuitable(message)
    if missing:
        refuse_cloud(root, marked_so(root))
    for name in FOLDERS:
        make_folder(f"{root}/{name}", ALL_MAY_ADD)
    for name in (HIRING_QUEUE, BLOBS):
        make_folder(f"{root}/{name}/{TMP}", ALL_MAY_ADD)
    return [f"made a new pool in dir:{root}"] if len(missing) == len(FOLDERS) else []


def _check_parent(root: Path) -> None:
    try:
        os.listdir(root.parent)
    except (FileNotFoundError, NotADirectoryError) as exc:
        message = (
            f"there is no folder {root.parent} (yet) for the pool dir:{root}: "
            "is the share mounted, and is this its path?"
        )
        raise PoolUnavailable(message) from exc


def _is_a_persons(name: str) -> bool:
    if name.startswith((".", "$")) or name in _SYSTEM_FOLDERS:
        return False
    return name.lower() not in NOT_OURS


def make_inbox(folder: str) -> None:
    """Make an inbox of ours, or find it made."""
    for path in (folder, f"{folder}/{TMP}", f"{folder}/{NEW}"):
        make_folder(path, ALL_MAY_ADD)


def inbox_is_there(root: Path, name: str) -> bool:
    """Whether an inbox is listed.

    Raises:
        FileNotFoundError: the pool itself is gone (a share that is not mounted looks like this).
    """
    return name in os.listdir(f"{root}/{INBOXES}")


def remove_inbox(folder: str) -> bool:
    """Remove an inbox of ours with all in it; False if something in it cannot be removed."""
    for _ in range(_REMOVE_ROUNDS):
        # First tmp: from then on nobody can begin a message.
        for part in (f"{folder}/{TMP}", f"{folder}/{NEW}"):
            remove_all(part, list_if_there(part))
            _remove_folder(part)
        if _remove_folder(folder):
            return True
    return False


def _remove_folder(path: str) -> bool:
    try:
        os.rmdir(path)
    except OSError as exc:
        return exc.errno in (errno.ENOENT, errno.ESTALE)
    return True


def remove_session(folder: str, session: str, sender: str | None) -> None:
    """Remove the messages of a session from an inbox; only those of one sender if one is given."""
    new = f"{folder}/{NEW}"
    matches = ((name, MESSAGE.fullmatch(name)) for name in list_if_there(new))
    remove_all(new, [n for n, m in matches if m and m[2] == session and sender in (None, m[1])])


class Litter:
    """Temporary files that nobody will complete (rule 9); ages are by this program's own clock."""

    def __init__(self, sender: Sender, clock: Clock) -> None:
        self._sender = sender
        self._clock = clock
        self._seen: dict[str, tuple[float, int]] = {}

    def sweep(self, folder: str, *, owner: bool) -> None:
        """Look into a `tmp` folder; remove what is ours or, in an inbox of ours, of others."""
        now = self._clock.monotonic()
        names = set(list_if_there(folder))
        for path in [path for path in self._seen if path.rpartition("/")[0] == folder]:
            if path.rpartition("/")[2] not in names:
                del self._seen[path]
        for name in names:
            limit = self._limit(name, owner=owner)
            if limit is not None and self._unchanged_s(f"{folder}/{name}", now) >= limit:
                remove_all(folder, [name])

    def _limit(self, name: str, *, owner: bool) -> float | None:
        match = MESSAGE.fullmatch(name)
        if match and match[1] == self._sender.id and int(match[3]) < self._sender.start:
            return OWN_LITTER_S
        return OTHERS_LITTER_S if owner else None

    def _unchanged_s(self, path: str, now: float) -> float:
        size = -1
        with suppress(OSError):
            size = os.lstat(path).st_size
        since, before = self._seen.get(path, (now, size))
        if before != size:
            since = now
        self._seen[path] = (since, size)
        return now - since
