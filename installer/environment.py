"""Make a virtual environment and install into it with pip, with errors that people can read."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import system_packages
from talk import CannotContinue, say

if TYPE_CHECKING:
    from pathlib import Path

_UNREACHABLE = (
    "NewConnectionError",
    "Temporary failure in name resolution",
    "getaddrinfo failed",
    "Name or service not known",
    "nodename nor servname",
    "Network is unreachable",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProxyError",
)
_LINES_OF_AN_ERROR = 15


def python_in(folder: Path) -> Path:
    """Where an environment keeps its interpreter."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make(folder: Path, base: str | None = None) -> Path:
    """The interpreter of a working environment in ``folder``; made if there is none.

    With ``base`` that interpreter is used, and what its system installed can be imported.

    Raises:
        CannotContinue: the environment cannot be made here, and how it could.
    """
    python = python_in(folder)
    if works(python):
        say(f"using the environment in {folder}")
        return python
    if base is None and importlib.util.find_spec("ensurepip") is None:
        system_packages.install_venv()
    say(f"making an environment in {folder}")
    command = [base or sys.executable, "-m", "venv", "--clear", str(folder)]
    if base:
        command.insert(3, "--system-site-packages")
    done = subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        raise CannotContinue(f"cannot make an environment in {folder}:\n{done.stdout.strip()}")
    return python


def works(python: Path) -> bool:
    """Whether this is an interpreter that runs, is new enough, and has pip."""
    program = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        done = subprocess.run([str(python), "-c", program], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def install(python: Path, *what: str | Path, stamp: Path | None = None) -> None:
    """Install with pip; with ``stamp``, only if that file changed since the last time.

    Raises:
        CannotContinue: pip could not, and why.
    """
    mark = python.parent.parent / "bootstrap.sha256"
    digest = hashlib.sha256(stamp.read_bytes()).hexdigest() if stamp else ""
    if stamp and mark.exists() and mark.read_text(encoding="ascii") == digest:
        say("jobman is installed already")
        return
    mark.unlink(missing_ok=True)
    say("installing with pip: a minute or less the first time")
    pip(python, "install", *(str(word) for word in what))
    if stamp:
        mark.write_text(digest, encoding="ascii")


def pip(python: Path, *words: str) -> None:
    """Run pip, silent unless it fails.

    Raises:
        CannotContinue: in one line when the network is not there, else with pip's last lines.
    """
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
    command = [str(python), "-m", "pip", *words, *quiet]
    done = subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        raise CannotContinue(explain(done.stdout))


def explain(output: str) -> str:
    """What pip's output means for the person who reads it."""
    if any(sign in output for sign in _UNREACHABLE):
        return (
            "pip cannot reach its package index. Is this PC online? Behind a proxy set "
            "HTTPS_PROXY, with an index of your own PIP_INDEX_URL, then run this again."
        )
    lines = [line for line in output.strip().splitlines() if line.strip()]
    return "pip failed:\n" + "\n".join(lines[-_LINES_OF_AN_ERROR:])
