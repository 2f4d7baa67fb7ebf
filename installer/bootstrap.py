#!/usr/bin/env python3
"""Set jobman up from a fresh clone, with nothing but Python and git.

    python3 installer/bootstrap.py test    install what the tests need, run the whole suite

The standard library only. Can be run as often as you like.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

CLONE = Path(__file__).resolve().parent.parent
ENVIRONMENT = CLONE / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(*command: str | Path) -> None:
    print("+", *command, flush=True)
    subprocess.run([str(word) for word in command], cwd=CLONE, check=True)


def make_environment() -> None:
    if not PYTHON.exists():
        print(f"making an environment in {ENVIRONMENT}", flush=True)
        venv.create(ENVIRONMENT, with_pip=True)
    run(PYTHON, "-m", "pip", "install", "--quiet", "--upgrade", "pip>=25.1")
    run(PYTHON, "-m", "pip", "install", "--quiet", "--group", "dev", "--editable", ".")


def check() -> None:
    scripts = PYTHON.parent
    run(scripts / "ruff", "check", ".")
    run(scripts / "ruff", "format", "--check", ".")
    run(scripts / "lint-imports")
    for platform in ("linux", "darwin", "win32"):
        run(PYTHON, "-m", "mypy", "--platform", platform)
    run(PYTHON, "-m", "pytest")


def main(argv: list[str]) -> int:
    if argv != ["test"]:
        print(__doc__)
        return 2
    make_environment()
    try:
        check()
    except subprocess.CalledProcessError as exc:
        print(f"failed: {' '.join(exc.cmd)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
