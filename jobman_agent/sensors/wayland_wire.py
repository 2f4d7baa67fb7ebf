"""Wayland's wire format, as much of it as listening needs: too small to need a library.

wayland.freedesktop.org/docs/html, "Wire Format": object, size and opcode, arguments; all in the
byte order of this PC.
"""

from __future__ import annotations

import contextlib
import socket
import struct

_HEAD = struct.Struct("=II")
_MOST = 1 << 16
_UNIX: int = getattr(socket, "AF_UNIX", 0)  # not on Windows, where nobody asks for it

Message = tuple[int, int, bytes]
"""Sender, opcode, arguments."""


class Wire:
    """One connection to a compositor. What goes wrong is OSError or ValueError."""

    def __init__(self) -> None:
        self._link: socket.socket | None = None
        self._kept = b""

    @property
    def is_open(self) -> bool:
        """Whether it was opened and not closed."""
        return self._link is not None

    def open(self, path: str, timeout: float) -> None:
        """Connect; each wait for the other end is at most so many seconds."""
        self._link = socket.socket(_UNIX)
        self._link.settimeout(timeout)
        self._link.connect(path)

    def be_patient(self) -> None:
        """Wait for the other end however long it takes."""
        self._socket.settimeout(None)

    def hang_up(self) -> None:
        """From another thread: end a wait."""
        link = self._link
        if link is not None:
            with contextlib.suppress(OSError):  # gone already
                link.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of it."""
        link, self._link = self._link, None
        self._kept = b""
        if link is not None:
            with contextlib.suppress(OSError):  # gone already
                link.close()

    def send(self, target: int, opcode: int, body: bytes) -> None:
        """Ask an object for something."""
        size = _HEAD.size + len(body)
        self._socket.sendall(_HEAD.pack(target, size << 16 | opcode) + body)

    def receive(self) -> list[Message]:
        """Wait for something, and take all whole messages of it."""
        piece = self._socket.recv(_MOST)
        if not piece:
            raise OSError("it hung up")
        self._kept += piece
        found = []
        while len(self._kept) >= _HEAD.size:
            sender, word = _HEAD.unpack_from(self._kept)
            size = word >> 16
            if size < _HEAD.size:
                raise ValueError(f"a message of {size} bytes")
            if len(self._kept) < size:
                break
            found.append((sender, word & 0xFFFF, self._kept[_HEAD.size : size]))
            self._kept = self._kept[size:]
        return found

    @property
    def _socket(self) -> socket.socket:
        if self._link is None:
            raise OSError("not connected")
        return self._link


def text(words: str) -> bytes:
    """A string argument."""
    data = words.encode() + b"\0"
    return struct.pack("=I", len(data)) + data + bytes(-len(data) % 4)
