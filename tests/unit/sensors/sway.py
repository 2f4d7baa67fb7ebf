"""A real Wayland session that nobody looks at: sway without a screen, keys by wtype."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.sensors.conftest import DEADLINE, need, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534
CONFIG = "output HEADLESS-1 resolution 640x480\nxwayland disable\n"


class Session:
    """A sway session in a folder of its own."""

    def __init__(self, folder: str, env: dict[str, str]) -> None:
        self.folder = folder
        self.display = ""
        self._env = env
        self._sway: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the compositor (again), by the name that it had."""
        self._sway = subprocess.Popen(  # type: ignore[call-overload]
            ["sway", "-c", f"{self.folder}/config"],
            env=self._env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **as_user(),
        )
        sockets = wait_until(
            lambda: [
                path.name for path in Path(self.folder).glob("wayland-*") if path.suffix != ".lock"
            ]
        )
        self.display = sockets[0]

    def end(self) -> None:
        """Take it away."""
        if self._sway is not None:
            self._sway.kill()
            self._sway.wait()
            self._sway = None
            for left in Path(self.folder).glob("wayland-*"):
                left.unlink()

    def types(self, text: str) -> None:
        """Press keys."""
        env = self._env | {"WAYLAND_DISPLAY": self.display}
        subprocess.run(["wtype", text], env=env, check=True, timeout=DEADLINE, **as_user())


def as_user() -> dict[str, int]:
    """Sway refuses to run as root."""
    return {"user": NOBODY, "group": NOBODY} if os.getuid() == 0 else {}


@pytest.fixture
def session() -> Iterator[Session]:
    """A fresh one."""
    need("sway", "wtype")
    # The folders of pytest are closed to others, and a socket's path may have 107 bytes.
    folder = subprocess.run(
        ["mktemp", "-d"], capture_output=True, text=True, check=True
    ).stdout.strip()
    with open(f"{folder}/config", "w", encoding="utf-8") as file:
        file.write(CONFIG)
    if os.getuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        os.chown(f"{folder}/config", NOBODY, NOBODY)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": folder,
        "XDG_RUNTIME_DIR": folder,
        "WLR_BACKENDS": "headless",
        "WLR_RENDERER": "pixman",
        "WLR_LIBINPUT_NO_DEVICES": "1",
    }
    one = Session(folder, env)
    try:
        one.start()
        yield one
    finally:
        one.end()
        shutil.rmtree(folder, ignore_errors=True)
