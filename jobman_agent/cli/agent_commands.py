"""``jobman status, why, pause, resume, work-now, quit``: a word with this user's agent.

Quick, because people and scripts ask often: no asyncio, no msgspec, no settings, no pool.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command
from jobman_agent.cli.output import one_line, print_json, seconds_text
from jobman_agent.errors import ExitCode, InputError

if TYPE_CHECKING:
    import argparse

    from jobman_agent.cli.commands import Commands
    from jobman_agent.control.client import Client, Done, Status

NAMES = ("status", "why", "pause", "resume", "work-now", "quit")
_STATUS = "What this PC's agent does now, and what holds it back. Without an agent: exit 5."
_WHY = "Everything that holds this PC back from work, and when it may start at the earliest."
_PAUSE = """\
Do no work for a while: what is held is handed back now, and costs its employer nothing.

  jobman pause              until jobman resume
  jobman pause 1h           for so long (30 min, 1 h 30 min, 2 d)
  jobman pause tomorrow     until the day is over
  jobman pause lock         until the screen is locked
  jobman pause package      once the package that runs has ended, until jobman resume

It survives a restart and sleep.
"""
_RESUME = "End a pause, or what jobman work-now said."
_WORK_NOW = """\
Work for so long (30 min, 2 h), whatever the hours say. Somebody at the PC still comes first.
"""
_LONGEST_D = 366
_ICON_S = 6.0
_QUIT = "Hand back what is held, and end the agent. Returns when it has ended."


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the commands."""
    add_command(commands, common, "status", "what the agent does", _STATUS, _status)
    add_command(commands, common, "why", "what holds this PC back", _WHY, _why)
    pause = add_command(commands, common, "pause", "no work for a while", _PAUSE, _pause)
    pause.add_argument(
        "until",
        metavar="WHEN",
        nargs="*",
        help="DURATION, tomorrow, lock or package; nothing: until jobman resume",
    )
    add_command(commands, common, "resume", "end a pause", _RESUME, _resume)
    now = add_command(commands, common, "work-now", "work outside the hours", _WORK_NOW, _work_now)
    now.add_argument("duration", metavar="DURATION", nargs="+", help="30 min, 2 h")
    add_command(commands, common, "quit", "end the agent", _QUIT, _quit)


# ---- commands
def _status(args: argparse.Namespace) -> int:
    status = _ask({"type": "status"})["status"]
    if args.json:
        print_json(status)
        return ExitCode.DONE
    print(f"{status['state']}  {_meaning(status)}")
    for line in _reasons(status):
        print(f"  {line}")
    for package in status["packages"]:
        whose = f"{package['name']} of {package['employer']}"
        print(one_line(f"  {package['state']}  {whose}  {seconds_text(package['seconds'])}"))
    return ExitCode.DONE


def _why(args: argparse.Namespace) -> int:
    status = _ask({"type": "status"})["status"]
    if args.json:
        print_json({"reasons": status["reasons"], "next": status["next"]})
        return ExitCode.DONE
    for line in _reasons(status) or ["nothing holds this PC back"]:
        print(line)
    return ExitCode.DONE


def _pause(args: argparse.Namespace) -> int:
    return _tell(args, read_pause(args.until))


def _resume(args: argparse.Namespace) -> int:
    return _tell(args, {"type": "resume"})


def _work_now(args: argparse.Namespace) -> int:
    return _tell(args, {"type": "work_now", "seconds": _seconds(" ".join(args.duration))})


def _quit(args: argparse.Namespace) -> int:
    with _connect() as client:
        done = client.quit()
    _await_icon()
    return _print_done(args, done)


def _await_icon() -> None:
    """The icon goes with its agent: whoever replaces jobman's files must not find them in use."""
    from contextlib import suppress

    from filelock import FileLock, Timeout

    from jobman_agent.cli.tray_command import LOCK
    from jobman_agent.settings.places import find_places

    lock = find_places(os.environ).home / LOCK
    if lock.exists():
        with suppress(Timeout, OSError), FileLock(lock, timeout=_ICON_S):
            pass


# ---- words
def read_pause(words: list[str]) -> dict[str, object]:
    """The request for a pause; ``until`` and ``after this`` may stand before its end.

    Raises:
        InputError: neither a duration nor one of the words.
    """
    text = " ".join(words).lower()
    kind = re.sub(r"^(until|after this) ", "", text)
    if kind in ("", "tomorrow", "lock", "package", "resume"):
        return {"type": "pause", "kind": kind or "resume"}
    try:
        return {"type": "pause", "kind": "duration", "seconds": _seconds(text)}
    except InputError as exc:
        raise InputError(f"{exc}; or tomorrow, lock, package, or nothing") from exc


def _seconds(text: str) -> float:
    """The seconds of a duration as it is typed: ``30m`` means minutes here.

    Raises:
        InputError: it is none, or longer than a year.
    """
    from jobman_agent.settings.quantities import parse_duration

    try:
        seconds = parse_duration(re.sub(r"(?<=\d)\s*m(?![a-z])", " min", text)).total_seconds()
    except ValueError as exc:
        raise InputError(str(exc)) from exc
    if seconds > _LONGEST_D * 86_400:
        raise InputError(f"{text!r} is too long: at most {_LONGEST_D} d")
    return seconds


# ---- the agent
def _connect() -> Client:
    from jobman_agent.control.client import Client
    from jobman_agent.settings.places import find_places

    return Client.connect(find_places(os.environ).home)


def _ask(request: dict[str, object]) -> Done:
    with _connect() as client:
        return client.ask(request)


def _tell(args: argparse.Namespace, request: dict[str, object]) -> int:
    return _print_done(args, _ask(request))


# ---- for people and programs
def _print_done(args: argparse.Namespace, done: Done) -> int:
    if args.json:
        print_json(done["status"])
    else:
        print(one_line(done["text"] or done["status"]["state"]))
    return ExitCode.DONE


def _meaning(status: Status) -> str:
    from jobman_agent.agent.states import MEANINGS, State

    return MEANINGS[State(status["state"])]


def _reasons(status: Status) -> list[str]:
    lines = [one_line(reason["text"]) for reason in status["reasons"]]
    if status["next"] is not None and lines:
        lines.append(f"earliest {_clock(status['next'])}")
    return lines


def _clock(moment: str) -> str:
    from datetime import datetime

    from jobman_agent.clock import SYSTEM_CLOCK
    from jobman_agent.model.verdict import clock_text

    return clock_text(datetime.fromisoformat(moment).astimezone(), SYSTEM_CLOCK.now().astimezone())
