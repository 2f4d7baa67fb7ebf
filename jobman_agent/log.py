"""Logging: one set-up for all processes; data goes to stdout, talk to stderr and the log file."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
        """A file that several processes of jobman may write, and that each of them may rotate.

        Says once that it cannot be written, where the library shows a traceback each time.
        """

        told = False

        def emit(self, record: logging.LogRecord) -> None:
            if self.stream is not None and _is_replaced(self.baseFilename, self.stream):
                self.stream.close()
                self.stream = None  # so the library does, too
            super().emit(record)

        def doRollover(self) -> None:  # noqa: N802 - the library's name
            if self.stream is not None:
                self.stream.close()
                self.stream = None
            # On Windows it cannot be renamed while another process has it open. Then it grows a
            # little first; the library would lose this record, and an older file at each try.
            rotated = rotate(self.baseFilename)
            self.maxBytes = FILE_BYTES if rotated else self.maxBytes + FILE_BYTES // 4

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


def append(path: Path, text: str) -> None:
    """Add some lines to a file that rotates in the same way, for what is written seldom.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > FILE_BYTES:
        rotate(str(path))
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def rotate(name: str) -> bool:
    """Make a file the first of the old ones, and the oldest go; False: it is held by somebody."""
    try:
        Path(name).replace(f"{name}.0")
    except FileNotFoundError:  # another process was quicker
        return True
    except OSError:
        return False
    for number in range(FILES_KEPT, 0, -1):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{name}.{number - 1}").replace(f"{name}.{number}")
    return True


def _is_replaced(name: str, stream: TextIO) -> bool:
    """Whether another process has rotated the file, so that we write into an old one."""
    try:
        now, then = os.stat(name), os.fstat(stream.fileno())
    except OSError:
        return True
    return (now.st_ino, now.st_dev) != (then.st_ino, then.st_dev)


def log_to_stream(stream: TextIO) -> None:
    """Show everything from DEBUG up, for ``-vv``."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("jobman_agent")
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
