"""Key and mouse of a real Wayland session (sway without a screen), and of one that lies."""

from __future__ import annotations

import socket
import struct
import threading
from typing import TYPE_CHECKING

import pytest

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.sensors.probe import Absent, Unseen
from tests.fakes import FakeClock
from tests.unit.sensors.conftest import DEADLINE, wait_until
from tests.unit.sensors.sway import session  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.sensors.sway import Session

from jobman_agent.sensors.wayland_linux import WaylandIdle, WaylandTouch


def test_idle_time_grows_from_the_last_key_on_and_a_key_resets_it(
    session: Session,  # noqa: F811 - the fixture
) -> None:
    probe = WaylandIdle(session.display, session.folder, SYSTEM_CLOCK)
    assert probe.look() == 0.0

    wait_until(lambda: probe.look() >= 1.5)
    session.types("a")
    assert probe.look() == 0.0
    typed = SYSTEM_CLOCK.monotonic()
    idle = wait_until(probe.look)

    assert idle <= SYSTEM_CLOCK.monotonic() - typed + 0.3
    assert idle >= 0.9
    probe.close()


def test_the_first_key_is_an_event_and_so_is_a_compositor_that_goes_away(
    session: Session,  # noqa: F811 - the fixture
) -> None:
    touch, told = WaylandTouch(session.display, session.folder, SYSTEM_CLOCK), threading.Event()

    for _ in range(2):
        told.clear()
        touch.arm(told.set)
        assert not told.wait(0.5)  # it is heard only where some quiet came first
        session.types("a")
        assert told.wait(DEADLINE)
        wait_until(lambda: touch._thread is None)
    assert touch.broken == ""

    told.clear()
    touch.arm(told.set)
    assert not told.wait(0.5)
    session.end()
    assert told.wait(DEADLINE)
    assert "went away" in touch.broken
    touch.close()


def test_a_touch_that_nobody_waits_for_any_more_ends(
    session: Session,  # noqa: F811 - the fixture
) -> None:
    touch, told = WaylandTouch(session.display, session.folder, SYSTEM_CLOCK), threading.Event()
    touch.arm(told.set)
    wait_until(lambda: touch._session._wire.is_open)

    touch.close()

    wait_until(lambda: touch._thread is None)
    assert not told.is_set()


def test_a_session_that_is_not_there_is_unknown() -> None:
    with pytest.raises(Unseen, match="went away"):
        WaylandIdle("wayland-9", "/nonexistent", SYSTEM_CLOCK).look()


class Compositor:
    """One end of the wire, saying what the test says."""

    def __init__(self, folder: Path, *answers: bytes) -> None:
        self.clock = FakeClock()
        self.probe = WaylandIdle("wayland-t", str(folder), self.clock)
        self._answers = list(answers)
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(folder / "wayland-t"))
        self._door.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with self._door:
            link, _ = self._door.accept()
            with link:
                said = b""
                while more := link.recv(4096):
                    said += more
                    said, syncs = after_whole_requests(said)
                    for _ in range(syncs):
                        if not self._answers:
                            return
                        link.sendall(self._answers.pop(0))


def after_whole_requests(said: bytes) -> tuple[bytes, int]:
    """What is left of the next request, and how many of the whole ones are wl_display.sync."""
    syncs = 0
    while len(said) >= 8:
        target, head = struct.unpack_from("=II", said)
        if len(said) < head >> 16:
            break
        syncs += (target, head & 0xFFFF) == (1, 0)
        said = said[head >> 16 :]
    return said, syncs


def message(sender: int, opcode: int, body: bytes = b"") -> bytes:
    return struct.pack("=II", sender, (len(body) + 8) << 16 | opcode) + body


def has(name: int, interface: str, version: int = 1) -> bytes:
    text = interface.encode() + b"\0"
    padded = struct.pack("=I", len(text)) + text + bytes(-len(text) % 4)
    return message(2, 0, struct.pack("=I", name) + padded + struct.pack("=I", version))


DONE = message(3, 0, struct.pack("=I", 0))
GLOBALS = has(1, "wl_seat") + has(2, "ext_idle_notifier_v1")
IDLED, RESUMED = message(6, 0), message(6, 1)


def test_between_two_looks_the_last_touch_is_put_as_late_as_it_can_have_been(
    tmp_path: Path,
) -> None:
    one = Compositor(tmp_path, GLOBALS + DONE, DONE, DONE + IDLED, DONE, RESUMED + IDLED + DONE)

    said = []
    for _ in range(4):
        said.append(one.probe.look())
        one.clock.advance(10)

    assert said == [0.0, 1.0, 11.0, 1.0]
    one.probe.close()


@pytest.mark.parametrize(
    "answer",
    [b"\0" * 8, message(3, 0)[:6], message(1, 0, b"\1\0\0\0\0\0\0\0\4\0\0\0bad\0"), b"\xff" * 64],
)
def test_what_a_compositor_says_in_error_is_unknown(answer: bytes, tmp_path: Path) -> None:
    one = Compositor(tmp_path, answer)

    with pytest.raises(Unseen):
        one.probe.look()


def test_a_compositor_without_idle_notification_is_no_source(tmp_path: Path) -> None:
    one = Compositor(tmp_path, has(1, "wl_seat") + DONE)

    with pytest.raises(Absent):
        one.probe.look()
