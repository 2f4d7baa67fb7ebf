"""``jobman config``: check, show and make the settings of this PC."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command, add_subcommands
from jobman_agent.cli.config_init import register_init
from jobman_agent.cli.output import print_json
from jobman_agent.errors import ExitCode

if TYPE_CHECKING:
    import argparse
    from datetime import date

    from jobman_agent.cli.commands import Commands
    from jobman_agent.cli.context import Context
    from jobman_agent.settings.public_holidays import Found

_CONFIG = """\
The settings of this PC. In falling order these count: the command line; variables
JOBMAN_SECTION_KEY (as JOBMAN_POOL_URL); the user's file (--config, else JOBMAN_CONFIG, else the
platform's place); the machine's file; the defaults. What the machine's [locked] names beats all.
Every key is explained in docs/settings.md, and in the file that jobman config init makes.
"""
_CHECK = "Name every mistake in all settings at once (exit 2), and what nobody is likely to mean."
_SHOW = "Show the settings that count, as an ini file; with --origin where each comes from."
_PATH = "Show which files are read, and where jobman keeps what it keeps (env: JOBMAN_HOME)."


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command and its own ones."""
    parser = add_command(commands, common, "config", "the settings of this PC", _CONFIG)
    own = add_subcommands(parser)
    add_command(own, common, "check", "find every mistake", _CHECK, _check)
    show = add_command(own, common, "show", "show what counts", _SHOW, _show)
    show.add_argument("--origin", action="store_true", help="say where each value comes from")
    add_command(own, common, "path", "show which files are read", _PATH, _path)
    register_init(own, common)


def _check(args: argparse.Namespace) -> int:
    from jobman_agent.cli.context import load_context

    context = load_context(args)
    places = context.places
    holidays, today = _holidays(context)
    hints = _hints(context)
    if holidays.note:
        hints.append(f"[hours] {holidays.note}")
    following = min((day for day in holidays.dates if day >= today), default=None)
    named = Path(args.config) if args.config else places.user_file
    files = [str(path) for path in (named, places.machine_file) if path.is_file()]
    if args.json:
        found = {"files": files, "hints": hints, "notes": context.settings.notes}
        print_json(found | {"next_holiday": None if following is None else str(following)})
        return ExitCode.DONE
    for file in files:
        print(f"read      {file}")
    if following is not None:
        print(f"holiday   next on {following:%Y-%m-%d}: {holidays.dates[following]}")
    for hint in hints:
        print(f"hint      {hint}")
    print("no mistakes" if files else "no mistakes: there is no file yet (jobman config init)")
    return ExitCode.DONE


def _holidays(context: Context) -> tuple[Found, date]:
    """The public holidays that the settings name, and today's date.

    Raises:
        SettingsError: they name no country or region.
        InputError: TZ names no time zone.
    """
    from jobman_agent.clock import SYSTEM_CLOCK
    from jobman_agent.policy.hours import local
    from jobman_agent.settings.public_holidays import find_holidays

    today = local(SYSTEM_CLOCK.now(), None).date().to_stdlib()
    return find_holidays(context.settings, context.places.home, today, today), today


def _hints(context: Context) -> list[str]:
    """What is no mistake, and most likely not meant.

    Raises:
        SettingsError: employers.ini holds mistakes.
        InputError: the file of the password is not right.
    """
    from jobman_agent.cli.passwords import find_password
    from jobman_agent.settings.hints import hints as hints_at
    from jobman_agent.trust.employers import load_employers
    from jobman_agent.trust.programs import load_programs

    settings = context.settings
    hints = hints_at(settings, os.environ)
    if settings.pool.url is None:
        hints.append("[pool] no pool is named: url = amqps://... or dir:FOLDER")
    elif settings.pool.password is not None and settings.pool.password.kind == "file":
        find_password(settings.pool.password, settings.pool.user)
    programs = load_programs(settings)
    hints += [f"[software] {name}: {why}" for name, why in programs.missing().items()]
    if not settings.software:
        hints.append("[software] no program is named, so none is offered: NAME = PATH")
    employers = load_employers(settings, context.places.employers_file)
    if not employers.entries() and settings.employers.authority is None:
        hints.append("[employers] nobody is trusted, so this PC works for nobody: NAME = KEY")
    elif settings.employers.authority is None:
        known = {word for one in employers.entries() for word in (one.name, one.key)}
        strangers = sorted(settings.employers.allow_code - known)
        if strangers:
            hints.append(f"[employers] allow_code: nobody here is called {', '.join(strangers)}")
    return hints


def _show(args: argparse.Namespace) -> int:
    from jobman_agent.cli.context import load_context
    from jobman_agent.settings.shown import as_ini, show

    settings = show(load_context(args).settings)
    if args.json:
        keys = ("section", "key", "value", "origin", "locked")
        rows = ((one.section, one.key, one.text, one.origin, one.locked) for one in settings)
        print_json([dict(zip(keys, row, strict=True)) for row in rows])
        return ExitCode.DONE
    for line in as_ini(settings, with_origin=args.origin):
        print(line)
    return ExitCode.DONE


def _path(args: argparse.Namespace) -> int:
    from jobman_agent.agent.nights import FILE
    from jobman_agent.settings.places import find_places

    places = find_places(os.environ)
    found = {
        "settings": Path(args.config) if args.config else places.user_file,
        "machine": places.machine_file,
        "home": places.home,
        "employers": places.employers_file,
        "ledger": places.home / FILE,
        "logs": places.logs,
        "locks": places.lock_dir,
    }
    if args.json:
        print_json({name: str(path) for name, path in found.items()})
        return ExitCode.DONE
    for name, path in found.items():
        print(f"{name:10}{path}{'' if path.exists() else '  (not there)'}")
    return ExitCode.DONE
