"""``jobman offers`` and ``jobman withdraw``: what stands in the hiring queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command
from jobman_agent.cli.output import count_text, print_json, print_table, say, seconds_text
from jobman_agent.errors import ExitCode

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable
    from datetime import datetime

    from jobman_agent.cli.commands import Commands
    from jobman_agent.cli.context import Context
    from jobman_agent.model.messages import Offer
    from jobman_agent.trust.employers import NotTrusted, Trusted

_OFFERS = """\
Show the offers that stand in the pool's hiring queue, and whether this PC would take them up:
whom it works for is in [employers] of jobman.ini, or was said by jobman keys trust.
"""
HEADERS = ("offer", "employer", "title", "program", "waiting", "workers", "age", "trusted")


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    add_command(commands, common, "offers", "show what stands in the hiring queue", _OFFERS, run)


def run(args: argparse.Namespace) -> int:
    """Look into the hiring queue once."""
    import asyncio

    from jobman_agent.cli.context import load_context, start_log
    from jobman_agent.clock import SYSTEM_CLOCK
    from jobman_agent.trust.employers import load_employers

    context = load_context(args)
    employers = load_employers(context.settings, context.places.employers_file)
    start_log(context.places, args.verbose)
    frames = asyncio.run(_scan(context))
    now = SYSTEM_CLOCK.now()
    offers, junk = open_offers(frames)
    seen = [
        Seen(offer, key, employers.judge(key, offer.voucher, now), key == context.key.public)
        for offer, key in offers
    ]
    if junk:
        what = count_text(junk, "message")
        say(f"passed over what is no signed offer in the hiring queue: {what}")
    if args.json:
        print_json([_as_json(one, now) for one in seen])
    elif seen:
        print_table(HEADERS, [_row(one, now) for one in seen])
    else:
        say(f"no offers stand in {context.address}")
    return ExitCode.DONE


@dataclass(frozen=True, slots=True)
class Seen:
    """An offer, who signed it, and what this PC thinks of that."""

    offer: Offer
    key: str
    verdict: Trusted | NotTrusted
    ours: bool


async def _scan(context: Context) -> list[bytes]:
    from jobman_agent.cli.reaching import reached

    async with reached(context) as pool:
        return list(await pool.scan())


def open_offers(frames: Iterable[bytes]) -> tuple[list[tuple[Offer, str]], int]:
    """The newest sequence of each signer's offers; and how many frames were none."""
    from jobman_agent.errors import InputError, WireError
    from jobman_agent.model.messages import Offer
    from jobman_agent.trust.frames import open_frame

    newest: dict[tuple[str, str], tuple[Offer, str]] = {}
    junk = 0
    for frame in frames:
        try:
            opened = open_frame(frame)
        except (WireError, InputError):
            junk += 1
            continue
        if not isinstance(opened.message, Offer):
            junk += 1
            continue
        which = (opened.signer, opened.message.offer)
        before = newest.get(which)
        if before is None or before[0].sequence < opened.message.sequence:
            newest[which] = (opened.message, opened.signer)
    return list(newest.values()), junk


def _as_json(seen: Seen, now: datetime) -> dict[str, object]:
    from jobman_agent.model.public_key import fingerprint
    from jobman_agent.trust.employers import Trusted

    offer, verdict = seen.offer, seen.verdict
    trusted = isinstance(verdict, Trusted)
    return {
        "offer": offer.offer,
        "employer": offer.employer,
        "key": seen.key,
        "fingerprint": fingerprint(seen.key),
        "title": offer.title,
        "program": offer.program,
        "cores": offer.needs.cores,
        "memory": offer.needs.memory or None,
        "own_code": offer.own_code,
        "waiting": offer.waiting,
        "workers": offer.workers,
        "usual": offer.usual_s,
        "posted": offer.time,
        "age": _seconds_since(offer.time, now),
        "expires": offer.expires,
        "trusted": trusted,
        "trusted_as": verdict.name if isinstance(verdict, Trusted) else None,
        "allow_code": verdict.allow_code if isinstance(verdict, Trusted) else False,
        "why": "" if isinstance(verdict, Trusted) else verdict.reason,
        "ours": seen.ours,
    }


def _row(seen: Seen, now: datetime) -> tuple[str, ...]:
    offer = seen.offer
    age = _seconds_since(offer.time, now)
    over = _seconds_since(offer.expires, now)
    shown = "not known" if age is None else seconds_text(max(0.0, age))
    return (
        offer.offer,
        offer.employer,
        offer.title,
        offer.program,
        str(offer.waiting),
        str(offer.workers),
        f"{shown}, expired" if over is not None and over > 0 else shown,
        trust_text(seen),
    )


def trust_text(seen: Seen) -> str:
    """Whether this PC would work for it, in a word or two."""
    from jobman_agent.trust.employers import Trusted

    verdict = seen.verdict
    if not isinstance(verdict, Trusted):
        return "no, your own" if seen.ours else "no"
    if seen.offer.own_code and not verdict.allow_code:
        return f"as {verdict.name}, but not with own code"
    return f"as {verdict.name}"


def _seconds_since(text: str, now: datetime) -> float | None:
    """By this PC's clock; negative: still to come; None: it is no time."""
    from jobman_agent.errors import MalformedMessage
    from jobman_agent.model.wire import parse_time

    try:
        return round((now - parse_time(text)).total_seconds(), 1)
    except MalformedMessage:
        return None
