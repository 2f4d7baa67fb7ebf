"""``jobman withdraw``: take an offer of one's own out of the hiring queue."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command
from jobman_agent.cli.output import print_json, say
from jobman_agent.errors import ExitCode, InputError, PoolUnavailable

if TYPE_CHECKING:
    import argparse

    from jobman_agent.cli.commands import Commands
    from jobman_agent.cli.context import Context
    from jobman_agent.employer.journal.journal import Journal

_TRIES = 3
_DESCRIPTION = """\
Take an offer of your own out of the hiring queue, where employ could not do it itself (its PC
crashed, or was switched off). No work is lost: jobman employ JOB offers the job again.
"""


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = add_command(
        commands, common, "withdraw", "remove an offer of your own", _DESCRIPTION, run
    )
    parser.add_argument(
        "what",
        metavar="JOB|OFFER",
        help="the job folder, or the offer's id as jobman offers shows it",
    )


def run(args: argparse.Namespace) -> int:
    """Remove it, and look that it is gone."""
    import asyncio

    from jobman_agent.cli.context import load_context, start_log

    context = load_context(args)
    offer = _which(args.what)
    start_log(context.places, args.verbose)
    journal = _hold(context, offer)
    try:
        stood = asyncio.run(_withdraw(context, offer))
    finally:
        if journal is not None:
            journal.close()
    if args.json:
        print_json({"offer": offer, "stood": stood})
    elif stood:
        say(f"withdrawn: {offer}")
    else:
        say(f"no offer {offer} of yours stands in {context.address}")
    return ExitCode.DONE


def _which(text: str) -> str:
    from jobman_agent.employer.journal.identity import offer_of
    from jobman_agent.model.names import is_id

    folder = Path(text)
    if folder.is_dir():
        offer = offer_of(folder)
        if offer is None:
            raise InputError(
                f"{folder}: this folder has never been offered (jobman employ {folder})"
            )
        return offer
    if not is_id(text):
        raise InputError(f"{text}: there is no such folder, and an offer's id is 16 of a-z and 2-7")
    return text


def _hold(context: Context, offer: str) -> Journal | None:
    """The job's journal where it is on this PC: an employ that runs would post its offer again.

    Raises:
        AlreadyRunning: one runs.
    """
    from jobman_agent.clock import SYSTEM_CLOCK
    from jobman_agent.employer.journal.journal import Holder, Journal
    from jobman_agent.model.wire import time_text
    from jobman_agent.settings.places import host_name

    folder = context.places.home / "jobs" / offer
    if not folder.is_dir():
        return None
    holder = Holder(pid=os.getpid(), host=host_name(), since=time_text(SYSTEM_CLOCK.now()))
    return Journal.open(folder, holder)


async def _withdraw(context: Context, offer: str) -> bool:
    """Whether there was one of ours."""
    from jobman_agent.cli.offers_command import open_offers
    from jobman_agent.cli.reaching import reached

    async with reached(context) as pool:
        offers, _ = open_offers(await pool.scan())
        ours = any((o.offer, key) == (offer, context.key.public) for o, key in offers)
        for _ in range(_TRIES):
            if await pool.withdraw(offer):
                return ours
    raise PoolUnavailable(f"{context.address}: another program holds the hiring queue; try again")
