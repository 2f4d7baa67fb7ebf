"""How a command is added to the parser."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from rich_argparse import RawDescriptionRichHelpFormatter

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What ``add_subparsers`` returns; argparse itself keeps the name to itself."""


class HelpFormatter(RawDescriptionRichHelpFormatter):
    """Takes a section's name like ``[pool]`` for what it is, and not for markup."""

    text_markup = False
    help_markup = False


def add_command(
    commands: Commands,
    common: argparse.ArgumentParser,
    name: str,
    summary: str,
    description: str,
    run: Callable[[argparse.Namespace], int] | None = None,
) -> argparse.ArgumentParser:
    """Add a command, or a command of a command.

    Args:
        commands: Where to.
        common: The options that go anywhere.
        name: What is typed.
        summary: Its line in the list of commands.
        description: Above its own help.
        run: Does it and returns the exit code; None: it has commands of its own.
    """
    parser = commands.add_parser(
        name,
        parents=[common],
        help=summary,
        description=description,
        formatter_class=HelpFormatter,
    )
    if run is not None:
        parser.set_defaults(run=run)
    return parser


def add_subcommands(parser: argparse.ArgumentParser, *, required: bool = True) -> Commands:
    """Let a command have commands of its own; not required: it does something without, too."""
    return parser.add_subparsers(
        prog=parser.prog, dest="subcommand", metavar="COMMAND", required=required, title="commands"
    )
