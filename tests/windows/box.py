"""Make a Windows that tests can start: a Wine prefix, Windows' own CPython and the wheels.

    python -m tests.windows.box [WORD...]     make it and say where it is, or run a program in it

The word ``python`` stands for Windows' Python. The box is kept in the user's cache folder
(JOBMAN_TEST_CACHE moves it) under a name that changes with what it is made of: the Python, the
project's requirements, Wine's version. Nobody writes there once it is made: `tests.windows.pc`
gives every session a Windows of its own, whose large files are links to those in the box.

JOBMAN_TEST_WINDOWS_PYTHON is 3.13, which the Windows setup brings, or 3.11.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from platformdirs import user_cache_path

from installer.windows_python import VERSION, make_python
from tests.windows.wine import (
    SIZE,
    XServer,
    clean_environment,
    end_wine,
    need_programs,
    wine_version,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

CLONE = Path(__file__).parents[2]
PYTHON = os.environ.get("JOBMAN_TEST_WINDOWS_PYTHON", VERSION)
RECIPE = 2
"""To be raised when this file makes something else of the same requirements."""
OLD_S = 14 * 86400.0
PATIENCE_S = 280.0
_NOT_THERE = ("pytest-xdist",)
"""The suite runs in one process there."""
# One virtual desktop with a taskbar, as large as its X server: then every key and click on that
# server goes to Windows, and counts for GetLastInputInfo.
_REGISTRY = f"""\
REGEDIT4

[HKEY_CURRENT_USER\\Software\\Wine]
"Version"="win10"

[HKEY_CURRENT_USER\\Software\\Wine\\Explorer]
"Desktop"="Default"

[HKEY_CURRENT_USER\\Software\\Wine\\Explorer\\Desktops]
"Default"="{SIZE}"

[HKEY_CURRENT_USER\\Software\\Wine\\Explorer\\Desktops\\Default]
"EnableShell"=dword:00000001

[HKEY_CURRENT_USER\\Software\\Wine\\WineDbg]
"ShowCrashDialog"=dword:00000000
"""
# Programs of Rust 1.78 or later need this one function of a DLL that Wine 8 lacks; Wine 10 has it.
_RANDOM_DLL = """\
#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size)
{
    return RtlGenRandom(data, size);
}
"""
# What ends a program under Wine 8, and is left out: platform.uname() asks WMI, and shutil.copy2()
# uses CopyFile2, both from Python 3.12 on.
_WITHOUT = """\
import _winapi, sys
sys.modules["_wmi"] = None
if hasattr(_winapi, "CopyFile2"):
    del _winapi.CopyFile2
"""


def make_box() -> Path:
    """The box, made now if it is not there: ``python/python.exe`` and ``prefix/``.

    Raises:
        LookupError: a program that it takes is not installed.
        RuntimeError: the compiler or Wine failed; with its last lines.
        subprocess.CalledProcessError: pip failed, and has said why.
    """
    need_programs()
    wanted = requirements()
    recipe = f"{RECIPE} {PYTHON} {wanted} {wine_version()} {_REGISTRY}"
    box = cache() / hashlib.sha256(recipe.encode()).hexdigest()[:12]
    cache().mkdir(parents=True, exist_ok=True)
    with FileLock(f"{box}.lock", timeout=PATIENCE_S):
        if not box.exists():
            _forget_old()
            new = Path(f"{box}.new")
            shutil.rmtree(new, ignore_errors=True)
            _make_python(new / "python", wanted)
            _make_prefix(new / "prefix")
            new.rename(box)
    os.utime(box)
    return box


def cache() -> Path:
    """Where boxes are kept."""
    given = os.environ.get("JOBMAN_TEST_CACHE")
    return Path(given) if given else user_cache_path("jobman-tests", appauthor=False)


def requirements() -> list[str]:
    """What the project and its tests need on Windows, from pyproject.toml."""
    project = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))
    named = [*project["project"]["dependencies"], *project["dependency-groups"]["test"]]
    return [line for line in named if not line.startswith(_NOT_THERE)]


def _forget_old() -> None:
    for old in cache().iterdir():
        with suppress(OSError):
            if old.is_dir() and old.stat().st_mtime < time.time() - OLD_S:
                shutil.rmtree(old)


def _make_python(python: Path, wanted: list[str]) -> None:
    make_python(python, wanted, PYTHON)
    # With it, PYTHONPATH and the folder of a script would not count.
    (python / f"python{PYTHON.replace('.', '')}._pth").unlink()
    (python / "Lib" / "site-packages" / "sitecustomize.py").write_text(_WITHOUT)


def _must(words: list[str], env: Mapping[str, str] | None = None) -> None:
    """Run a program; what it says is shown only if it fails."""
    done = subprocess.run(
        words,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-20:])
        raise RuntimeError(f"{' '.join(words)} failed ({done.returncode}):\n{last}")


def _make_prefix(prefix: Path) -> None:
    prefix.mkdir(parents=True)
    (prefix / "home").mkdir()
    with XServer() as display:
        env = clean_environment(prefix, display)
        settings = prefix / "settings.reg"
        settings.write_text(_REGISTRY)
        try:
            _must(["wine", "wineboot", "-i"], env)
            _must(["wine", "regedit", "/S", f"Z:{settings}"], env)
        finally:
            end_wine(prefix)
    dll = prefix / "drive_c/windows/system32/bcryptprimitives.dll"
    if not dll.exists():
        source = prefix / "random.c"
        source.write_text(_RANDOM_DLL)
        _must(["x86_64-w64-mingw32-gcc", "-shared", "-Os", "-s", "-o", str(dll), str(source)])


def main(words: list[str]) -> int:
    """Make the box; run a program in it."""
    from tests.windows.pc import WindowsPC

    started = time.monotonic()
    box = make_box()
    if not words:
        print(f"{box} is ready ({time.monotonic() - started:.0f} s)")
        return 0
    with WindowsPC(box) as pc:
        words = [pc.python if word == "python" else word for word in words]
        process = pc.start(*words, cwd=Path.cwd())
        assert process.stdout is not None
        with process.stdout as out:
            while piece := os.read(out.fileno(), 65536):
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
        return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
