"""Seconds since the last input of a Wayland session: the compositor's idle notification.

ext-idle-notify-v1 (KWin, sway and other wlroots, COSMIC) or its ancestor org_kde_kwin_idle: a
notification fires after a second without input, and again at the next input. The wire format is
small (wayland.freedesktop.org/docs/html, "Wire Format"), so that no library is needed.

Looked at seldom, it errs towards the owner: the last touch is put as late as it can have been.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
from typing import TYPE_CHECKING

from jobman_agent.sensors.probe import Absent, Unseen

if TYPE_CHECKING:
    from jobman_agent.clock import Clock

assert sys.platform == "linux"

QUIET_MILLISECONDS = 1000
ANSWER_SECONDS = 0.8
_DISPLAY, _REGISTRY, _CALLBACK = 1, 2, 3
_NOTIFIERS = ("ext_idle_notifier_v1", "org_kde_kwin_idle")
_MOST = 1 << 16


class WaylandIdle:
    """One session; all its seats."""

    def __init__(self, display: str, runtime: str, clock: Clock) -> None:
        """Set it up; it connects when it is first asked.

        Args:
            display: ``wayland-0``, or a whole path.
            runtime: XDG_RUNTIME_DIR.
            clock: The clocks.
        """
        self.name = f"keyboard and mouse (Wayland {display})"
        self._path = os.path.join(runtime, display)
        self._clock = clock
        self._link: socket.socket | None = None
        self._kept = b""
        self._globals: dict[str, list[tuple[int, int]]] = {}
        self._quiet_from: dict[int, float | None] = {}
        """For each notification the last touch, or None while somebody is at it."""

    def look(self) -> float:
        """Seconds.

        Raises:
            Absent: the compositor has no idle notification (GNOME: Mutter tells it over D-Bus).
            Unseen: it does not answer, or went away.
        """
        try:
            if self._link is None:
                self._open()
            self._round_trip()
        except TimeoutError:
            self.close()
            raise Unseen(f"the compositor did not answer in {ANSWER_SECONDS:g} s") from None
        except (OSError, struct.error, ValueError) as exc:
            self.close()
            raise Unseen(f"the Wayland session went away: {exc}") from exc
        now = self._clock.monotonic()
        return min(0.0 if t is None else max(0.0, now - t) for t in self._quiet_from.values())

    def close(self) -> None:
        """Let go of the session."""
        link, self._link = self._link, None
        self._kept, self._globals, self._quiet_from = b"", {}, {}
        if link is not None:
            with contextlib.suppress(OSError):  # gone already
                link.close()

    def _open(self) -> None:
        self._link = socket.socket(socket.AF_UNIX)
        self._link.settimeout(ANSWER_SECONDS)
        self._link.connect(self._path)
        self._send(_DISPLAY, 1, struct.pack("=I", _REGISTRY))  # get_registry
        self._round_trip()
        seats = self._globals.get("wl_seat", [])
        which = next((name for name in _NOTIFIERS if name in self._globals), None)
        if which is None or not seats:
            self.close()
            raise Absent("this compositor has no idle notification")
        notifier = _CALLBACK + 1
        self._bind(which, self._globals[which][0][0], notifier)
        for number, (seat_name, _version) in enumerate(seats):
            seat, notification = notifier + 1 + 2 * number, notifier + 2 + 2 * number
            self._bind("wl_seat", seat_name, seat)
            if which == _NOTIFIERS[0]:  # get_idle_notification
                body = struct.pack("=III", notification, QUIET_MILLISECONDS, seat)
                self._send(notifier, 1, body)
            else:  # get_idle_timeout
                body = struct.pack("=III", notification, seat, QUIET_MILLISECONDS)
                self._send(notifier, 0, body)
            self._quiet_from[notification] = None

    def _bind(self, interface: str, name: int, number: int) -> None:
        body = struct.pack("=I", name) + _string(interface) + struct.pack("=II", 1, number)
        self._send(_REGISTRY, 0, body)

    def _round_trip(self) -> None:
        """Ask for a sign that everything was said, and hear all of it (wl_display.sync)."""
        self._send(_DISPLAY, 0, struct.pack("=I", _CALLBACK))
        end = self._clock.monotonic() + ANSWER_SECONDS
        while True:
            for sender, opcode, body in self._messages():
                if sender == _CALLBACK:
                    return
                self._hear(sender, opcode, body)
            if self._clock.monotonic() > end:
                raise TimeoutError
            piece = self._socket.recv(_MOST)
            if not piece:
                raise OSError("it hung up")
            self._kept += piece

    def _messages(self) -> list[tuple[int, int, bytes]]:
        found = []
        while len(self._kept) >= 8:  # noqa: PLR2004 - the head: object, size and opcode
            sender, word = struct.unpack_from("=II", self._kept)
            size = word >> 16
            if size < 8:  # noqa: PLR2004
                raise ValueError(f"a message of {size} bytes")
            if len(self._kept) < size:
                break
            found.append((sender, word & 0xFFFF, self._kept[8:size]))
            self._kept = self._kept[size:]
        # The sign is the last that was asked for, but more may have come behind it.
        return sorted(found, key=lambda message: message[0] == _CALLBACK)

    def _hear(self, sender: int, opcode: int, body: bytes) -> None:
        if sender == _DISPLAY and opcode == 0:
            raise OSError(f"it refused: {body[12:].rstrip(bytes(1)).decode(errors='replace')}")
        if sender == _REGISTRY and opcode == 0:
            name, length = struct.unpack_from("=II", body)
            interface = body[8 : 8 + length - 1].decode(errors="replace")
            (version,) = struct.unpack("=I", body[-4:])
            self._globals.setdefault(interface, []).append((name, version))
        elif sender in self._quiet_from:
            idled = opcode == 0
            quiet = self._clock.monotonic() - QUIET_MILLISECONDS / 1000
            self._quiet_from[sender] = quiet if idled else None

    def _send(self, target: int, opcode: int, body: bytes) -> None:
        self._socket.sendall(struct.pack("=II", target, (len(body) + 8) << 16 | opcode) + body)

    @property
    def _socket(self) -> socket.socket:
        if self._link is None:
            raise OSError("not connected")
        return self._link


def _string(text: str) -> bytes:
    data = text.encode() + b"\0"
    return struct.pack("=I", len(data)) + data + bytes(-len(data) % 4)
