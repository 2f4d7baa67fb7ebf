"""``jobman policy``: when this PC may work, judged by its settings alone."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command
from jobman_agent.cli.output import print_json, say
from jobman_agent.errors import ExitCode, InputError

if TYPE_CHECKING:
    import argparse

    from jobman_agent.cli.commands import Commands
    from jobman_agent.model.verdict import Verdict

_ABOUT = """\
Whether this PC may start work at a time, judged by its settings alone: nobody looks whether
the owner is here or what the processor does. Without --at: now. A time without an offset is
local time; times are shown in the zone of TZ, else the system's.
"""
_YEARS = range(1970, 9001)
"""What every time zone library can count with."""


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = add_command(commands, common, "policy", "when this PC may work", _ABOUT, _run)
    parser.add_argument(
        "--at", metavar="ISO-TIME", help="2026-12-24T18:00, or with an offset: ...T18:00+01:00"
    )


def _run(args: argparse.Namespace) -> int:
    from jobman_agent.cli.context import load_context
    from jobman_agent.clock import SYSTEM_CLOCK
    from jobman_agent.policy import judge_hours, make_rules
    from jobman_agent.settings.public_holidays import find_holidays

    context = load_context(args)
    now = SYSTEM_CLOCK.now()
    moment = now if args.at is None else _moment(args.at)
    days = (moment.date(), now.astimezone().date())
    holidays = find_holidays(context.settings, context.places.home, *days)
    if holidays.note:
        say(f"jobman: {holidays.note}")
    rules = make_rules(context.settings, holidays=frozenset(holidays.dates))
    verdict = judge_hours(rules, moment)
    if args.json:
        print_json(_as_json(verdict))
        return ExitCode.DONE
    allowed = "may start work" if not verdict.reasons else f"may not: {verdict.text}"
    print(f"{verdict.at:%Y-%m-%d %H:%M%z}  {allowed}")
    return ExitCode.DONE


def _moment(text: str) -> datetime:
    """The moment that an ISO time means.

    Raises:
        InputError: it is no time.
    """
    from jobman_agent.policy.hours import read_local

    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise InputError(
            f"--at {text!r} is no time: write for example 2026-12-24T18:00 or "
            "2026-12-24T18:00+01:00"
        ) from exc
    if moment.year not in _YEARS:
        raise InputError(f"--at {text!r}: only the years 1970 to 9000 can be judged")
    if moment.tzinfo is not None:
        return moment
    moment, note = read_local(moment, None)
    if note is not None:
        say(f"jobman: {note}")
    return moment


def _as_json(verdict: Verdict) -> dict[str, object]:
    return {
        "allowed": not verdict.reasons,
        "reasons": [
            {"code": one.code.value, "text": one.text, "until": _iso(one.until)}
            for one in verdict.reasons
        ],
        "next": _iso(verdict.next),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
