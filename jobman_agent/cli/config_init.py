"""``jobman config init``: a complete jobman.ini, with what a roll-out presets filled in."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command
from jobman_agent.cli.output import print_json, say
from jobman_agent.errors import ExitCode, InputError, StorageError

if TYPE_CHECKING:
    import argparse

    from jobman_agent.cli.commands import Commands
    from jobman_agent.settings.presets import Preset

_INIT = """\
Make the user's own jobman.ini: complete, with every key explained, the pool filled in.
Without --pool it asks. A file that is there is never overwritten. What --hours, --employers,
--authority and --set name is filled in too, for installing many PCs alike; with a mistake in any
of it nothing is written (exit 2).
"""


def register_init(own: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to those of ``jobman config``."""
    parser = add_command(own, common, "init", "make a jobman.ini", _INIT, _init)
    parser.add_argument(
        "--no-pool", action="store_true", help="ask for no pool: it is named in the file later"
    )
    parser.add_argument(
        "--hours",
        metavar="TEXT",
        help='when this PC may work: "monday-friday=18:00-07:00; saturday, sunday=all day"',
    )
    parser.add_argument(
        "--employers",
        metavar="FILE",
        help="for whom it works: lines that jobman keys export has printed",
    )
    parser.add_argument("--authority", metavar="KEY", help="the office's key: ed25519:BASE64")
    parser.add_argument(
        "--set",
        metavar="SECTION.KEY=VALUE",
        action="append",
        default=[],
        help="any other key; may be repeated",
    )


def _init(args: argparse.Namespace) -> int:
    from jobman_agent.settings.places import find_places, shipped
    from jobman_agent.settings.presets import Preset, fill
    from jobman_agent.storage.files import explain, write_first

    places = find_places(os.environ)
    path = Path(args.config).absolute() if args.config else places.user_file
    there = InputError(f"{path} is there already, and is left as it is: change it there")
    if path.exists():
        raise there
    presets = _presets(args)
    url = None if args.no_pool and args.pool is None else _pool(args.pool)
    if url is not None:
        presets.insert(0, Preset("pool", "url", url, "--pool"))
    _refuse_mistakes(presets)
    text = fill(shipped("jobman.ini").read_text(encoding="utf-8"), presets)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StorageError(explain(exc, "make", path.parent)) from exc
    if not write_first(path, text.encode("utf-8")):
        raise there
    if args.json:
        print_json({"settings": str(path), "pool": url})
        return ExitCode.DONE
    print(path)
    say("next: say in it whom this PC works for and which programs it has; jobman config check")
    return ExitCode.DONE


def _presets(args: argparse.Namespace) -> list[Preset]:
    from jobman_agent.settings.presets import (
        Preset,
        parse_assignment,
        parse_employers,
        parse_hours,
    )
    from jobman_agent.storage.files import explain

    found = [parse_assignment(text, "--set") for text in args.set]
    if args.hours is not None:
        found += parse_hours(args.hours, "--hours")
    if args.authority is not None:
        found.append(Preset("employers", "authority", args.authority, "--authority"))
    if args.employers is not None:
        try:
            content = Path(args.employers).read_bytes()
        except OSError as exc:
            raise InputError(explain(exc, "read", Path(args.employers))) from exc
        found += parse_employers(content, args.employers, "--employers")
    return found


def _refuse_mistakes(presets: list[Preset]) -> None:
    """Raise SettingsError with all mistakes, each with the option that made it."""
    from jobman_agent.settings.ini import Entry, IniFile, Mistake, settings_error
    from jobman_agent.settings.pc import build
    from jobman_agent.settings.places import host_name
    from jobman_agent.settings.schema import JOBMAN

    ini = IniFile("command line")
    for one in presets:
        if one.section not in JOBMAN.sections or one.section == "locked":
            what = f"a jobman.ini of one's own has no section [{one.section}]: docs/settings.md"
            ini.mistakes.append(Mistake(one.option, what))
        entry = Entry(one.section, one.key.lower(), one.key, one.value, 0, one.option)
        ini.entries.append(entry)
    values = JOBMAN.check(ini, complete=False)
    build(values, host_name())
    if values.mistakes:
        raise settings_error(values.mistakes)


def _pool(url: str | None) -> str:
    from jobman_agent.settings.pool_url import absolute_pool_url, parse_pool_url

    if url is None and not sys.stdin.isatty():
        raise InputError(
            "name the pool: jobman config init --pool dir:FOLDER or amqps://HOST/VHOST"
        )
    if url is None:
        print("The pool (dir:FOLDER or amqps://HOST/VHOST): ", end="", file=sys.stderr, flush=True)
        url = sys.stdin.readline().strip()
    try:
        return parse_pool_url(absolute_pool_url(url))
    except ValueError as exc:
        raise InputError(f"the pool's URL: {exc}") from exc
