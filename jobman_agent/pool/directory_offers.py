"""The hiring queue of a shared directory: one file for each offer, read by everybody.

Everything here runs in a share's threads, one call at a time. Source: PROTOCOL 3.2, rules 3 and 6.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jobman_agent.model.wire import MAX_FRAME
from jobman_agent.pool.directory_files import OFFER, is_busy, read_file, remove_all

if TYPE_CHECKING:
    from jobman_agent.clock import Clock

DEAD_S = 900.0
"""An offer that was not refreshed for so long, by the reader's own clock, has lost its poster."""
_ROUNDS = 8
_CACHE_BYTES = 4 << 20


class Offers:
    """What this connection has seen in the hiring queue."""

    def __init__(self, folder: str, clock: Clock) -> None:
        self.folder = folder
        self.junk = 0
        self._clock = clock
        self._first_seen: dict[str, float] = {}
        self._order: dict[str, int] = {}
        self._frames: dict[str, bytes | None] = {}

    def scan(self) -> list[bytes]:
        """The newest sequence of every offer that stands."""
        for _ in range(_ROUNDS):
            newest = _newest(os.listdir(self.folder))
            self._remember(newest)
            # One that went away meanwhile was withdrawn, or refreshed: then its next one is there.
            loaded = [self._load(name) for name in newest.values()]
            if all(loaded):
                break
        alive = [name for key, name in sorted(newest.items(), key=self._age) if self._lives(name)]
        found = [frame for name in alive if (frame := self._frames.get(name))]
        if sum(len(frame or b"") for frame in self._frames.values()) > _CACHE_BYTES:
            self._frames = {name: None for name, frame in self._frames.items() if not frame}
        return found

    def mine(self, employer: str, offer: str) -> list[str]:
        """The files of an offer of ours, oldest first."""
        prefix = f"{employer}.{offer}."
        names = os.listdir(self.folder)
        return sorted(n for n in names if n.startswith(prefix) and OFFER.fullmatch(n))

    def keep_newest(self, employer: str, offer: str) -> bool:
        """Remove all sequences of ours but the newest; whether there is one."""
        names = self.mine(employer, offer)
        remove_all(self.folder, names[:-1])
        return bool(names)

    def withdraw(self, employer: str, offer: str) -> bool:
        """Remove all sequences of ours; whether a look after that showed none."""
        names = self.mine(employer, offer)
        if names:
            remove_all(self.folder, names)
            names = self.mine(employer, offer)
        return not names

    def _remember(self, newest: dict[str, str]) -> None:
        now = self._clock.monotonic()
        names = set(newest.values())
        self._first_seen = {name: self._first_seen.get(name, now) for name in names}
        self._frames = {n: frame for n, frame in self._frames.items() if n in names}
        self._order = {key: number for key, number in self._order.items() if key in newest}
        number = max(self._order.values(), default=0)
        for key in sorted(newest.keys() - self._order.keys()):
            number += 1
            self._order[key] = number

    def _load(self, name: str) -> bool:
        if name in self._frames:
            return True
        try:
            frame = read_file(f"{self.folder}/{name}", MAX_FRAME)
        except OSError as exc:
            if not is_busy(exc):
                raise
            return False
        # A file never changes, so it is read once; what is none of ours is not ours to remove.
        self._frames[name] = frame or None
        self.junk += not frame
        return True

    def _age(self, item: tuple[str, str]) -> int:
        return self._order[item[0]]

    def _lives(self, name: str) -> bool:
        return self._clock.monotonic() - self._first_seen[name] < DEAD_S


def _newest(names: list[str]) -> dict[str, str]:
    newest: dict[str, str] = {}
    for name in names:
        match = OFFER.fullmatch(name)
        if match:
            newest[match[1]] = max(name, newest.get(match[1], ""))
    return newest
