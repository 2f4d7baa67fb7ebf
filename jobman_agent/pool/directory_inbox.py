"""One inbox of ours in a shared directory: what lies there, what was given, what is done with.

`look` runs in a share's thread and changes nothing here; `accept` takes what it saw, in the event
loop, once nothing can get lost any more. Source: PROTOCOL 3.2, rules 3, 4 and 7.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobman_agent.log import get_logger
from jobman_agent.model.wire import MAX_FRAME
from jobman_agent.pool.directory_files import (
    MESSAGE,
    is_busy,
    looks_like_ours,
    read_file,
    remove,
    remove_all,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobman_agent.clock import Clock

_log = get_logger(__name__)

BATCH_BYTES = 4 << 20
"""Messages of so many bytes are taken at once; the rest with the next look."""
BATCH_SECONDS = 2.0
"""A look that has read for so long ends, far within the deadline of a call."""
STRANGE_S = 600.0
"""What is no message is left alone for so long: it may be somebody's mistake, or his backup."""
UNREADABLE_S = 60.0
"""A message that could not be read for so long no longer holds up those after it."""
_UNLINK_AGAIN_S = 5.0
_ONE_REPLY = 16
"""So many names at least come in one answer of every kind of file server."""
_COUNTERS = 18


@dataclass(slots=True)
class Look:
    """What one look into an inbox found."""

    began: float
    messages: list[tuple[str, bytes]] = field(default_factory=list)
    junk: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    more: bool = False


class Inbox:
    """What this connection knows of an inbox that it reads."""

    def __init__(self, folder: str, name: str, clock: Clock) -> None:
        self.name = name
        self.folder = folder
        self.new = f"{folder}/new"
        self._clock = clock
        self._given: set[str] = set()
        self._done: set[str] = set()
        self._strange_since: dict[str, float] = {}
        self._unread_since: dict[str, float] = {}
        self._unlink_again = 0.0

    def look(self) -> Look:
        """In the thread: list, read what is new, and try again to remove what is done with."""
        look = Look(self._clock.monotonic())
        done = frozenset(self._done)
        names = os.listdir(self.new)
        fresh = [name for name in names if self._is_fresh(name)]
        if fresh and len(names) > _ONE_REPLY:
            fresh = self._close_gaps(fresh)
        look.strange = [n for n in names if n not in done and self._is_strange(n)]
        self._read(sorted(fresh), look)
        listed = done.intersection(names)
        look.gone = set(done - listed)
        if listed and look.began >= self._unlink_again:
            look.gone |= listed - set(remove_all(self.new, listed))
        return look

    def accept(self, look: Look) -> int:
        """In the loop: the messages of a look are given now; returns how many were junk."""
        self._done -= look.gone
        if look.began >= self._unlink_again:
            self._unlink_again = look.began + _UNLINK_AGAIN_S
        self._given.update(name for name, _ in look.messages)
        self._done.update(look.junk)
        self._unread_since = self._since(self._unread_since, look.unread, look.began)
        self._strange_since = self._since(self._strange_since, look.strange, look.began)
        old = {n for n, since in self._strange_since.items() if look.began - since >= STRANGE_S}
        self._done |= old
        for name in old:
            _log.warning("%s/%s is no message: it is removed", self.new, name)
        return len(look.junk) + len(old)

    def acked(self, names: Iterable[str]) -> None:
        """In the loop: these are never given again."""
        self._given.difference_update(names)
        self._done.update(names)

    def _is_fresh(self, name: str) -> bool:
        if name in self._given or name in self._done:
            return False
        return MESSAGE.fullmatch(name) is not None

    @staticmethod
    def _is_strange(name: str) -> bool:
        return not MESSAGE.fullmatch(name) and looks_like_ours(name)

    def _close_gaps(self, fresh: list[str]) -> list[str]:
        # A listing of many names is put together from several answers: it can miss a message and
        # show the next one of its session. A second one, begun after the first, cannot miss it.
        newest: dict[str, str] = {}
        for name in fresh:
            session = name[:-_COUNTERS]
            newest[session] = max(name, newest.get(session, ""))
        again = [name for name in os.listdir(self.new) if self._is_fresh(name)]
        return list({*fresh, *(n for n in again if n < newest.get(n[:-_COUNTERS], ""))})

    def _read(self, names: list[str], look: Look) -> None:
        blocked: set[str] = set()
        size = 0
        for name in names:
            if name[:-_COUNTERS] in blocked:
                continue
            if size >= BATCH_BYTES or self._clock.monotonic() - look.began > BATCH_SECONDS:
                look.more = True
                return
            try:
                frame = read_file(f"{self.new}/{name}", MAX_FRAME)
            except OSError as exc:
                if not is_busy(exc):
                    raise
                look.unread.append(name)
                if not self._is_hopeless(name, look.began, exc):
                    blocked.add(name[:-_COUNTERS])
                continue
            if frame:
                look.messages.append((name, frame))
                size += len(frame)
            else:
                look.junk.append(name)
                remove(f"{self.new}/{name}")

    def _is_hopeless(self, name: str, now: float, exc: OSError) -> bool:
        waited = now - self._unread_since.get(name, now)
        if waited < UNREADABLE_S:
            return False
        if waited < 2 * UNREADABLE_S:
            _log.warning("%s/%s cannot be read: %s", self.new, name, exc.strerror)
        return True

    @staticmethod
    def _since(known: dict[str, float], now_seen: list[str], now: float) -> dict[str, float]:
        return {name: known.get(name, now) for name in now_seen}
