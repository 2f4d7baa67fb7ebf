"""The settings, read again when a file changes; while it is wrong, the last good ones hold.

A change is seen by the file's marks (`os.stat`), and by its content where marks may lie: shortly
after a write, and each 30 s. A file that vanishes, or stands empty, may be one that an editor is
writing: it is believed only when that lasts.

Settings that name public holidays hold once these are known, which takes a moment the first time.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from whenever import TimeZoneNotFoundError, reset_system_tz

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.errors import InputError, StorageError
from jobman_agent.log import get_logger
from jobman_agent.policy import make_rules
from jobman_agent.settings.ini import MAX_BYTES
from jobman_agent.settings.pool_url import THREE_WAYS
from jobman_agent.settings.public_holidays import Found, place_mistake

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from jobman_agent.clock import Clock
    from jobman_agent.policy import Rules
    from jobman_agent.settings.pc import Settings

REREAD_S = 30.0
"""So often the content is looked at, whatever the marks say."""
RACY_S = 2.5
"""A second write so soon after the first may leave the same marks (FAT counts in 2 s)."""
VANISHED_S = 3.0
TORN_S = 1.0
_Marks: TypeAlias = "tuple[int, ...] | None"
_log = get_logger(__name__)


class SettingsWatch:
    """What holds now; all of it is for one thread, and nothing waits.

    Args:
        load: Reads all layers; raises InputError or StorageError.
        files: Those that it reads.
        others: Files that a worker reads besides, when it starts.
        holidays: Finds the dates of a place: `HolidayWatch.find`.
        clock: The clocks of this PC.
    """

    def __init__(
        self,
        load: Callable[[], Settings],
        files: Sequence[Path],
        others: Sequence[Path] = (),
        holidays: Callable[[str | None], Found | str | None] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._load = load
        self._others = tuple(others)
        self._changes = _Changes(tuple(files), clock)
        self._find = holidays or _unknown
        self._found = Found()
        self._coming: Settings | None = None
        self.settings: Settings | None = None
        """The last good ones; None: there were none yet."""
        self.rules: Rules | None = None
        """The same for the policy."""
        self.wrong = ""
        """What is wrong with the files as they are now, all mistakes; empty: nothing."""

    @property
    def pending(self) -> bool:
        """Whether to look again soon: a file is being written, or holidays are looked up."""
        return self._coming is not None or self._changes.in_doubt

    @property
    def notes(self) -> tuple[str, ...]:
        """What is no mistake and should be known: what is ignored, holidays that are not known."""
        ignored = () if self.settings is None else self.settings.notes
        return (*ignored, self._found.note) if self._found.note else ignored

    def for_worker(self) -> object:
        """All that a worker goes by; it is started anew when this has changed."""
        found = self.settings
        if found is None:
            return None
        others = tuple(_marks(path) for path in self._others)
        return found.pool, found.limits, found.software, found.employers, others

    def refresh(self) -> bool:
        """Read again if a file has changed (microseconds if none has); whether one had."""
        changed = self._changes.seen()
        if changed:
            self._read()
        if self._coming is not None:
            self._adopt(self._coming)
        elif self.settings is not None:
            self._renew(self.settings)
        return changed

    def _read(self) -> None:
        self._coming, coming, fault = None, None, None
        try:
            coming = self._load()
            if coming.pool.url is None:
                raise InputError(f"no pool is named: {THREE_WAYS}")
        except (InputError, StorageError) as exc:
            fault = exc
        if not self._changes.hold_still():
            # Written while they were read: what was read may be of neither.
            if self.settings is None:
                self.wrong = "the settings are just being written"
        elif fault is not None:
            self._refuse(fault)
        else:
            self._coming = coming

    def _refuse(self, exc: InputError | StorageError) -> None:
        self.wrong = str(exc)
        _log.warning("settings: %s", exc)

    def _adopt(self, settings: Settings) -> None:
        """Settings without mistakes hold, once the public holidays that they name are known."""
        found = self._find(settings.hours.holidays)
        if found is None:
            if self.settings is None:
                self.wrong = f"the public holidays of {settings.hours.holidays} are being looked up"
            return
        self._coming = None
        if isinstance(found, str):
            self._refuse(place_mistake(settings, found))
            return
        # Whoever edits the settings may have set the PC's zone too. Where there is none, the one
        # from before goes on to count; at the start the policy says so, and permits nothing.
        with suppress(TimeZoneNotFoundError):
            reset_system_tz()
        self.settings, self.wrong = settings, ""
        self._take(settings, found)
        _log.info("settings read")
        for note in self.notes:
            _log.warning("settings: %s", note)

    def _renew(self, settings: Settings) -> None:
        """In December, and where a look-up has failed, other dates come under the same settings."""
        found = self._find(settings.hours.holidays)
        if isinstance(found, Found) and found is not self._found:
            self._take(settings, found)

    def _take(self, settings: Settings, found: Found) -> None:
        self._found = found
        self.rules = make_rules(settings, holidays=frozenset(found.dates))


class _Changes:
    """Whether files are others than they were."""

    def __init__(self, files: tuple[Path, ...], clock: Clock) -> None:
        self._files, self._clock = files, clock
        self._marks: tuple[_Marks, ...] | None = None
        self._contents: tuple[int, ...] = ()
        self._read_at = 0.0
        self._doubt_since: float | None = None
        self._racy = False
        self._moved = False

    @property
    def in_doubt(self) -> bool:
        """Whether a file seems to be just written, or was a moment ago and may not be done."""
        return self._racy or self._moved or self._doubt_since is not None

    def hold_still(self) -> bool:
        """Whether they are as they were last seen; if not, they are read again."""
        contents = tuple(hash(_read(path)) for path in self._files)
        marks = tuple(_marks(path) for path in self._files)
        self._moved = (marks, contents) != (self._marks, self._contents)
        return not self._moved

    def seen(self) -> bool:
        """Whether they have changed since the last time this said yes; the first time: yes."""
        now = self._clock.monotonic()
        marks = tuple(_marks(path) for path in self._files)
        if marks == self._marks:
            self._doubt_since = None
            if not self._racy and not self._moved and now - self._read_at < REREAD_S:
                return False
        read = [_read(path) for path in self._files]
        contents = tuple(hash(content) for content in read)
        self._racy = self._are_fresh(marks)
        if (marks, contents) == (self._marks, self._contents) and not self._moved:
            self._read_at = now
            return False
        if self._marks is not None and self._may_be_unfinished(marks, read, now):
            return False
        self._marks, self._contents, self._read_at = marks, contents, now
        self._doubt_since, self._moved = None, False
        return True

    def _may_be_unfinished(
        self, marks: tuple[_Marks, ...], read: list[bytes | None], now: float
    ) -> bool:
        before = self._marks or ()
        patience = max(
            (_patience(content) for was, content in zip(before, read, strict=True) if was),
            default=0.0,
        )
        if marks == self._marks or not patience:
            return False
        if self._doubt_since is None:
            self._doubt_since = now
        return now - self._doubt_since < patience

    def _are_fresh(self, marks: tuple[_Marks, ...]) -> bool:
        now = self._clock.now().timestamp()
        return any(abs(now - each[0] / 1e9) < RACY_S for each in marks if each is not None)


def _patience(content: bytes | None) -> float:
    """How long a file that was whole may look like this while somebody writes it, in seconds."""
    if not content:
        return VANISHED_S
    return 0.0 if content.endswith((b"\n", b"\r")) else TORN_S


def _marks(path: Path) -> _Marks:
    try:
        found = os.stat(path)
    except OSError:
        return None
    # With the time of the last change of anything, owner and permissions included (Windows: of
    # its making), for they decide whether a machine's file counts.
    return (
        found.st_mtime_ns,
        found.st_size,
        found.st_ino,
        found.st_ctime_ns,
        found.st_mode,
        found.st_uid,
    )


def _read(path: Path) -> bytes | None:
    if not path.is_file():  # to open a pipe would wait for its writer
        return None
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError:
        return None


def _unknown(place: str | None) -> Found:
    """Where nobody can be asked: ordinary days."""
    return Found() if place is None else Found(note=f"nobody knows the public holidays of {place}")
