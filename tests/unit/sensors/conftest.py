"""A real X server, a real Wayland session and a real D-Bus with mock services, where installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEADLINE = 20.0
collect_ignore = (
    ["test_windows.py"]
    if sys.platform == "linux"
    else [
        "test_battery.py",
        "test_dbus.py",
        "test_departures.py",
        "test_wayland.py",
        "test_x11.py",
    ]
)
if sys.platform == "darwin":
    collect_ignore.append("test_windows.py")


def need(*programs: str) -> None:
    """Skip at home, fail in CI, where a program is not installed."""
    missing = [name for name in programs if shutil.which(name) is None]
    if not missing:
        return
    text = f"needs {', '.join(missing)} (python bootstrap.py test installs it)"
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)


def wait_until(what: Callable[[], object], deadline: float = DEADLINE) -> Any:
    """Wait for something to be true; what it says then."""
    end = time.monotonic() + deadline
    while not (found := what()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return found


class Desktop:
    """An X server that nobody looks at."""

    def __init__(self, process: subprocess.Popen[bytes], display: str) -> None:
        self.process = process
        self.display = display

    def does(self, *arguments: str) -> None:
        """Press keys and move the mouse, as xdotool says it."""
        env = {**os.environ, "DISPLAY": self.display}
        subprocess.run(["xdotool", *arguments], env=env, check=True, timeout=DEADLINE)

    def end(self) -> None:
        """Take it away."""
        self.process.kill()
        self.process.wait()
        # A killed server leaves its socket; one that ends takes it along.
        Path(f"/tmp/.X11-unix/X{self.display[1:]}").unlink(missing_ok=True)
        Path(f"/tmp/.X{self.display[1:]}-lock").unlink(missing_ok=True)


@pytest.fixture
def desktop() -> Iterator[Desktop]:
    """A fresh one."""
    need("Xvfb", "xdotool")
    far, near = os.pipe()
    command = ["Xvfb", "-displayfd", str(near), "-screen", "0", "640x480x24", "-nolisten", "tcp"]
    with subprocess.Popen(
        command, pass_fds=(near,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        os.close(near)
        with open(far, "rb") as told:  # the number, and only then the end of the line
            number = told.readline().decode().strip()
        one = Desktop(process, f":{number}")
        try:
            yield one
        finally:
            one.end()


class MockBus:
    """A bus of our own that is both session and system bus, and python-dbusmock's services."""

    def __init__(self, address: str, folder: Path, kill: Callable[[], None]) -> None:
        self.address = address
        self.kill = kill
        self._folder = folder
        self._services: list[subprocess.Popen[bytes]] = []

    def serve(self, name: str, path: str, interface: str) -> Service:
        """Start a service without any methods."""
        return self._start(name, path, name, path, interface)

    def serve_template(self, template: str, name: str, path: str) -> Service:
        """Start a service that python-dbusmock knows."""
        return self._start(name, path, "--template", template)

    def end(self) -> None:
        for process in self._services:
            process.kill()
            process.wait()

    def _start(self, name: str, path: str, *arguments: str) -> Service:
        buses = ("DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS")
        log = (self._folder / f"{name}.log").open("wb")
        process = subprocess.Popen(
            [python_with_mock(), "-m", "dbusmock", *arguments],
            env={**os.environ, **dict.fromkeys(buses, self.address)},
            stdout=log,
            stderr=log,
        )
        log.close()
        self._services.append(process)
        service = Service(self.address, name, path, process)
        wait_until(lambda: service.is_up() or process.poll() is not None)
        assert process.poll() is None, (self._folder / f"{name}.log").read_text()
        return service


class Service:
    """One mock service, told what to say."""

    def __init__(self, address: str, name: str, path: str, process: subprocess.Popen[bytes]):
        self._address = address
        self.name = name
        self.path = path
        self.process = process

    def is_up(self) -> bool:
        with contextlib.suppress(Exception):
            self.call("Peer.Ping", interface="org.freedesktop.DBus")
            return True
        return False

    def says(self, interface: str, method: str, takes: str, gives: str, code: str) -> None:
        """Let a method answer with a Python expression: ``ret = 3000``."""
        self.call("AddMethod", "sssss", (interface, method, takes, gives, code))

    def calls(self, method: str) -> int:
        """How often a method of the service was called."""
        (found,) = self.call("GetMethodCalls", "s", (method,))
        return len(found)

    def call(
        self,
        method: str,
        signature: str | None = None,
        body: tuple[Any, ...] = (),
        *,
        path: str | None = None,
        interface: str = "org.freedesktop.DBus.Mock",
    ) -> tuple[Any, ...]:
        from jeepney import DBusAddress, MessageType, new_method_call
        from jeepney.io.blocking import open_dbus_connection

        inner, _, name = method.rpartition(".")
        where = f"{interface}.{inner}" if inner else interface
        address = DBusAddress(path or self.path, bus_name=self.name, interface=where)
        with open_dbus_connection(self._address) as link:
            message = new_method_call(address, name, signature, body)
            reply = link.send_and_get_reply(message, timeout=DEADLINE)
        assert reply.header.message_type is not MessageType.error, reply.body
        return tuple(reply.body)


def python_with_mock() -> str:
    """The interpreter that has python-dbusmock: Debian's own."""
    for python in ("/usr/bin/python3", sys.executable):
        found = subprocess.run([python, "-c", "import dbusmock"], capture_output=True, check=False)
        if found.returncode == 0:
            return python
    return ""


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MockBus]:
    """A fresh bus."""
    need("dbus-daemon")
    if sys.platform != "linux" or not Path("/usr/bin/python3").exists() or not python_with_mock():
        need("python3-dbusmock")
    command = ["dbus-daemon", "--session", "--nofork", "--print-address=1", "--nopidfile"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as daemon:
        assert daemon.stdout is not None
        address = daemon.stdout.readline().decode().strip()
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        one = MockBus(address, tmp_path, daemon.kill)
        try:
            yield one
        finally:
            one.end()
            daemon.kill()
