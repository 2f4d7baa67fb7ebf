"""Logging: one set-up for all processes; data goes to stdout, talk to stderr and the log file."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

FILE_BYTES = 2_000_000
FILES_KEPT = 3


def get_logger(name: str) -> logging.Logger:
    """The logger of a module; call it with ``__name__``."""
    return logging.getLogger(name)


def log_to_file(path: Path) -> None:
    """Write everything from INFO up to a file that rotates at 2 MB, three old ones kept.

    Raises:
        OSError: the folder cannot be made or written.
    """
    from logging.handlers import RotatingFileHandler  # late: it loads socket and pickle

    class LogFile(RotatingFileHandler):
        """Says once that it cannot be written, where the library shows a traceback each time."""

        told = False

        def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
            del record
            if not self.told:
                self.told = True
                sys.stderr.write(f"jobman: the log {path} cannot be written: {sys.exception()}\n")

    path.parent.mkdir(parents=True, exist_ok=True)
    handler = LogFile(
        path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8", delay=True
    )
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
    )
    root = logging.getLogger("jobman_agent")
    root.addHandler(handler)
    root.setLevel(logging.INFO)


def log_to_stream(stream: TextIO) -> None:
    """Show everything from DEBUG up, for ``-vv``."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("jobman_agent")
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
