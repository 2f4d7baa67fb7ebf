"""The settings, read again when a file changes; while it is wrong, the last good ones hold."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

from whenever import reset_system_tz

from jobman_agent.errors import InputError, StorageError
from jobman_agent.log import get_logger
from jobman_agent.policy import make_rules
from jobman_agent.settings.pool_url import THREE_WAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from jobman_agent.policy import Rules
    from jobman_agent.settings.pc import Settings

_Seen: TypeAlias = "tuple[tuple[int, int, int] | None, ...]"
_log = get_logger(__name__)


class SettingsWatch:
    """What holds now.

    Args:
        load: Reads all layers; raises InputError or StorageError.
        files: Those that it reads.
        others: Files that a worker reads besides, when it starts.
    """

    def __init__(
        self, load: Callable[[], Settings], files: Sequence[Path], others: Sequence[Path] = ()
    ) -> None:
        self._load = load
        self._files = tuple(files)
        self._others = tuple(others)
        self._seen: _Seen | None = None
        self.settings: Settings | None = None
        """The last good ones; None: there were none yet."""
        self.rules: Rules | None = None
        """The same for the policy."""
        self.wrong = ""
        """What is wrong with the files as they are now, all mistakes; empty: nothing."""

    def for_worker(self) -> object:
        """All that a worker goes by; it is started anew when this has changed."""
        found = self.settings
        if found is None:
            return None
        others = tuple(_look(path) for path in self._others)
        return found.pool, found.limits, found.software, found.employers, others

    def refresh(self) -> bool:
        """Read again if a file has changed (a few microseconds if none has); whether one had."""
        seen = tuple(_look(path) for path in self._files)
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            settings = self._load()
            if settings.pool.url is None:
                raise InputError(f"no pool is named: {THREE_WAYS}")
        except (InputError, StorageError) as exc:
            self.wrong = str(exc)
            _log.warning("settings: %s", exc)
            return True
        # Whoever edits the settings may have set the PC's zone too.
        reset_system_tz()
        self.settings, self.rules, self.wrong = settings, make_rules(settings), ""
        _log.info("settings read")
        for note in settings.notes:
            _log.warning("settings: %s", note)
        if settings.hours.holidays is not None:
            _log.warning("settings: public holidays are not looked up yet: ordinary days")
        return True


def _look(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
