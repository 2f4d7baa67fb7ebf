"""``jobman log``: what this PC's agent wrote down."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command
from jobman_agent.cli.output import one_line, print_json, say
from jobman_agent.errors import ExitCode, InputError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from jobman_agent.cli.commands import Commands

LINES = 50
FILES = {
    "agent": "jobman.log",
    "worker": "worker.log",
    "tray": "tray.log",
    "faults": "faults.log",
}
_ABOUT = f"""\
Show the end of the log of this PC's agent, and of all commands but its worker. Without -n: the
last {LINES} lines. Logs lie below JOBMAN_HOME; one has 2 MB at most, and three older ones are kept.

  jobman log                  what the agent did
  jobman log worker           what its worker did: packages, sessions, the pool
  jobman log tray             what the icon did
  jobman log faults           faults of jobman itself, to be reported
  jobman log -f               go on showing what comes, until Ctrl-C
"""


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = add_command(commands, common, "log", "what the agent wrote down", _ABOUT, _run)
    parser.add_argument(
        "which", metavar="WHICH", nargs="?", default="agent", choices=FILES, help=", ".join(FILES)
    )
    parser.add_argument(
        "-n", "--lines", metavar="N", type=_count, default=LINES, help="so many lines; 0: all"
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("--path", action="store_true", help="say only where it is")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise InputError(f"--lines {text[:20]!r}: write a number, 0 for all")
    return int(text)


def _run(args: argparse.Namespace) -> int:
    from jobman_agent.cli import log_reading
    from jobman_agent.settings.places import find_places

    path = find_places(os.environ).logs / FILES[args.which]
    if args.json and args.follow:
        raise InputError("--json and --follow: choose one, for JSON needs an end")
    if args.path:
        print_json({"path": str(path)}) if args.json else print(path)
        return ExitCode.DONE
    files = log_reading.generations(path)
    lines = log_reading.last_lines(files, args.lines)
    if args.json:
        entries = log_reading.entries(lines) if args.which != "faults" else lines
        print_json({"path": str(path), "files": [str(f) for f in files], "lines": entries})
        return ExitCode.DONE
    if not files:
        say(_nothing(args.which, path))
    for line in lines:
        print(one_line(line))
    if args.follow:
        log_reading.follow(path, lambda line: print(one_line(line), flush=True))
    return ExitCode.DONE


def _nothing(which: str, path: Path) -> str:
    """There is no log: that is no error."""
    if which == "faults":
        return f"jobman has had no fault ({path} is not there)"
    who = {"agent": "jobman agent", "tray": "the agent's icon"}
    writer = who.get(which, "the agent's worker, when this PC is idle,")
    return f"nothing was written yet: {writer} writes {path}"
