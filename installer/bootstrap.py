#!/usr/bin/env python3
r"""Set jobman up from a fresh clone, with nothing but Python 3.11 or later and git.

    python3 installer/bootstrap.py demo       make an environment in .venv, install jobman there,
                                              and run the main example with two workers
    python3 installer/bootstrap.py test       install what the tests need, run every check
    python3 installer/bootstrap.py install    install jobman for you, with `jobman` on your PATH
    python3 installer/bootstrap.py windows-setup
                                              build dist/jobman-setup.exe, on Linux
    python3 installer/bootstrap.py deb        build dist/jobman-agent_VERSION_ARCH.deb, on Debian

On Windows: py installer\bootstrap.py demo. All can be run as often as you like. Each says what
it does. Uses the standard library only. Exit codes: 0 done; 1 a check failed, or what `jobman
demo` returned; 2 something is missing, and the message says what; 130 Ctrl-C.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 (whoever reads this message has an older one)
    sys.exit(f"jobman needs Python 3.11 or later; {sys.executable} is {sys.version.split()[0]}.")

import environment
import on_path
import system_packages
from talk import CannotContinue, say

CLONE = Path(__file__).resolve().parent.parent
PLATFORMS = ("linux", "darwin", "win32")


def demo() -> int:
    """Install into .venv and run `jobman demo`; its output and exit code are handed on."""
    python = prepared_environment()
    environment.install(python, "--editable", CLONE, stamp=CLONE / "pyproject.toml")
    say(f"jobman is installed as {python.parent / 'jobman'}")
    return run_through([str(python), "-m", "jobman_agent", "demo"])


def test() -> int:
    """Install what the tests need and run every check; pytest's closing line comes last."""
    system_packages.offer_for_tests()
    python = prepared_environment()
    say("installing what development needs")
    environment.pip(python, "install", "--upgrade", "pip>=25.1")  # the first with --group
    environment.install(python, "--group", "dev", "--editable", CLONE)
    make_tray_environment()
    failed = [name for name, command in checks(python) if not passes(name, command)]
    code, closing_line = run_pytest(python)
    if code:
        failed.append("pytest")
    if failed:
        say(f"failed: {', '.join(failed)}")
        print(closing_line, flush=True)
    return 1 if failed else 0


def install() -> int:
    """Give this user an environment with jobman in it, and the command on PATH."""
    home = on_path.user_data_folder() / "environment"
    system_python = system_packages.python_with_tray()
    if system_python:
        say(f"using {system_python} and its GTK bindings, so that the tray has a menu")
    python = environment.make(home, system_python)
    say(f"installing jobman into {home}")
    environment.install(python, "--upgrade", CLONE)
    command = on_path.publish(python.parent)
    say(subprocess.check_output([str(command), "--version"], text=True).strip())
    say(f"installed as {command}. What to try next:")
    print("  jobman demo                                  the whole chain on this PC")
    print("  jobman new my-job                            a job folder to start from")
    print("  jobman work --pool URL --trust NAME=KEY      lend this PC to a colleague")
    return 0


def windows_setup() -> int:
    """Build the Windows setup; what it takes beyond Python, it names itself."""
    python = prepared_environment()
    environment.pip(python, "install", "--upgrade", "pip>=25.1")  # the first with --group
    environment.install(python, "--group", "build", "--editable", CLONE)
    return run_through([str(python), str(CLONE / "installer" / "windows_setup.py")])


def deb() -> int:
    """Build the package for Debian and Ubuntu."""
    python = prepared_environment()
    environment.install(python, "--editable", CLONE, stamp=CLONE / "pyproject.toml")
    return run_through([str(python), str(CLONE / "installer" / "build_deb.py")])


def make_tray_environment() -> None:
    """An environment in which the tray's tests run: GTK's bindings are the system's Python's."""
    system_python = system_packages.python_with_tray()
    if system_python is None:
        say("no GTK bindings for Python here: tests of the tray are skipped")
        return
    python = environment.make(CLONE / ".venv" / "with-gtk", system_python)
    environment.install(python, "--editable", CLONE, stamp=CLONE / "pyproject.toml")


def prepared_environment() -> Path:
    """The Python of the clone's .venv, made now if need be."""
    return environment.make(CLONE / ".venv")


def checks(python: Path) -> list[tuple[str, list[str]]]:
    """Everything but the tests: (name, command), the same that docs/contributing.md gives."""
    tools = python.parent
    wanted = [
        ("ruff check", [str(tools / "ruff"), "check", "."]),
        ("ruff format", [str(tools / "ruff"), "format", "--check", "."]),
        ("lint-imports", [str(tools / "lint-imports")]),
    ]
    for platform in PLATFORMS:
        # A cache for each platform, else every run throws the other one's away.
        cache = f"--cache-dir=.mypy_cache/{platform}"
        command = [str(python), "-m", "mypy", "--platform", platform, cache]
        wanted.append((f"mypy for {platform}", command))
    return wanted


def passes(name: str, command: list[str]) -> bool:
    """Run one check; show what it says only when it does not pass."""
    done = subprocess.run(
        command, cwd=CLONE, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    say(f"{name}: {'ok' if done.returncode == 0 else 'FAILED'}")
    if done.returncode:
        print(done.stdout, flush=True)
    return done.returncode == 0


SIDE_BY_SIDE = ("--numprocesses=3", "--dist=loadfile", "--no-loadscope-reorder")


def run_pytest(python: Path) -> tuple[int, str]:
    """Run the whole suite, shown as it goes; the exit code and pytest's closing line."""
    colour = "yes" if sys.stdout.isatty() else "no"
    # -u, so that the dots come as the tests go, although pytest writes into a pipe. Most of the
    # time of acceptance tests is waiting, so a few files go side by side.
    command = [str(python), "-u", "-m", "pytest", f"--color={colour}", *SIDE_BY_SIDE]
    closing_line = b""
    with subprocess.Popen(command, cwd=CLONE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None  # noqa: S101 (stdout=PIPE: for the type checker)
        tail = b""
        while chunk := os.read(child.stdout.fileno(), 65536):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            tail = (tail + chunk)[-4096:]
        lines = [line for line in tail.splitlines() if line.strip()]
        closing_line = lines[-1] if lines else b"pytest said nothing"
    return child.returncode, closing_line.decode(errors="replace")


def run_through(command: list[str]) -> int:
    """Run a command in the foreground; Ctrl-C is its own to answer."""
    with subprocess.Popen(command) as child:
        while True:
            try:
                code = child.wait()
            except KeyboardInterrupt:
                continue  # the child got it too: it says how to go on, and ends
            return code if code >= 0 else 128 - code


COMMANDS = {
    "demo": demo,
    "test": test,
    "install": install,
    "windows-setup": windows_setup,
    "deb": deb,
}


def main(words: list[str]) -> int:
    """Run the command that was asked for; the return value is the exit code."""
    if len(words) != 1 or words[0] not in COMMANDS:
        print(__doc__)
        return 0 if words in (["--help"], ["-h"]) else 2
    try:
        return COMMANDS[words[0]]()
    except CannotContinue as exc:
        print(f"bootstrap: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bootstrap: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
