"""Wine and its X server, as plain as they are."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SIZE = "1024x768"
PROGRAMS = {
    "wine": "wine",
    "Xvfb": "xvfb",
    "xdotool": "xdotool",
    "x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64-win32",
}
"""What it takes, and the Debian package of each."""


def need_programs() -> None:
    """Raise LookupError with what to install, if anything is missing."""
    missing = [package for name, package in PROGRAMS.items() if shutil.which(name) is None]
    if missing:
        raise LookupError(f"needs {', '.join(missing)} (python installer/bootstrap.py test)")


def wine_version() -> str:
    """As Wine tells it; another version makes other prefixes."""
    words = ["wine", "--version"]  # on stderr Debian's misses the 32-bit half, which is not needed
    return subprocess.check_output(words, text=True, stderr=subprocess.DEVNULL).strip()


def clean_environment(prefix: Path, display: str) -> dict[str, str]:
    """An environment for programs in a prefix, with nothing of this user's own settings."""
    kept = ("PATH", "LANG", "TMPDIR", "USER", "LOGNAME", "CI")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        # A home of its own: Wine links Desktop, Documents and the like to what it finds there.
        "HOME": str(prefix / "home"),
        "DISPLAY": display,
        "WINEPREFIX": str(prefix),
        "WINEARCH": "win64",
        "WINEDEBUG": os.environ.get("WINEDEBUG", "-all"),
        # No offers to fetch Mono or Gecko, no entries in a menu of this machine.
        "WINEDLLOVERRIDES": "mscoree=;mshtml=;winemenubuilder.exe=",
        "PYTHONUTF8": "1",
    }


def end_wine(prefix: Path) -> None:
    """End every program of a prefix, and wait until none is left."""
    server = shutil.which("wineserver") or "/usr/lib/wine/wineserver"
    env = {**os.environ, "WINEPREFIX": str(prefix)}
    for word in ("-k", "-w"):
        subprocess.run([server, word], env=env, check=False, stderr=subprocess.DEVNULL)


class XServer:
    """An X server of its own on a free number, as large as the virtual desktop of Wine."""

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self) -> str:
        """Start it; its display."""
        read, write = os.pipe()
        words = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{SIZE}x24", "-nolisten", "tcp"]
        self._process = subprocess.Popen(
            words,
            pass_fds=[write],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(write)
        with os.fdopen(read) as pipe:
            number = pipe.readline().strip()
        if not number:
            self.end()
            raise RuntimeError("Xvfb did not start")
        return f":{number}"

    def end(self) -> None:
        """End it; Wine's programs must have ended before."""
        self._process.terminate()
        self._process.wait()
