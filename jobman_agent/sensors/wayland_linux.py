"""Seconds since the last input of a Wayland session: the compositor's idle notification.

ext-idle-notify-v1 (KWin, sway and other wlroots, COSMIC) or its ancestor org_kde_kwin_idle: a
notification fires after a second without input, and again at the next input.

Looked at seldom, it errs towards the owner: the last touch is put as late as it can have been.
The first touch is an event: a notification after a tenth of a second fires again at the next input.
"""

from __future__ import annotations

import os
import struct
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobman_agent.sensors.one_touch import OneTouch
from jobman_agent.sensors.probe import Absent, Unseen
from jobman_agent.sensors.wayland_wire import Wire, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobman_agent.clock import Clock

assert sys.platform == "linux"

QUIET_MILLISECONDS = 1000
TOUCH_MILLISECONDS = 100
ANSWER_SECONDS = 0.8
_DISPLAY, _REGISTRY, _CALLBACK = 1, 2, 3
_IDLED = 0
"""The event, of both notifiers; the other one is that there is input again."""
_NOTIFIERS = ("ext_idle_notifier_v1", "org_kde_kwin_idle")


class WaylandIdle:
    """One session; all its seats."""

    def __init__(
        self, display: str, runtime: str, clock: Clock, quiet: int = QUIET_MILLISECONDS
    ) -> None:
        """Set it up; it connects when it is first asked.

        Args:
            display: ``wayland-0``, or a whole path.
            runtime: XDG_RUNTIME_DIR.
            clock: The clocks.
            quiet: Milliseconds without input until the compositor says so.
        """
        self.name = f"keyboard and mouse (Wayland {display})"
        self._path = os.path.join(runtime, display)
        self._clock = clock
        self._quiet = quiet
        self._wire = Wire()
        self._globals: dict[str, list[tuple[int, int]]] = {}
        self._quiet_from: dict[int, float | None] = {}
        """For each notification the last touch, or None while somebody is at it."""

    def look(self) -> float:
        """Seconds.

        Raises:
            Absent: the compositor has no idle notification (GNOME: Mutter tells it over D-Bus).
            Unseen: it does not answer, or went away.
        """
        with self._translated():
            if not self._wire.is_open:
                self._open()
            self._round_trip()
        now = self._clock.monotonic()
        return min(0.0 if t is None else max(0.0, now - t) for t in self._quiet_from.values())

    def close(self) -> None:
        """Let go of the session."""
        self._wire.close()
        self._globals, self._quiet_from = {}, {}

    def begin(self) -> None:
        """Connect, for ``wait``; raises as ``look``."""
        with self._translated():
            self._open()
            self._round_trip()

    def wait(self) -> None:
        """Wait for the next input after some quiet, however long.

        Raises:
            Unseen: it went away, or somebody hung up.
        """
        with self._translated():
            self._wire.be_patient()
            while True:
                for sender, opcode, body in self._wire.receive():
                    self._hear(sender, opcode, body)
                    if sender in self._quiet_from and opcode != _IDLED:
                        return

    def hang_up(self) -> None:
        """From another thread: end ``wait``."""
        self._wire.hang_up()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            self.close()
            raise Unseen(f"the compositor did not answer in {ANSWER_SECONDS:g} s") from None
        except (OSError, struct.error, ValueError) as exc:
            self.close()
            raise Unseen(f"the Wayland session went away: {exc}") from exc

    def _open(self) -> None:
        self._wire.open(self._path, ANSWER_SECONDS)
        self._wire.send(_DISPLAY, 1, struct.pack("=I", _REGISTRY))  # get_registry
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
                body = struct.pack("=III", notification, self._quiet, seat)
                self._wire.send(notifier, 1, body)
            else:  # get_idle_timeout
                body = struct.pack("=III", notification, seat, self._quiet)
                self._wire.send(notifier, 0, body)
            self._quiet_from[notification] = None

    def _bind(self, interface: str, name: int, number: int) -> None:
        body = struct.pack("=I", name) + text(interface) + struct.pack("=II", 1, number)
        self._wire.send(_REGISTRY, 0, body)

    def _round_trip(self) -> None:
        """Ask for a sign that everything was said, and hear all of it (wl_display.sync)."""
        self._wire.send(_DISPLAY, 0, struct.pack("=I", _CALLBACK))
        end = self._clock.monotonic() + ANSWER_SECONDS
        while True:
            said = self._wire.receive()
            for sender, opcode, body in said:
                self._hear(sender, opcode, body)
            if any(sender == _CALLBACK for sender, _, _ in said):
                return
            if self._clock.monotonic() > end:
                raise TimeoutError

    def _hear(self, sender: int, opcode: int, body: bytes) -> None:
        if sender == _DISPLAY and opcode == 0:
            raise OSError(f"it refused: {body[12:].rstrip(bytes(1)).decode(errors='replace')}")
        if sender == _REGISTRY and opcode == 0:
            name, length = struct.unpack_from("=II", body)
            interface = body[8 : 8 + length - 1].decode(errors="replace")
            (version,) = struct.unpack("=I", body[-4:])
            self._globals.setdefault(interface, []).append((name, version))
        elif sender in self._quiet_from:
            idled = opcode == _IDLED
            quiet = self._clock.monotonic() - self._quiet / 1000
            self._quiet_from[sender] = quiet if idled else None


class WaylandTouch(OneTouch):
    """The next input of one session."""

    def __init__(self, display: str, runtime: str, clock: Clock) -> None:
        """Set it up, as ``WaylandIdle``; it connects when it is armed."""
        super().__init__("wayland")
        self._session = WaylandIdle(display, runtime, clock, TOUCH_MILLISECONDS)

    def _begin(self) -> None:
        try:
            self._session.begin()
        except Absent as exc:
            raise Unseen(str(exc)) from exc

    def _wait(self) -> None:
        self._session.wait()

    def _hang_up(self) -> None:
        self._session.hang_up()

    def _end(self) -> None:
        self._session.close()
