"""A wall around one package, where bubblewrap is installed and works.

Inside, the whole disk is read-only but for the package's own two folders, other processes cannot
be seen or signalled, and there is no network. A start costs 2 to 3 ms more, so it is on only for
orders that ask for it.
"""

from __future__ import annotations

import os
import subprocess

from jobman_agent.execution import SYSTEM

_PLACES = ("/usr/bin/bwrap", "/usr/local/bin/bwrap")
_TRY_SECONDS = 10
NONE, BUBBLEWRAP = "none", "bubblewrap"


def _base(program: str) -> tuple[str, ...]:
    return (
        program,
        *("--die-with-parent", "--unshare-net", "--unshare-pid", "--unshare-ipc"),
        *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
    )


def find() -> str | None:
    """The path of bubblewrap, or None."""
    # Elsewhere it is another program, if there is a file of that name at all (as under Wine).
    places = _PLACES if SYSTEM == "linux" else ()
    return next((path for path in places if os.access(path, os.X_OK)), None)


def level() -> str:
    """What a package can be surrounded with on this PC; tried, not guessed."""
    return NONE if why_not() else BUBBLEWRAP


def why_not() -> str:
    """Why packages cannot run inside bubblewrap here, from a try; empty: they can."""
    program = find()
    if program is None:
        return "bubblewrap is not installed"
    try:
        ended = subprocess.run(
            [*_base(program), "/bin/true"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_TRY_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return f"{program} does not work: {exc}"
    if ended.returncode == 0:
        return ""
    said = ended.stderr.decode(errors="replace").strip() or f"exit code {ended.returncode}"
    return f"{program} does not work: {said}"


def wrap(argv: tuple[str, ...], folder: str, home: str, common: str | None) -> tuple[str, ...]:
    """The command that runs a command inside the wall."""
    program = find() or _PLACES[0]
    shown = ("--ro-bind", common, common) if common is not None else ()
    inside = ("--bind", folder, folder, "--bind", home, home, *shown, "--chdir", folder)
    return (*_base(program), *inside, "--", *argv)
