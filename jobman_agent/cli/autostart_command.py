"""``jobman autostart``: start the agent at every login of this user."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command, add_subcommands
from jobman_agent.cli.output import print_json, say
from jobman_agent.errors import ExitCode, InputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from jobman_agent.cli.autostart.entry import AgentStart, Look, Way
    from jobman_agent.cli.commands import Commands

_OF_A_DESKTOP = ("DISPLAY", "WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP")
_ABOUT = """\
Start the agent whenever you log in, and again when it has crashed; not when it was quit. For you
alone, and without an administrator: Windows' Run key, the desktop's autostart, on macOS a
LaunchAgent. JOBMAN_HOME, JOBMAN_CONFIG, --config and --pool are kept as they are given here.
"""
_ENABLE = """\
Start the agent from the next login on. Run it again after moving jobman: it then starts the new
one. --systemd: by a unit of your own systemd, for a PC without a desktop.
"""
_DISABLE = "Do not start it any more. An agent that runs goes on: jobman quit ends it."
_STATUS = """\
Whether the next login starts an agent: enabled, disabled, or stale (its program is not there any
more; the message says what helps).
"""
_KEEP = """\
What the next login starts on Windows where the setup's launcher is not installed: an agent, and
another one when it has crashed.
"""


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command and its own ones."""
    parser = add_command(commands, common, "autostart", "start the agent at login", _ABOUT)
    own = add_subcommands(parser)
    enable = add_command(own, common, "enable", "from the next login on", _ENABLE, _enable)
    enable.add_argument(
        "--systemd", action="store_true", help="a unit of your systemd, where there is no desktop"
    )
    add_command(own, common, "disable", "not any more", _DISABLE, _disable)
    add_command(own, common, "status", "what the next login starts", _STATUS, _status)
    keep = add_command(own, common, "keep", "what Windows starts", _KEEP, _keep)
    keep.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="a variable for the agent"
    )


def _enable(args: argparse.Namespace) -> int:
    ways = _ways()
    if args.systemd and "systemd" not in ways:
        raise InputError("--systemd is for Linux: leave it out here")
    chosen = "systemd" if args.systemd else next(iter(ways))
    ways[chosen].enable(_start(args, os.environ))
    for name, way in ways.items():
        if name != chosen:
            way.disable()
    if not args.json:
        for note in _notes(os.environ, chosen):
            say(f"jobman: {note}")
        say("the next login starts the agent; to have it now: jobman agent")
    return _report(args)


def _disable(args: argparse.Namespace) -> int:
    removed = [way.disable() for way in _ways().values()]
    if not args.json:
        what = "the next login starts no agent" if any(removed) else "nothing was started at login"
        say(f"{what}; one that runs goes on (jobman quit ends it)")
    return _report(args)


def _status(args: argparse.Namespace) -> int:
    return _report(args)


def _report(args: argparse.Namespace) -> int:
    ways = _ways()
    name, look = _found(ways)
    advice = _advice(look, ways[name].program_of(_start(args, os.environ)))
    if args.json:
        print_json(
            {
                "state": look.state.value,
                "way": name,
                "entry": look.entry,
                "program": look.program,
                "note": look.note,
                "advice": advice,
            }
        )
        return ExitCode.DONE
    print(f"{look.state.value}{f' ({look.note})' if look.note else ''}")
    print(f"  entry    {look.entry}")
    if look.program:
        print(f"  program  {look.program}")
    if advice:
        print(f"  {advice}")
    return ExitCode.DONE


def _found(ways: Mapping[str, Way]) -> tuple[str, Look]:
    """The way that starts something, else the usual one."""
    looks = {name: way.look() for name, way in ways.items()}
    for name, look in looks.items():
        if look.state.value != "disabled":
            return name, look
    return next(iter(looks.items()))


def _advice(look: Look, here: str) -> str:
    again = "jobman autostart enable"
    if look.state.value == "stale":
        return f"{look.program or look.entry} is not there any more; what helps: {again}"
    if look.state.value == "disabled":
        return f"to start it at login: {again}"
    if look.program != here and look.note == "":
        return f"this jobman is {here}; to start this one: {again}"
    return ""


def _notes(environ: Mapping[str, str], chosen: str) -> list[str]:
    from jobman_agent.cli.autostart.entry import KEPT
    from jobman_agent.settings import schema

    others = sorted(
        name
        for name in environ
        if name.startswith("JOBMAN_")
        and name not in KEPT
        and name.split("_")[1].lower() in schema.JOBMAN.sections
    )
    notes = [f"{name} is set here, and not kept: write it into jobman.ini" for name in others]
    if chosen == "desktop" and not any(environ.get(name) for name in _OF_A_DESKTOP):
        notes.append("no desktop is seen here; for a PC without one: --systemd")
    if chosen == "systemd":
        notes.append("to start it at boot, before anybody logs in: sudo loginctl enable-linger")
    return notes


def _keep(args: argparse.Namespace) -> int:
    from jobman_agent.cli.autostart.entry import KEPT
    from jobman_agent.cli.autostart.keeping import keep, starter

    environ = dict(os.environ)
    for word in args.set:
        name, _, value = word.partition("=")
        if name not in KEPT or not value:
            raise InputError(f"--set={word}: write NAME=VALUE; NAME is one of {', '.join(KEPT)}")
        environ[name] = value
    argv = [sys.executable, "-m", "jobman_agent", *_options(args), "agent"]
    return keep(starter(argv, environ))


def _ways() -> dict[str, Way]:
    from jobman_agent.cli.autostart import system

    return system.ways(os.environ)


def _start(args: argparse.Namespace, environ: Mapping[str, str]) -> AgentStart:
    from jobman_agent.cli.autostart.entry import this_agent

    return this_agent(sys.argv[0], sys.executable, environ, _options(args))


def _options(args: argparse.Namespace) -> list[str]:
    from jobman_agent.settings.pool_url import absolute_pool_url

    options: list[str] = []
    if args.config is not None:
        options += ["--config", str(Path(args.config).absolute())]
    if args.pool is not None:
        options += ["--pool", absolute_pool_url(args.pool)]
    return options
