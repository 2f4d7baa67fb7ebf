"""``jobman policy --week``: a recorded week, or an example, judged by any settings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.cli.output import print_json, say
from jobman_agent.cli.policy_week_preview import Preview
from jobman_agent.errors import ExitCode, InputError, StorageError

if TYPE_CHECKING:
    import argparse

    from jobman_agent.cli.context import Context
    from jobman_agent.policy.recorded import Span
    from jobman_agent.policy.rules import Rules
    from jobman_agent.policy.week import Week

WEEK = timedelta(days=7)
_FEWEST_S = 3600.0
"""Less than this is no record yet."""
_BEFORE = timedelta(days=1)
"""So much before the week is judged too: what began then goes on into it."""
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Readings:
    """What is judged."""

    spans: list[Span]
    start: float
    end: float
    recorded: bool
    """False: made up."""
    unreadable: int = 0


def show_week(args: argparse.Namespace) -> int:
    """Judge the week and show it.

    Raises:
        InputError: mistakes in the settings, or a picture that cannot be named so.
        StorageError: the record cannot be read, or the picture not be written.
    """
    from jobman_agent.cli.context import load_context
    from jobman_agent.clock import SYSTEM_CLOCK

    picture = None if args.png is None else _picture_path(args.png)
    context = load_context(args)
    now = SYSTEM_CLOCK.now()
    readings = find_readings(context.places.home, now, example=args.example)
    _tell(readings, context)
    week = judge(readings, context)
    before = None if args.config is None else _as_it_is_now(args, readings)
    files = (Path(args.config or context.places.user_file), context.places.machine_file)
    settings = ", ".join(str(one) for one in files if one.is_file())
    settings = settings or "the defaults (there is no jobman.ini yet)"
    preview = Preview(week, readings.recorded, settings, before, readings.unreadable)
    if picture is not None:
        _draw(preview, picture)
    if args.json:
        print_json(as_json(preview, picture))
    else:
        from jobman_agent.cli.policy_week_view import print_week

        print_week(preview)
    return ExitCode.DONE


def find_readings(home: Path, now: datetime, *, example: bool = False) -> Readings:
    """The last seven days of the record; the example week where there is none yet.

    Raises:
        StorageError: a file of the record cannot be read.
        InputError: TZ names no time zone.
    """
    from jobman_agent.agent.record import read_record
    from jobman_agent.policy.office_week import office_week

    found = read_record(home, now - WEEK - _BEFORE, now)
    start, end = (now - WEEK).timestamp(), now.timestamp()
    known = sum(max(0.0, min(one.end, end) - max(one.start, start)) for one in found.spans)
    if known >= _FEWEST_S and not example:
        return Readings(found.spans, start, end, recorded=True, unreadable=found.unreadable)
    made_up = office_week(now, None)
    return Readings([made_up], made_up.start, made_up.end, recorded=False)


def judge(readings: Readings, context: Context) -> Week:
    """The week by these settings.

    Raises:
        InputError: TZ names no time zone.
    """
    from jobman_agent.policy.replay import replay
    from jobman_agent.policy.week import make_week

    rules = _rules(readings, context)
    zone = rules.calendar.zone
    return make_week(replay(readings.spans, rules), readings.start, readings.end, zone)


def _rules(readings: Readings, context: Context) -> Rules:
    from jobman_agent.policy import make_rules
    from jobman_agent.settings.public_holidays import find_holidays

    first, last = (datetime.fromtimestamp(t, UTC).date() for t in (readings.start, readings.end))
    holidays = find_holidays(context.settings, context.places.home, first, last)
    if holidays.note:
        say(f"jobman: {holidays.note}")
    return make_rules(context.settings, holidays=frozenset(holidays.dates))


def _tell(readings: Readings, context: Context) -> None:
    """What the numbers do not show."""
    if readings.unreadable:
        lines = "1 line" if readings.unreadable == 1 else f"{readings.unreadable} lines"
        say(f"jobman: {lines} of the record cannot be read (torn by a crash or a full disk)")
    if not readings.recorded:
        return
    listed = context.settings.idle.not_while_running
    told = {seen.listed for span in readings.spans for _, seen in span.steps}
    looked_for = {name.lower() for names in told for name in names}
    unknown = [name for name in listed if name.lower() not in looked_for]
    if unknown:
        say(
            f"jobman: nobody looked for {', '.join(unknown)} while this was recorded: the preview "
            "takes them for not running"
        )


def _as_it_is_now(args: argparse.Namespace, readings: Readings) -> Week | None:
    """The same by the settings without ``--config``; None if these are wrong, which is said."""
    import argparse

    from jobman_agent.cli.context import load_context

    try:
        present = load_context(argparse.Namespace(**(vars(args) | {"config": None})))
        return judge(readings, present)
    except (InputError, StorageError) as exc:
        say(f"jobman: no comparison with the settings that hold now: {exc}")
        return None


def _picture_path(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() != ".png":
        raise InputError(f"--png {text!r}: write a name that ends in .png")
    if not path.absolute().parent.is_dir():
        raise InputError(f"--png {text!r}: there is no folder {path.absolute().parent}")
    return path


def _draw(preview: Preview, path: Path) -> None:
    from jobman_agent.cli.policy_week_picture import draw_week
    from jobman_agent.storage.files import write_atomic

    write_atomic(path, draw_week(preview))
    say(f"drawn: {os.fspath(path)}")


# ---- JSON
def as_json(preview: Preview, picture: Path | None) -> dict[str, object]:
    """What ``--json`` prints; hours as numbers, times in local time with their offset."""
    week = preview.week
    return {
        "source": "record" if preview.recorded else "example",
        "from": _iso(week.start),
        "until": _iso(week.end),
        "unreadable_lines": preview.unreadable,
        **_numbers(week),
        "before": None if preview.before is None else _numbers(preview.before),
        "days": [
            {
                "date": day.date.isoformat(),
                "hours_gained": _hours(day.gained_s),
            }
            for day in week.days
        ],
        "stretches": [
            {
                "from": _iso(datetime.fromtimestamp(one.start, UTC).astimezone(week.end.tzinfo)),
                "hours": _hours(one.seconds),
                "state": one.doing.value,
                "reasons": sorted(code.value for code in one.reasons),
            }
            for one in week.stretches
        ],
        "png": None if picture is None else str(picture),
    }


def _numbers(week: Week) -> dict[str, object]:
    return {
        "hours_known": _hours(week.known_s),
        "hours_gained": _hours(week.gained_s),
        "interruptions": week.interruptions,
        "hand_backs": week.hand_backs,
        "cut_off": week.cut_off,
        "flaps": week.flaps,
        "reasons": [
            {"code": c.code.value, "hours": _hours(c.held_s), "hours_alone": _hours(c.alone_s)}
            for c in week.costs
        ],
    }


def _hours(seconds: float) -> float:
    return round(seconds / HOUR_S, 2)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
