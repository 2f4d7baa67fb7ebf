"""Unknown employers that wait for the owner's word, kept in JOBMAN_HOME.

Work comes at night, when nobody is here to be asked: what a worker told stays until the owner has
answered, in the tray or with ``jobman keys``. All of it was written by strangers, and so many
strangers may ask and no more.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from jobman_agent.control.messages import ShownEmployer
from jobman_agent.errors import StorageError
from jobman_agent.log import get_logger
from jobman_agent.model.public_key import fingerprint
from jobman_agent.storage.files import explain, write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobman_agent.control.pipe_messages import UnknownEmployer

FILE = "asking.json"
MOST = 5
KEPT = timedelta(days=14)
"""After so long without another offer of hers, an employer is not asked about any more."""
_KEPT_ANEW = timedelta(hours=1)
"""That she is still there is written down so often."""
_BYTES_MOST = 65_536
_log = get_logger(__name__)


class _Kept(msgspec.Struct, frozen=True):
    """One line of the file."""

    seen: datetime
    employer: ShownEmployer


_decoder = msgspec.json.Decoder(list[_Kept])


class Asking:
    """The file; read again when it has changed, for agent and command line both write it."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        self._mark: tuple[int, ...] | None = None
        self._kept: list[_Kept] = []

    def pending(self, now: datetime) -> tuple[ShownEmployer, ...]:
        """Who waits, the first one first."""
        self._refresh()
        return tuple(each.employer for each in self._kept if now - each.seen < KEPT)

    def note(self, told: UnknownEmployer, now: datetime) -> None:
        """A worker told of one; what cannot be kept is said in the log."""
        asks = ShownEmployer(
            name=told.name,
            key=told.key,
            fingerprint=fingerprint(told.key),
            title=told.title,
            own_code=told.own_code,
            name_taken=told.name_taken,
        )
        self._refresh()
        fresh = [each for each in self._kept if now - each.seen < KEPT]
        known = [each for each in fresh if each.employer.key == asks.key]
        if known and known[0].employer == asks and now - known[0].seen < _KEPT_ANEW:
            return
        if not known and len(fresh) >= MOST:
            _log.info("another unknown employer, %s: %d wait already", asks.fingerprint, MOST)
            return
        if not known:
            _log.info("an unknown employer asks: %s (%s)", asks.name, asks.fingerprint)
        kept = _Kept(now.astimezone(UTC), asks)
        self._keep([kept if each in known else each for each in fresh] + [kept] * (not known))

    def answered(self, is_answered: Callable[[ShownEmployer], bool]) -> None:
        """These wait no longer."""
        self._refresh()
        kept = [each for each in self._kept if not is_answered(each.employer)]
        if len(kept) != len(self._kept):
            self._keep(kept)

    def _refresh(self) -> None:
        try:
            found = self._path.stat()
            mark = found.st_mtime_ns, found.st_size, found.st_ino
            if mark != self._mark:
                with self._path.open("rb") as file:
                    self._kept = _decoder.decode(file.read(_BYTES_MOST))
                self._mark = mark
        except FileNotFoundError:
            self._mark, self._kept = None, []
        except (OSError, ValueError, RecursionError) as exc:
            # It is only who asks: whoever still does is told of again.
            _log.warning("%s cannot be read: %s", self._path, exc)
            self._kept = []

    def _keep(self, kept: list[_Kept]) -> None:
        self._kept = kept
        try:
            write_atomic(self._path, msgspec.json.encode(kept), 0o600)
            found = self._path.stat()
            self._mark = found.st_mtime_ns, found.st_size, found.st_ino
        except StorageError as exc:
            _log.warning("%s", exc)
        except OSError as exc:
            _log.warning("%s", explain(exc, "look at", self._path))
