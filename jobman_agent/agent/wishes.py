"""What the owner asked for beyond the settings: a pause, work outside the hours; kept on disk.

Rule 1: what was said last holds, also after a restart, however the agent ended.
Rule 2: what cannot be read is heard as "no work": see `KeptPause`; a ``work-now`` that cannot be
read was never said.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from jobman_agent.agent.asked import whatever_the_hours
from jobman_agent.agent.pauses import KeptPause
from jobman_agent.errors import StorageError
from jobman_agent.log import get_logger
from jobman_agent.model.pause import Pause
from jobman_agent.storage.files import explain, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from jobman_agent.policy import Rules

WORK_FILE = "work-now.txt"
"""When ``work-now`` ends, as ISO 8601."""
_MOST = 100
_log = get_logger(__name__)


class Wishes:
    """For the event loop's thread.

    Args:
        home: JOBMAN_HOME.
    """

    def __init__(self, home: Path) -> None:
        self._pause = KeptPause(home)
        self._work_file = home / WORK_FILE
        self.work_until: datetime | None = None
        """Until when every hour is free; None: nobody said so."""
        self.not_kept = ""
        """Why what was said last will not survive a restart; empty: it will."""

    def load(self, now: datetime) -> Pause | None:
        """What was said before this start: `work_until`, and the pause."""
        self.work_until = self._load_work()
        self._end_work(now)
        return self._pause.load()

    def pause(self, pause: Pause | None) -> None:
        """A pause begins, or is over."""
        self.not_kept = self._pause.keep(pause)

    def pause_later(self) -> None:
        """A pause begins once what runs has ended; an agent that starts anew has nothing to end."""
        self.not_kept = self._pause.keep(Pause())

    def work(self, until: datetime | None) -> None:
        """Work whatever the hours say, or by the hours again."""
        if until != self.work_until:
            self.work_until = until
            self.not_kept = self._keep_work() or self.not_kept

    def rules(self, rules: Rules | None, now: datetime) -> Rules | None:
        """The rules that hold now."""
        self._end_work(now)
        if rules is None or self.work_until is None:
            return rules
        return whatever_the_hours(rules)

    def _end_work(self, now: datetime) -> None:
        if self.work_until is not None and self.work_until <= now:
            self.work(None)

    def _load_work(self) -> datetime | None:
        try:
            with self._work_file.open(encoding="ascii") as file:
                until = datetime.fromisoformat(file.read(_MOST).strip())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as exc:
            _log.warning("%s cannot be read (%s): the hours hold", self._work_file, exc)
            return None
        return until if until.tzinfo is not None else None

    def _keep_work(self) -> str:
        try:
            if self.work_until is None:
                self._work_file.unlink(missing_ok=True)
            else:
                write_atomic(self._work_file, self.work_until.isoformat().encode(), 0o600)
        except OSError as exc:
            return explain(exc, "remove", self._work_file)
        except StorageError as exc:
            return str(exc)
        return ""
