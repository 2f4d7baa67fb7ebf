"""``jobman pool``: make a pool, try whether it is fit, remove what nobody needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command, add_subcommands
from jobman_agent.cli.output import count_text, print_json, say
from jobman_agent.errors import ExitCode, InputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from jobman_agent.cli.commands import Commands
    from jobman_agent.cli.context import Context
    from jobman_agent.pool.directory_check import Finding

_POOL = "Make a pool, or try one from this PC."
_CHECK = """\
Send a message to ourselves through the pool, and look whether the pool is fit for use. In a shared
folder also: space, modes, mount, cloud services. RabbitMQ: version, certificate, what this user may
do, clocks. Exit 2 if something is wrong with it, 3 if it is out of reach, 4 if it refuses us.
"""
_INIT = """\
Make a pool. dir:FOLDER (new or empty, its parent must exist): its folders, with the modes that let
everybody add files and remove only their own. amqps://HOST/VHOST with --pcs or --employers: a
folder for the server to import, with a user and a password for each, who can do no more than they
must; run it again to add some. amqps://... alone: the hiring queue for one user for all. How the
server itself is set up: docs/operations.md.
"""


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command and its own ones."""
    parser = add_command(commands, common, "pool", "make a pool, or check one", _POOL)
    own = add_subcommands(parser)
    check = add_command(own, common, "check", "try the pool from this PC", _CHECK, _check)
    init = add_command(own, common, "init", "make a pool", _INIT, _init)
    for command in (check, init):
        command.add_argument("url", metavar="URL", nargs="?", help="the same as --pool URL")
    check.add_argument(
        "--clean",
        action="store_true",
        help="remove from a shared folder what nobody has touched for 7 days",
    )
    init.add_argument("--pcs", metavar="FILE", help="RabbitMQ: the PCs' host names, one a line")
    init.add_argument(
        "--employers", metavar="NAMES", help="RabbitMQ: alice,bob, or a file with one a line"
    )
    init.add_argument(
        "--to", metavar="FOLDER", help="where what the server imports is written (jobman-office)"
    )
    init.add_argument(
        "--renew", metavar="USER", action="append", default=[], help="give a user a new password"
    )


def _load(args: argparse.Namespace) -> Context:
    from jobman_agent.cli.context import load_context, start_log

    if args.url is not None and args.pool is not None:
        raise InputError(f"{args.url} and --pool {args.pool}: name one pool")
    args.pool = args.url if args.url is not None else args.pool
    context = load_context(args)
    start_log(context.places, args.verbose)
    return context


def _check(args: argparse.Namespace) -> int:
    import asyncio

    context = _load(args)
    folder = _folder(context)
    if args.clean and folder is None:
        raise InputError(
            "--clean is for a shared folder: RabbitMQ removes what is left over itself"
        )
    findings = asyncio.run(_look(context))
    removed = asyncio.run(_clean(context, folder)) if args.clean and folder else []
    if args.json:
        print_json(_as_json(context, findings) | {"removed": removed})
        return _exit_code(findings)
    _show(findings)
    for path in removed:
        print(f"removed  {path}")
    if args.clean:
        say(f"removed {count_text(len(removed), 'thing')} that nobody had touched for 7 days")
    return _exit_code(findings)


def _init(args: argparse.Namespace) -> int:
    import asyncio

    context = _load(args)
    if args.pcs or args.employers or args.to or args.renew:
        return _init_office(args, context)
    findings = asyncio.run(_look(context))
    if args.json:
        print_json(_as_json(context, findings))
        return _exit_code(findings)
    _show([finding for finding in findings if finding.level.value != "ok"])
    if _exit_code(findings) == ExitCode.DONE:
        say(f"{context.address} is a pool; next, on each PC: jobman config init --pool URL")
    return _exit_code(findings)


def _init_office(args: argparse.Namespace, context: Context) -> int:
    from pathlib import Path

    from jobman_agent.cli import pool_office
    from jobman_agent.pool.opening import BrokerAddress

    address = context.address
    if not isinstance(address, BrokerAddress):
        raise InputError(
            "--pcs, --employers, --to and --renew are for RabbitMQ: amqps://HOST/VHOST"
        )
    pcs = Path(args.pcs) if args.pcs else None
    folder = Path(args.to or pool_office.FOLDER).absolute()
    made = pool_office.make_office(address.url, pcs, args.employers, folder, args.renew)
    if args.json:
        print_json(
            {
                "pool": str(address),
                "folder": str(made.folder),
                "added": list(made.added),
                "kept": list(made.kept),
            }
        )
        return ExitCode.DONE
    for name in made.added:
        print(made.folder / pool_office.PASSWORDS / name)
    say(f"{count_text(len(made.added), 'new password')}, {len(made.kept)} as before")
    say(f"next, on the server: installer/rabbitmq/setup.sh HOST {made.folder.name}, or on one that")
    say(f"is set up: rabbitmqctl import_definitions {pool_office.DEFINITIONS}")
    return ExitCode.DONE


async def _look(context: Context) -> list[Finding]:
    from jobman_agent.cli.reaching import one_time_sender, reached
    from jobman_agent.pool import broker_check, directory_check

    folder = _folder(context)
    async with reached(context) as pool:
        if folder is None:
            return [*await _greeting(context), *await broker_check.check(pool)]
    return await directory_check.check(folder, one_time_sender(context))


async def _greeting(context: Context) -> list[Finding]:
    """What the server says of itself, before the login."""
    import asyncio
    from urllib.parse import urlsplit

    from jobman_agent.clock import SYSTEM_CLOCK
    from jobman_agent.pool.broker_check import check_greeting
    from jobman_agent.pool.broker_greeting import greet
    from jobman_agent.pool.contract import CALL_SECONDS
    from jobman_agent.settings.pool_url import is_loopback

    url = context.settings.pool.url or ""
    said = await asyncio.to_thread(greet, url, context.settings.pool.ca, CALL_SECONDS)
    parts = urlsplit(url)
    local = is_loopback(parts.hostname or "")
    return check_greeting(said, secret=parts.scheme == "amqps", local=local, clock=SYSTEM_CLOCK)


def _folder(context: Context) -> Path | None:
    """The pool's folder; None: it is RabbitMQ."""
    from jobman_agent.pool.opening import DirectoryAddress

    address = context.address
    return address.folder if isinstance(address, DirectoryAddress) else None


async def _clean(context: Context, folder: Path) -> list[str]:
    from jobman_agent.cli.reaching import one_time_sender
    from jobman_agent.pool.directory_check import clean

    return await clean(folder, one_time_sender(context))


def _as_json(context: Context, findings: Sequence[Finding]) -> dict[str, object]:
    shown = [{"level": f.level.value, "what": f.what, "text": f.text} for f in findings]
    return {"pool": str(context.address), "findings": shown}


def _show(findings: Sequence[Finding]) -> None:
    for finding in findings:
        print(f"{finding.level.value:8} {finding.what:7} {finding.text}")


def _exit_code(findings: Sequence[Finding]) -> int:
    wrong = any(finding.level.value == "wrong" for finding in findings)
    return ExitCode.BAD_INPUT if wrong else ExitCode.DONE
