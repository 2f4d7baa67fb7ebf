"""Last night on this PC: a line for each package that ran, for the owner and for IT."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jobman_agent.log import get_logger

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from jobman_agent.control.pipe_messages import ComingRun, Ended

FILE = "ledger.jsonl"
_log = get_logger(__name__)


class Ledger:
    """The file: lines are only ever added. What cannot be written is said in the log."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE

    def enter(self, at: datetime, run: ComingRun, ended: Ended) -> None:
        """A package has ended, at a time in UTC."""
        if ended.outcome == "refused" and not ended.seconds:
            return
        self._add(
            {
                "ended": at.isoformat(timespec="seconds"),
                "employer": run.employer,
                "package": run.package,
                "outcome": ended.outcome,
                "seconds": round(ended.seconds, 3),
                "cpu_seconds": round(ended.cpu_seconds, 3),
                "peak_memory": ended.peak_memory,
            }
        )

    def swept(self, at: datetime, packages: list[str], ended: int) -> None:
        """A worker died and left something behind, which was ended."""
        self._add(
            {
                "ended": at.isoformat(timespec="seconds"),
                "outcome": "swept",
                "packages": packages,
                "processes": ended,
            }
        )

    def _add(self, line: dict[str, object]) -> None:
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as exc:
            _log.warning("the ledger %s cannot be written: %s", self._path, exc)
