"""What `jobman pool check` does: is a folder fit to be a pool, and what in it does nobody need?

Source: PROTOCOL 3.2, rules 9 and 11. Nothing here is needed to use a pool.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from jobman_agent.clock import SYSTEM_CLOCK, Clock
from jobman_agent.errors import PoolError
from jobman_agent.model.names import HIRING_QUEUE, SHA256
from jobman_agent.pool.contract import CALL_SECONDS, Sender
from jobman_agent.pool.directory import DirectoryPool
from jobman_agent.pool.directory_cloud import marked_so, named_so
from jobman_agent.pool.directory_door import Door
from jobman_agent.pool.directory_files import (
    ALL_MAY_ADD,
    INBOX,
    OFFER,
    create,
    discard,
    list_if_there,
    looks_like_ours,
    message_name,
    remove,
)
from jobman_agent.pool.directory_layout import BLOBS, FOLDERS, INBOXES, NEW, TMP, remove_inbox
from jobman_agent.pool.share_calls import Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

UNTOUCHED_S = 7 * 86_400.0
SCARCE_BYTES = 1 << 30
MANY_PCS = 200
LATE_S = 1.0
SAME_TIME_S = 60.0
_SPOOL = "check"
_PROBE = "probe"
_FRAME = b"jobman pool check\n"
_WEBDAV = "WebDAV shows files late, and its renames are not safe: name the share itself"
_FAT = "FAT keeps no owners of files: anybody can remove anything"
_RISKY = {
    "vfat": _FAT,
    "exfat": _FAT,
    "msdos": _FAT,
    "fuse.sshfs": "sshfs shows files late, and its renames are not safe: use NFS or SMB",
    "fuse.davfs": _WEBDAV,
    "davfs": _WEBDAV,
}


class Level(Enum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    """The pool cannot be used so."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    what: str
    """One word, for scripts."""
    text: str
    """For people; says what would be right."""


async def check(folder: Path, sender: Sender, *, clock: Clock = SYSTEM_CLOCK) -> list[Finding]:
    """Use the folder as a pool is used, in an inbox of our own, and look at what it is.

    Takes at most some tens of seconds, and never raises for what is wrong with the folder.
    """
    me = Sender(sender.id, sender.start, _SPOOL, sender.counter)
    pool = DirectoryPool(folder, me, clock=clock)
    found: list[Finding] = []
    try:
        await pool.connect()
        found += [Finding(Level.OK, "pool", note) for note in pool.notes]
        found.append(await _travel(pool, me, clock))
        found += await _look(folder, me, clock)
    except PoolError as exc:
        found.append(Finding(Level.WRONG, "pool", str(exc)))
    finally:
        await pool.close()
    return found


async def clean(folder: Path, sender: Sender, *, clock: Clock = SYSTEM_CLOCK) -> list[str]:
    """Remove inboxes, offers and blobs that nobody has touched for 7 days, as far as we may.

    "For 7 days" is by the file server's clock, which has also dated the files.

    Returns:
        The paths of what was removed, in the pool.

    Raises:
        PoolUnavailable: the pool is out of reach.
        PoolUnsuitable: the folder holds something else.
    """
    pool = DirectoryPool(folder, sender, clock=clock)
    door = Door(folder, clock)
    await pool.connect()
    door.open()
    removed: list[str] = []
    try:
        now = await _call(door, lambda: _server_time(folder, sender))
        for part in await _call(door, lambda: list(_parts(folder))):
            old = await _call(door, partial(_remove_untouched, part, now))
            removed += [path.relative_to(folder).as_posix() for path in old]
        return removed
    finally:
        door.close()
        await pool.close()


async def _call(door: Door, function: Callable[[], T]) -> T:
    return await door.call(Lane.READ, "look into", str(door.root), function)


# ---- a message to ourselves
async def _travel(pool: DirectoryPool, me: Sender, clock: Clock) -> Finding:
    box = pool.work_box(_PROBE)
    await pool.open_box(box)
    await pool.listen(box)
    sent = clock.monotonic()
    await pool.send(box, _PROBE, _FRAME)
    try:
        async with asyncio.timeout(CALL_SECONDS):
            await pool.ack(await pool.receive())
    except TimeoutError:
        text = f"a file that was written is not listed within {CALL_SECONDS:.0f} s"
        return Finding(Level.WRONG, "travel", text)
    finally:
        await pool.remove_box(f"{me.id}.{_SPOOL}")
    seconds = clock.monotonic() - sent
    text = f"a message was written, synced, renamed, listed, read and removed in {seconds:.3f} s"
    return Finding(Level.WARNING if seconds > LATE_S else Level.OK, "travel", text)


# ---- what the folder is
async def _look(folder: Path, me: Sender, clock: Clock) -> list[Finding]:
    door = Door(folder, clock)
    door.open()
    try:
        return [
            await _call(door, lambda: _space(folder)),
            await _call(door, lambda: _case(folder, me)),
            await _call(door, lambda: _cloud(folder)),
            await _call(door, lambda: _mount(folder)),
            await _call(door, lambda: _modes(folder)),
            await _call(door, lambda: _people(folder)),
            await _call(door, lambda: _clock(folder, me, clock)),
        ]
    finally:
        door.close()


def _space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:.1f} GB are free"
    if free < SCARCE_BYTES:
        return Finding(Level.WARNING, "space", f"only {text}: larger jobs will stop at a full disk")
    return Finding(Level.OK, "space", text)


def _case(folder: Path, me: Sender) -> Finding:
    tmp = f"{folder}/{HIRING_QUEUE}/{TMP}"
    name = message_name(me.id, _PROBE, me.start, next(me.counter))
    os.close(create(f"{tmp}/{name}"))
    try:
        os.close(create(f"{tmp}/{name.upper()}"))
    except FileExistsError:
        return Finding(Level.OK, "case", "upper and lower case are one here; jobman bears that")
    finally:
        for each in (name, name.upper()):
            discard(f"{tmp}/{each}")
    return Finding(Level.OK, "case", "upper and lower case are kept apart")


def _cloud(folder: Path) -> Finding:
    service = named_so(folder) or marked_so(folder)
    if service:
        text = f"the folder is kept by {service}: name one on a file server"
        return Finding(Level.WRONG, "cloud", text)
    return Finding(Level.OK, "cloud", "no cloud service seems to keep this folder")


def _mount(folder: Path) -> Finding:
    if "DavWWWRoot" in str(folder):
        return Finding(Level.WARNING, "mount", _WEBDAV)
    kind = _file_system(folder)
    if kind in _RISKY:
        return Finding(Level.WARNING, "mount", _RISKY[kind])
    return Finding(Level.OK, "mount", f"file system: {kind or 'cannot be seen on this system'}")


def _file_system(folder: Path) -> str | None:
    """The type of the file system by Linux' list of mounts; elsewhere None."""
    try:
        lines = Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    except OSError:
        return None
    here, found, longest = folder.resolve(), None, -1
    for line in lines:
        _, point, kind, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        if here.is_relative_to(point) and len(point) >= longest:
            found, longest = kind, len(point)
    return found


def _modes(folder: Path) -> Finding:
    mode = folder.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX and os.sep != "\\":
        text = (
            f"others may write into {folder} itself, and so move the whole pool away: "
            f"chmod 0755 {folder} (0750 where only its group may use the pool)"
        )
        return Finding(Level.WARNING, "modes", text)
    closed = [n for n in FOLDERS if (folder / n).stat().st_mode & ALL_MAY_ADD != ALL_MAY_ADD]
    if not closed or os.sep == "\\":
        return Finding(Level.OK, "modes", "everybody may add files, and remove only their own")
    text = (
        f"the folders {', '.join(closed)} are not of mode 1777: other users cannot add files, or "
        "can remove those of others (no matter where only one user uses the pool)"
    )
    return Finding(Level.WARNING, "modes", text)


def _people(folder: Path) -> Finding:
    count = len(os.listdir(folder / INBOXES))
    if count > MANY_PCS:
        text = f"{count} programs have an inbox here: from {MANY_PCS} on RabbitMQ is recommended"
        return Finding(Level.WARNING, "people", text)
    have = "1 program has" if count == 1 else f"{count} programs have"
    return Finding(Level.OK, "people", f"{have} an inbox here")


def _clock(folder: Path, me: Sender, clock: Clock) -> Finding:
    ahead = _server_time(folder, me) - clock.now().timestamp()
    if abs(ahead) < SAME_TIME_S:
        return Finding(Level.OK, "clock", "the file server's clock and this PC's agree")
    word = "ahead of" if ahead > 0 else "behind"
    text = (
        f"the file server's clock is {abs(ahead):.0f} s {word} this PC's: one of them is wrong, "
        "and offers seem older or younger than they are"
    )
    return Finding(Level.WARNING, "clock", text)


# ---- what nobody needs
def _server_time(folder: Path, sender: Sender) -> float:
    """The file server's clock, in seconds of its files' times."""
    name = message_name(sender.id, _PROBE, sender.start, next(sender.counter))
    path = f"{folder}/{HIRING_QUEUE}/{TMP}/{name}"
    os.close(create(path))
    try:
        return os.stat(path).st_mtime
    finally:
        discard(path)


def _parts(folder: Path) -> Iterator[Path]:
    """The folders in which something may be old; each is looked into in a call of its own."""
    for part in (folder / HIRING_QUEUE, folder / HIRING_QUEUE / TMP, folder / BLOBS / TMP):
        yield part
    for part in (folder / INBOXES, folder / BLOBS):
        yield from (part / name for name in os.listdir(part) if name != TMP)


def _remove_untouched(part: Path, now: float) -> list[Path]:
    """What is gone now."""
    return [path for path in _untouched(part, now) if _remove(path)]


def _untouched(part: Path, now: float) -> Iterator[Path]:
    """The inbox, or the files of another folder, that nobody has touched for 7 days."""
    files = [part / name for name in list_if_there(str(part))]
    if part.parent.name == INBOXES:
        inside = [part / TMP / n for n in list_if_there(f"{part}/{TMP}")]
        inside += [part / NEW / n for n in list_if_there(f"{part}/{NEW}")]
        if INBOX.fullmatch(part.name) and _newest([part, *files, *inside]) < now - UNTOUCHED_S:
            yield part
        return
    for path in files:
        if _is_jobmans(path) and _newest([path]) < now - UNTOUCHED_S:
            yield path


def _is_jobmans(path: Path) -> bool:
    if path.is_dir() or path.is_symlink():
        return False
    if path.parent.name == TMP:
        return looks_like_ours(path.name)
    if path.parent.name == HIRING_QUEUE:
        return OFFER.fullmatch(path.name) is not None
    return SHA256.fullmatch(path.name.partition(".")[0]) is not None


def _newest(paths: list[Path]) -> float:
    times = [0.0]
    for path in paths:
        with suppress(FileNotFoundError):
            times.append(path.lstat().st_mtime)
    return max(times)


def _remove(path: Path) -> bool:
    """Whether it is gone now; what belongs to others may not be ours to remove."""
    if path.parent.name == INBOXES:
        return remove_inbox(str(path))
    try:
        return remove(str(path))
    except PermissionError:
        return False
