"""What the worker and its runner say to each other: orders one way, reports the other.

Private to this room and its callers; nothing here travels to another PC. On the pipes a batch is
four bytes of length (big-endian) and a msgpack list of these structs.

Rules that hold here:
1. Every ``Order`` is answered by exactly one ``Finished`` with the same ``run``.
2. ``Started`` comes only for what still runs when its batch is written: a package of a
   millisecond is reported as finished at once.
3. Orders are begun in the order in which they were given.
"""

from __future__ import annotations

import struct
from typing import IO, TYPE_CHECKING

import msgspec

from jobman_agent.model.messages import Outcome
from jobman_agent.model.wire import MAX_INLINE

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_LOG_LIMIT = 64 << 10
"""Bytes of log.txt that are kept: half from the beginning, half from the end."""
DEFAULT_DISK = 10 << 30
DEFAULT_GRACE = 3.0
LEAST_ROOM = 1_000_000
"""Bytes that must be free on this PC's disk; a program that failed with less had no chance."""
YIELD, NORMAL = "yield", "normal"
"""The runner's third argument: how the PC is shared with its owner."""
RUN_VARIABLE = "JOBMAN_RUN"
"""The variable by which every process of a run is found again."""
_LENGTH = struct.Struct(">I")


class FileIn(msgspec.Struct, frozen=True, array_like=True):
    """A file of the package's folder: its content, or where a verified copy of it lies."""

    path: str
    """Relative, with ``/`` between folders."""
    content: bytes | None = None
    source: str | None = None
    """Path of a verified file that is copied; the package gets a copy of its own."""
    executable: bool = False


class FileOut(msgspec.Struct, frozen=True, array_like=True):
    """A file that a package left: its content, or (over 64 KiB) where it is kept."""

    path: str
    size: int
    sha256: str
    content: bytes | None = None
    kept: str | None = None
    """Path of a file in the order's ``keep`` folder, synced; it now belongs to the caller."""


class Order(msgspec.Struct, frozen=True, array_like=True, tag="order", kw_only=True):
    """Run one package."""

    run: str
    """A random token, new for each run, ``[A-Za-z0-9_-]``: the package's JOBMAN_RUN."""
    package: str
    argv: tuple[str, ...]
    """The program's absolute path, then its arguments, all filled in. Never given to a shell."""
    keep: str
    """Folder (on the same file system as the runner's root, if possible) for large outputs."""
    files: tuple[FileIn, ...] = ()
    outputs: tuple[str, ...] = ()
    checkpoint: tuple[str, ...] = ()
    """Patterns that are collected instead of ``outputs`` when the run is stopped."""
    environment: dict[str, str] = {}
    """``NAME.environment`` of the ini: added last, so it may replace what is made from zero."""
    common: str | None = None
    """Folder of the common files, as JOBMAN_COMMON."""
    cores: int = 1
    memory: int = 0
    """Bytes of resident memory of the whole tree; 0: no limit."""
    disk: int = DEFAULT_DISK
    """Bytes that the package's folder may hold."""
    seconds: float = 3600.0
    """How long it may run; frozen time does not count."""
    grace: float = DEFAULT_GRACE
    """Seconds between asking it to end and killing it."""
    log_limit: int = DEFAULT_LOG_LIMIT
    sandbox: bool = False
    """Run it inside bubblewrap, without a network, if the runner found it to work."""


class Stop(msgspec.Struct, frozen=True, array_like=True, tag="stop"):
    """End one run, or take it back if it has not begun; the report says ``handed_back``."""

    run: str
    why: str
    grace: float | None = None
    """Seconds instead of the order's own grace."""
    only_waiting: bool = False
    """Take it back only if it has not begun; a running one goes on and nothing is reported."""


class Freeze(msgspec.Struct, frozen=True, array_like=True, tag="freeze"):
    """Stop every package at once and begin no other; answered by ``Frozen``."""


class Thaw(msgspec.Struct, frozen=True, array_like=True, tag="thaw"):
    """Let everything go on; answered by ``Thawed``."""


class Slots(msgspec.Struct, frozen=True, array_like=True, tag="slots"):
    """From now on run so many packages side by side; what runs already ends in peace."""

    count: int


Command = Order | Stop | Freeze | Thaw | Slots


class Ready(msgspec.Struct, frozen=True, array_like=True, tag="ready"):
    """The first report: the runner is up."""

    pid: int
    sandbox: str
    """The level that packages can have here: ``none`` or ``bubblewrap``."""


class Started(msgspec.Struct, frozen=True, array_like=True, tag="started"):
    """A package runs."""

    run: str
    pid: int
    """Its process and, on POSIX, its process group."""


class Finished(msgspec.Struct, frozen=True, array_like=True, tag="finished", kw_only=True):
    """A run is over and nothing of it is left."""

    run: str
    outcome: Outcome
    why: str = ""
    began: bool = True
    """False: the program never ran, so nothing was lost by ending it."""
    exit_code: int | None = None
    signal: int | None = None
    seconds: float = 0.0
    """From start to end by the clock, frozen time not counted."""
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    """Bytes. Never less than what the runner itself holds (Linux counts the starter's memory)."""
    outputs: tuple[FileOut, ...] = ()
    """Also of a failed run, what there was; of a stopped one the checkpoint files."""
    log: bytes = b""
    no_room: bool = False
    """It failed while this PC's disk was full, and not by what it had written itself."""


class Frozen(msgspec.Struct, frozen=True, array_like=True, tag="frozen"):
    """Nothing runs any more; these runs are suspended."""

    runs: tuple[str, ...]


class Thawed(msgspec.Struct, frozen=True, array_like=True, tag="thawed"):
    """Packages run again."""


Report = Ready | Started | Finished | Frozen | Thawed

_encoder = msgspec.msgpack.Encoder()
_commands = msgspec.msgpack.Decoder(list[Command])
_reports = msgspec.msgpack.Decoder(list[Report])


def pack(batch: Sequence[Command | Report]) -> bytes:
    """One batch as it goes through a pipe."""
    body = _encoder.encode(batch)
    return _LENGTH.pack(len(body)) + body


def read_commands(pipe: IO[bytes]) -> list[Command] | None:
    """The next batch of orders (blocks); None once the pipe has ended."""
    body = _read_body(pipe)
    return None if body is None else _commands.decode(body)


def read_reports(pipe: IO[bytes]) -> list[Report] | None:
    """The next batch of reports (blocks); None once the pipe has ended."""
    body = _read_body(pipe)
    return None if body is None else _reports.decode(body)


def _read_body(pipe: IO[bytes]) -> bytes | None:
    header = pipe.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(header)
    body = pipe.read(length)
    return body if len(body) == length else None


__all__ = [
    "DEFAULT_DISK",
    "DEFAULT_GRACE",
    "DEFAULT_LOG_LIMIT",
    "LEAST_ROOM",
    "MAX_INLINE",
    "NORMAL",
    "RUN_VARIABLE",
    "YIELD",
    "Command",
    "FileIn",
    "FileOut",
    "Finished",
    "Freeze",
    "Frozen",
    "Order",
    "Outcome",
    "Ready",
    "Report",
    "Slots",
    "Started",
    "Stop",
    "Thaw",
    "Thawed",
    "pack",
    "read_commands",
    "read_reports",
]
