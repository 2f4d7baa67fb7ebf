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

With --week: what this PC would have done in the last seven days, judged by these settings, or by
those of --config FILE. The agent records what that needs; where it has not yet, an example week is
judged. Assumed is that there is always work.
"""
_YEARS = range(1970, 9001)
"""What every time zone library can count with."""


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = add_command(commands, common, "policy", "when this PC may work", _ABOUT, _run)
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--at", metavar="ISO-TIME", help="2026-12-24T18:00, or with an offset: ...T18:00+01:00"
    )
    when.add_argument(
        "--week", action="store_true", help="what the last seven days would have been"
    )
    parser.add_argument("--png", metavar="FILE", help="with --week: draw it as well")
    parser.add_argument(
        "--example", action="store_true", help="with --week: the example week, whatever is recorded"
    )


def _run(args: argparse.Namespace) -> int:
    from jobman_agent.cli.context import load_context
    from jobman_agent.clock import SYSTEM_CLOCK
    from jobman_agent.policy import judge_hours, make_rules
    from jobman_agent.settings.public_holidays import find_holidays

    if args.week:
        from jobman_agent.cli.policy_week import show_week

        return show_week(args)
    if args.png is not None or args.example:
        raise InputError("--png and --example say how --week is shown: write --week too")
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
