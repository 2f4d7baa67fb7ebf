"""The owner's pause, kept in JOBMAN_HOME: it survives the agent's restart and the PC's sleep."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from jobman_agent.errors import StorageError
from jobman_agent.log import get_logger
from jobman_agent.model.pause import Pause
from jobman_agent.storage.files import explain, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

FILE = "pause.json"
_log = get_logger(__name__)


class KeptPause:
    """The file."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE

    def load(self) -> Pause | None:
        """What was kept. A file that is there and cannot be read is a pause without an end.

        The owner once said "no work": only the owner can say that it is over.
        """
        try:
            kept = json.loads(self._path.read_bytes())
            until = kept["until"]
            moment = None if until is None else datetime.fromisoformat(until)
            if moment is not None and moment.tzinfo is None:
                raise ValueError("a time without its offset")
            return Pause(moment, until_locked=bool(kept["until_locked"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
            _log.warning("%s cannot be read (%s): paused until jobman resume", self._path, exc)
            return Pause()

    def keep(self, pause: Pause | None) -> str:
        """Write it, or remove it; returns why that did not work, or nothing.

        A disk that is full does not make an agent go on: the pause holds as long as it runs.
        """
        try:
            if pause is None:
                self._path.unlink(missing_ok=True)
            else:
                until = None if pause.until is None else pause.until.isoformat()
                kept = {"until": until, "until_locked": pause.until_locked}
                write_atomic(self._path, json.dumps(kept).encode(), 0o600)
        except OSError as exc:
            return explain(exc, "remove", self._path)
        except StorageError as exc:
            return str(exc)
        return ""
