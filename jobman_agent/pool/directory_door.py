"""The door of the shared directory: what goes in has patience, what comes out is a PoolError.

Source: PROTOCOL 3.2, rules 2, 4 and 5.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from jobman_agent.errors import PoolError, PoolRefused, PoolUnavailable, Unconfirmed
from jobman_agent.pool.directory_files import (
    BUSY_WAITS_S,
    RenameFailedError,
    is_busy,
    is_missing,
    is_refusal,
)
from jobman_agent.pool.share_calls import Lane, Share
from jobman_agent.storage.files import explain

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobman_agent.clock import Clock

T = TypeVar("T")

REFUSED_S = 60.0
"""A permission that is missing for so long is no antivirus at work."""


class NotThere(PoolUnavailable):
    """A folder of the pool is not there (any more)."""


class Door:
    """How a connection calls into its share."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self.root = root
        self.clock = clock
        self._share: Share | None = None

    def open(self) -> None:
        """Begin; `close` once."""
        if self._share is None:
            self._share = Share.of(self.root, self.clock)

    def close(self) -> None:
        """End; calls that hang are left behind."""
        if self._share is not None:
            self._share.release()
            self._share = None

    @property
    def is_open(self) -> bool:
        """Between `open` and `close`."""
        return self._share is not None

    async def call(
        self,
        lane: Lane,
        what: str,
        folder: str,
        function: Callable[[], T],
        *,
        patient: bool = True,
    ) -> T:
        """Do something in the share, again while a file there is busy.

        Args:
            lane: Which thread.
            what: For people, what could not be done.
            folder: The folder it is done in.
            function: Called up to six times if `patient`.
            patient: Whether it may be called again.

        Raises:
            NotThere: the folder is not there.
            Unconfirmed: a rename failed.
            PoolRefused: there has been no permission for a minute.
            PoolUnavailable: everything else; the message says what to do.
        """
        for wait in (*BUSY_WAITS_S, None) if patient else (None,):
            share = self._opened()
            try:
                value = await share.call(lane, function)
            except OSError as exc:
                if wait is None or is_missing(exc) or not is_busy(exc):
                    raise self._explained(share, exc, what, folder) from exc
                await asyncio.sleep(wait)
            else:
                share.refused_since.pop(folder, None)
                return value
        raise AssertionError  # the last round returns or raises

    def later(self, lane: Lane, function: Callable[[], None]) -> None:
        """Clean up in the share when it is the turn of that; nobody waits, nothing is said."""
        if self._share is not None:
            self._share.later(lane, function)

    def _opened(self) -> Share:
        if self._share is None:
            message = f"this connection to the pool dir:{self.root} is closed"
            raise PoolUnavailable(message)
        return self._share

    def _explained(self, share: Share, exc: OSError, what: str, folder: str) -> PoolError:
        text = explain(exc, what, Path(folder))
        if is_missing(exc):
            return NotThere(text)
        if is_refusal(exc):
            now = self.clock.monotonic()
            since = share.refused_since.setdefault(folder, now)
            if now - since >= REFUSED_S:
                return PoolRefused(f"no permission in the shared folder for a minute: {text}")
        return Unconfirmed(text) if isinstance(exc, RenameFailedError) else PoolUnavailable(text)
