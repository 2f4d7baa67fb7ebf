"""Reading a log that rotates, also while it does."""

from __future__ import annotations

import os
import re
import time
from collections import deque
from typing import TYPE_CHECKING, BinaryIO

from jobman_agent.errors import StorageError
from jobman_agent.log import FILES_KEPT
from jobman_agent.storage.files import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

_LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?P<pid>\d+) (?P<level>[A-Z]+) "
    r"(?P<logger>[\w.]+): (?P<text>.*)"
)
"""As ``log.log_to_file`` writes them."""
LOOK_S = 0.2


def generations(path: Path) -> list[Path]:
    """The files of a log that are there, the oldest first."""
    older = [path.with_name(f"{path.name}.{n}") for n in range(FILES_KEPT, 0, -1)]
    return [file for file in (*older, path) if file.is_file()]


def last_lines(files: Sequence[Path], count: int) -> list[str]:
    """The last lines of all of them; 0: all.

    Raises:
        StorageError: one cannot be read.
    """
    found: deque[str] = deque()
    for file in reversed(files):
        lines = _lines(file)
        found.extendleft(reversed(lines if not count else lines[-(count - len(found)) :]))
        if count and len(found) >= count:
            break
    return list(found)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:  # rotated away this moment
        return []
    except OSError as exc:
        raise StorageError(explain(exc, "read", file)) from exc


def entries(lines: Iterable[str]) -> list[dict[str, object]]:
    """Lines as values; what does not begin like one (a traceback) belongs to the one before."""
    found: list[dict[str, object]] = []
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is not None:
            entry: dict[str, object] = dict(match.groupdict())
            found.append(entry | {"pid": int(match["pid"])})
        elif found:
            found[-1]["text"] = f"{found[-1]['text']}\n{line}"
        else:
            found.append({"time": None, "pid": None, "level": None, "logger": None, "text": line})
    return found


def follow(path: Path, show: Callable[[str], None], stop: Callable[[], bool] = bool) -> None:
    """Show each new line as it is written, until Ctrl-C; a log that is not there is waited for.

    Args:
        path: The newest file.
        show: Shows one line.
        stop: Whether to end, asked before each look.
    """
    file, rest = _open(path, at_end=True), b""
    try:
        while not stop():
            if file is not None:
                rest = _show_new(file, rest, show)
            if file is None or _replaced(path, file):
                # Whoever wrote last into the old one has been read: the new one from its start.
                fresh = _open(path, at_end=False)
                if fresh is not None:
                    if file is not None:
                        rest = _show_new(file, rest, show)
                        file.close()
                    file = fresh
                    continue
            time.sleep(LOOK_S)
    finally:
        if file is not None:
            file.close()


def _open(path: Path, *, at_end: bool) -> BinaryIO | None:
    try:
        file = path.open("rb")
    except OSError:
        return None
    if at_end:
        file.seek(0, 2)
    return file


def _show_new(file: BinaryIO, rest: bytes, show: Callable[[str], None]) -> bytes:
    """Show whole lines; the begun one is returned."""
    *lines, rest = (rest + file.read()).split(b"\n")
    for line in lines:
        show(line.decode("utf-8", "replace").rstrip("\r"))
    return rest


def _replaced(path: Path, file: BinaryIO) -> bool:
    try:
        now = path.stat()
    except OSError:
        return False
    then = os.fstat(file.fileno())
    return (now.st_ino, now.st_dev) != (then.st_ino, then.st_dev) or now.st_size < file.tell()
