"""The ``jobman`` command: parse, run one command, turn errors into exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from jobman_agent import __version__
from jobman_agent.cli import agent_commands
from jobman_agent.cli.commands import HelpFormatter
from jobman_agent.cli.output import print_json
from jobman_agent.errors import ExitCode, InputError, JobmanError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from jobman_agent.cli.commands import Commands

    class CommandModule(Protocol):
        """Commands whose parsers set ``run(args) -> int``, which returns the exit code."""

        def register(self, commands: Commands, common: argparse.ArgumentParser) -> None:
            """Add them."""


_EPILOG = """\
examples:
  jobman demo                                   see it work, on this PC alone
  jobman new bridge && jobman check bridge      make a job and look for mistakes
  jobman employ bridge --pool dir:/srv/jobman   share it out; Ctrl-C and again at any time
  jobman work --pool dir:/srv/jobman --trust alice=ed25519:KEY

exit codes:
  0 done   1 packages failed   2 bad input or settings   3 pool out of reach
  4 not allowed   5 no agent running   70 a bug (traceback in the log)   130 Ctrl-C
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        return _run(argv)
    except BrokenPipeError:
        # The reader of our output has gone (jobman offers | head): nothing is wrong. Python would
        # complain when it flushes at the end, unless there is somewhere to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE


def build_parser(first: str | None = None) -> argparse.ArgumentParser:
    """The parser of the whole command line; ``--config --pool --json -v`` go anywhere.

    Args:
        first: The first word, if it is known: to talk to the agent costs no other command's import.
    """
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = common.add_argument_group("anywhere")
    group.add_argument(
        "--config", metavar="FILE", help="this ini, not your own (env: JOBMAN_CONFIG)"
    )
    group.add_argument(
        "--pool", metavar="URL", help="dir:FOLDER or amqps://... (env: JOBMAN_POOL_URL)"
    )
    group.add_argument("--json", action="store_true", help="answer in JSON on stdout")
    group.add_argument("-v", "--verbose", action="count", help="tell each step; -vv: the log too")
    parser = argparse.ArgumentParser(
        prog="jobman",
        description="Turns the idle PCs of an office into one compute pool.",
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
        parents=[common],
    )
    parser.add_argument("--version", action="version", version=f"jobman {__version__}")
    commands = parser.add_subparsers(
        prog="jobman", dest="command", metavar="COMMAND", required=True, title="commands"
    )
    for module in _modules(first):
        module.register(commands, common)
    return parser


def _modules(first: str | None) -> tuple[CommandModule, ...]:
    if first in agent_commands.NAMES:
        return (agent_commands,)
    if first == "tray":  # it stays: nobody else's commands are to take room
        from jobman_agent.cli import tray_command

        return (tray_command,)
    return _all_commands()


def _all_commands() -> tuple[CommandModule, ...]:
    """Every module of commands, in the order of the help."""
    from jobman_agent.cli import (
        agent_command,
        autostart_command,
        check_command,
        config_command,
        demo_command,
        doctor_command,
        employ_command,
        keys_command,
        ledger_command,
        log_command,
        new_command,
        offers_command,
        policy_command,
        pool_command,
        run_command,
        tray_command,
        withdraw_command,
        work_command,
    )

    return (
        demo_command,
        new_command,
        check_command,
        run_command,
        employ_command,
        work_command,
        offers_command,
        withdraw_command,
        keys_command,
        pool_command,
        policy_command,
        agent_command,
        agent_commands,
        tray_command,
        doctor_command,
        ledger_command,
        log_command,
        autostart_command,
        config_command,
    )


def _run(argv: Sequence[str] | None) -> int:
    defaults = argparse.Namespace(config=None, pool=None, json=False, verbose=0)
    words = sys.argv[1:] if argv is None else argv
    try:
        args = build_parser(words[0] if words else None).parse_args(words, defaults)
    except InputError as exc:  # of an option's own parser
        print(f"jobman: {exc}", file=sys.stderr)
        return exc.exit_code
    try:
        code = int(args.run(args))
        print(end="", flush=True)  # a reader that has gone is noticed here, not at the exit
        return code
    except JobmanError as exc:
        return _tell(exc, args)
    except KeyboardInterrupt:
        print("jobman: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception:  # noqa: BLE001 - the outermost: it is kept in the log, and exit 70
        return _bug(args)


def _tell(exc: JobmanError, args: argparse.Namespace) -> int:
    if args.json:
        error: dict[str, object] = {"kind": type(exc).__name__, "text": str(exc)}
        if isinstance(exc, InputError) and exc.mistakes:
            error["mistakes"] = exc.mistakes
        print_json({"error": error})
    print(f"jobman: {exc}", file=sys.stderr)
    return exc.exit_code


def _bug(args: argparse.Namespace) -> int:
    import traceback

    from jobman_agent.cli.context import bug_report

    where = bug_report(traceback.format_exc())
    if where is None or args.verbose > 1:
        traceback.print_exc()
    print(
        "jobman: this is a fault of jobman itself"
        + (f"; what happened is in {where}" if where else ""),
        file=sys.stderr,
    )
    return ExitCode.BUG
