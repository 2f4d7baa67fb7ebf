"""``jobman keys``: this user's key, whom this PC works for, and which workers are known."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command, add_subcommands
from jobman_agent.cli.output import one_line, print_json, print_table, say
from jobman_agent.errors import ExitCode
from jobman_agent.model.public_key import fingerprint

if TYPE_CHECKING:
    import argparse

    from jobman_agent.cli.commands import Commands
    from jobman_agent.cli.context import Context
    from jobman_agent.control.messages import ShownEmployer
    from jobman_agent.trust.employers import Employers

_KEYS = """\
Every message is signed. This user's key is made at the first use and stays on this PC; what others
need of it is the line that jobman keys export prints.
"""
_SHOW = """\
Show this user's key, the employers that this PC knows, the workers, and the unknown employers that
wait for an answer, as the icon's menu does.
"""
_EXPORT = """\
Print this user's public key as one line for [employers] in another PC's jobman.ini. Its owner can
also type: jobman keys trust NAME ed25519:...
"""
_TRUST = """\
Trust an employer's key: this PC works for it from now on. It is written to
JOBMAN_HOME/employers.ini, never to a file that a person wrote. To take it back: jobman keys forget.
Compare the fingerprint with its owner, by telephone for instance.
"""
_NEVER = """\
Let nothing run here for an employer any more, whatever else says so; by name (and then by the key
that has this name here) or by key. jobman keys trust takes that back.
"""
_FORGET = """\
Take back what jobman keys trust said of an employer or a worker; unlike never, somebody else (the
office's authority, a line in jobman.ini) may still say that this PC works for her.
"""
HEADERS = ("name", "fingerprint", "trusted for", "source")


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command and its own ones."""
    parser = add_command(
        commands, common, "keys", "your key, and whom this PC trusts", _KEYS, _show
    )
    own = add_subcommands(parser, required=False)
    add_command(own, common, "show", "your key, employers, workers", _SHOW, _show)
    export = add_command(own, common, "export", "your key, for other PCs", _EXPORT, _export)
    export.add_argument("--name", metavar="NAME", help="instead of your login name")
    trust = add_command(own, common, "trust", "work for an employer", _TRUST, _trust)
    trust.add_argument("name", metavar="NAME", help="what the employer is called on this PC")
    trust.add_argument("key", metavar="KEY", help="ed25519:..., as jobman keys export prints it")
    kind = trust.add_mutually_exclusive_group()
    kind.add_argument(
        "--code", action="store_true", help="scripts and programs of the employer's own may run too"
    )
    kind.add_argument(
        "--worker",
        action="store_true",
        help="it is a worker's key, for jobs of yours with workers = known",
    )
    never = add_command(own, common, "never", "run nothing for an employer", _NEVER, _never)
    never.add_argument("who", metavar="NAME|KEY", help="as jobman keys show lists it")
    forget = add_command(own, common, "forget", "take back a trust", _FORGET, _forget)
    forget.add_argument("name", metavar="NAME", help="as jobman keys show lists it")


def _open(args: argparse.Namespace) -> tuple[Context, Employers]:
    from jobman_agent.cli.context import load_context
    from jobman_agent.trust.employers import load_employers

    context = load_context(args)
    return context, load_employers(context.settings, context.places.employers_file)


def _show(args: argparse.Namespace) -> int:
    context, employers = _open(args)
    if args.json:
        print_json(_as_json(context, employers))
        return ExitCode.DONE
    print(f"your key     {context.key.public}")
    print(f"fingerprint  {context.key.fingerprint}")
    if context.settings.employers.authority:
        print(f"authority    {context.settings.employers.authority}")
    if never := employers.never_words():
        print(f"never        {', '.join(sorted(never))}")
    rows = _rows(context, employers)
    if rows:
        print()
        print_table(HEADERS, rows)
    else:
        say("this PC works for nobody yet: jobman keys trust NAME KEY")
    for asks in _asking(context):
        print()
        print(one_line(f"{asks.name} wants to use this PC, for: {asks.title}"))
        print(f"fingerprint  {asks.fingerprint}")
        if asks.name_taken:
            print(one_line(f"This is not the {asks.name} that this PC knows: choose another name."))
        code = " [--code]" if asks.own_code else ""
        name = "NAME" if asks.name_taken else shlex.quote(one_line(asks.name))
        print(f"  jobman keys trust {name} {asks.key}{code}")
        print(f"  jobman keys never {asks.key}")
    return ExitCode.DONE


def _asking(context: Context) -> tuple[ShownEmployer, ...]:
    from jobman_agent.agent.asking import Asking
    from jobman_agent.clock import SYSTEM_CLOCK

    return Asking(context.places.home).pending(SYSTEM_CLOCK.now())


def _is_answered(context: Context, who: str) -> None:
    """Nobody is asked about this key, or name, any more."""
    from jobman_agent.agent.asking import Asking

    def is_meant(asks: ShownEmployer) -> bool:
        return who in (asks.key, asks.name.lower())

    Asking(context.places.home).answered(is_meant)


def _as_json(context: Context, employers: Employers) -> dict[str, object]:
    known = [
        {
            "name": entry.name,
            "key": entry.key,
            "fingerprint": fingerprint(entry.key),
            "allow_code": entry.allow_code,
            "never": entry.never,
            "source": entry.source,
        }
        for entry in employers.entries()
    ]
    return {
        "key": context.key.public,
        "fingerprint": context.key.fingerprint,
        "authority": context.settings.employers.authority,
        "employers": known,
        "never": sorted(employers.never_words()),
        "workers": employers.known_workers(),
        "asking": [
            {
                "name": asks.name,
                "key": asks.key,
                "fingerprint": asks.fingerprint,
                "title": asks.title,
                "own_code": asks.own_code,
                "name_taken": asks.name_taken,
            }
            for asks in _asking(context)
        ],
    }


def _rows(context: Context, employers: Employers) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for entry in employers.entries():
        what = "programs of this PC, own code" if entry.allow_code else "programs of this PC"
        what = "nothing (never)" if entry.never else what
        rows.append((entry.name, fingerprint(entry.key), what, entry.source))
    file = str(context.places.employers_file)
    for name, key in sorted(employers.known_workers().items()):
        rows.append((name, fingerprint(key), "being a worker of yours", file))
    return rows


def _export(args: argparse.Namespace) -> int:
    from jobman_agent.cli.context import load_context, own_name

    name = own_name(args.name)
    key = load_context(args).key
    if args.json:
        print_json({"name": name, "key": key.public, "fingerprint": key.fingerprint})
    else:
        print(f"{name} = {key.public}")
    return ExitCode.DONE


def _trust(args: argparse.Namespace) -> int:
    context, employers = _open(args)
    before = employers.add(args.name, args.key, code=args.code, worker=args.worker)
    if not args.worker:
        _is_answered(context, args.key)
    name, shown = args.name.strip().lower(), fingerprint(args.key)
    if args.json:
        print_json(
            {"name": name, "key": args.key, "fingerprint": shown, "code": args.code}
            | {"worker": args.worker, "replaced": before if before != args.key else None}
        )
        return ExitCode.DONE
    if before not in (None, args.key):
        say(f"{name} was another key until now: {fingerprint(str(before))}")
    if args.worker:
        say(f"{name} ({shown}) is a worker that you know, for jobs with workers = known")
    else:
        what = "own code too" if args.code else "programs of this PC, no code of its own (--code)"
        say(f"this PC works for {name} ({shown}) from now on: {what}")
    return ExitCode.DONE


def _never(args: argparse.Namespace) -> int:
    context, employers = _open(args)
    employers.never(args.who)
    _is_answered(context, args.who.lower() if args.who[:8] != "ed25519:" else args.who)
    if args.json:
        print_json({"never": args.who})
    else:
        say(f"nothing runs here for {args.who} any more")
    return ExitCode.DONE


def _forget(args: argparse.Namespace) -> int:
    _, employers = _open(args)
    employers.forget(args.name)
    if args.json:
        print_json({"forgotten": args.name})
    else:
        say(f"{args.name} is not trusted by jobman keys trust any more")
    return ExitCode.DONE
