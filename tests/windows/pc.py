"""A Windows PC for tests: programs are started in it, keys pressed, files looked at.

Each is a copy of the box's prefix, made in a moment because its large files are links, with an X
server of its own. So several can be there side by side.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.windows.box import CLONE, PYTHON
from tests.windows.wine import SIZE, XServer, clean_environment, end_wine

if TYPE_CHECKING:
    from collections.abc import Mapping

_LINKED = Path("drive_c/windows")
"""Wine writes nothing into the files below; they are 0.6 GB."""
_DRAIN_S = 2.0
_DESKTOP_S = 30.0


class WindowsPC:
    """One PC, on until `close`.

    Attributes:
        profile: ``C:\\Users\\NAME``, as a path of this machine.
        python: Windows' CPython, as Windows names it.
        env: What programs are started with; Windows adds its own to it.
    """

    def __init__(self, box: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pc-", dir=box.parent))
        self.prefix = self._folder / "prefix"
        _copy_prefix(box / "prefix", self.prefix)
        self._screen = XServer()
        self._desktop: subprocess.Popen[bytes] | None = None
        self.env = clean_environment(self.prefix, self._screen.start())
        self.python = windows_path(box / "python" / "python.exe")
        self.env |= {
            "PYTHONPATH": windows_path(CLONE),
            "JOBMAN_TRAY_SHOW": "no",
            "PYTHONPYCACHEPREFIX": windows_path(box / f"bytecode-{PYTHON}"),
        }
        users = self.prefix / "drive_c" / "users"
        (self.profile,) = [one for one in users.iterdir() if one.name != "Public"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(
        self,
        *words: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdout: int | None = subprocess.PIPE,
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start a program; its stdout and stderr come together.

        They are one pipe or nothing: Windows' Python does not start with files in Wine.

        Args:
            words: Program and arguments, as Windows understands them.
            env: What to add to its environment.
            cwd: Its folder, as a path of this machine.
            stdout: Where both go.
            stdin: What it reads.
        """
        return subprocess.Popen(
            ["wine", *words],
            env={**self.env, **(env or {})},
            cwd=cwd or self._folder,
            stdin=stdin,
            stdout=stdout,
            stderr=None if stdout is None else subprocess.STDOUT,
            start_new_session=True,
        )

    def run(
        self, *words: str, env: Mapping[str, str] | None = None, timeout: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; what it printed, and its exit code."""
        process = self.start(*words, env=env)
        pieces: list[bytes] = []
        reader = threading.Thread(target=_read, args=(process, pieces), daemon=True)
        reader.start()
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        reader.join(_DRAIN_S)  # for ever, if what it leaves running holds the pipe
        text = b"".join(pieces).decode(errors="replace").replace("\r\n", "\n")
        return subprocess.CompletedProcess(words, code, text)

    def log_in(self) -> None:
        """Show the desktop, as after a login: before that Windows sees no key and no mouse."""
        words = ("explorer", f"/desktop=Default,{SIZE}")
        self._desktop = self.start(*words, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + _DESKTOP_S
        while not self._windows("explorer.exe"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no desktop within {_DESKTOP_S:.0f} s")
            if self._desktop.poll() is not None:  # a Wine that was just ending took it along
                self._desktop = self.start(*words, stdout=subprocess.DEVNULL)
            time.sleep(0.1)

    def _windows(self, of: str) -> list[str]:
        """Numbers of windows that can be seen, of one program."""
        env = {**os.environ, "DISPLAY": self.env["DISPLAY"]}
        words = ["xdotool", "search", "--onlyvisible", "--class", of]
        found = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
        return found.stdout.split()

    def xdotool(self, *words: str) -> str:
        """Work keyboard and mouse: ``xdotool("key", "a")``."""
        env = {**os.environ, "DISPLAY": self.env["DISPLAY"]}
        return subprocess.check_output(["xdotool", *words], env=env, text=True)

    def end_programs(self) -> None:
        """End every program, as when the PC is switched off; the next `start` switches it on."""
        end_wine(self.prefix)
        if self._desktop is not None:
            self._desktop.wait()
            self._desktop = None

    def close(self) -> None:
        """Switch it off for good."""
        self.end_programs()
        self._screen.end()
        shutil.rmtree(self._folder, ignore_errors=True)


def _read(process: subprocess.Popen[bytes], pieces: list[bytes]) -> None:
    assert process.stdout is not None
    with process.stdout as out:
        while piece := os.read(out.fileno(), 65536):
            pieces.append(piece)


def windows_path(path: Path) -> str:
    """A path of this machine as Windows names it."""
    return "Z:" + str(path.resolve()).replace("/", "\\")


def _copy_prefix(source: Path, target: Path) -> None:
    linked = str(source / _LINKED)

    def copy(one: str, to: str) -> None:
        if one.startswith(linked):
            os.link(one, to)
        else:
            shutil.copy2(one, to)

    shutil.copytree(source, target, symlinks=True, copy_function=copy)
