"""``jobman ledger``: what ran on this PC, night by night."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command
from jobman_agent.cli.output import (
    count_text,
    one_line,
    print_json,
    say,
    seconds_text,
    size_text,
)
from jobman_agent.errors import ExitCode, InputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from datetime import date

    from jobman_agent.agent.nights import Entry, Night, Sum
    from jobman_agent.cli.commands import Commands

NIGHTS = 7
_NIGHTS_MOST = 400
_ABOUT = f"""\
What ran on this PC, for whom, for how long and how it ended: the last {NIGHTS} nights, or as many
as --nights says. A night runs from noon to noon. What ended alike of one job is one line; with -v
each package has its own, with the time at which it ended.

Written by jobman agent, of what its workers do; jobman work alone says what it does itself. Time
is without what was frozen while the owner was back, CPU is that of all cores together, memory that
of the largest package. It goes back about a year.
"""
_HEADERS = ("night", "ended", "employer", "job", "package", "how", "packages", "seconds",
            "cpu_seconds", "peak_memory")  # fmt: skip
_WORDS = {
    "timed_out": "too long",
    "handed_back": "interrupted",
}
"""How it ended, where the word of a result says little to a PC's owner."""
_WIDE = 51
"""What the columns behind the first take."""


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = add_command(commands, common, "ledger", "what ran here, by night", _ABOUT, _run)
    parser.add_argument(
        "--nights",
        metavar="N",
        type=_count,
        default=NIGHTS,
        help=f"so many nights, tonight's included (else {NIGHTS})",
    )


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _NIGHTS_MOST:
        raise InputError(f"--nights {text[:20]!r}: write a whole number from 1 to {_NIGHTS_MOST}")
    return int(text)


def _run(args: argparse.Namespace) -> int:
    from jobman_agent.agent.nights import by_night, night_of, read_ledger
    from jobman_agent.clock import SYSTEM_CLOCK
    from jobman_agent.settings.places import find_places

    entries, damaged = read_ledger(find_places(os.environ).home)
    now = SYSTEM_CLOCK.now()
    first = night_of(now) - timedelta(days=args.nights - 1)
    nights = by_night(entries)
    shown = [night for night in nights if night.date >= first]
    if args.json:
        print_json(_as_json(shown, damaged))
        return ExitCode.DONE
    if damaged:
        say(f"jobman: {count_text(damaged, 'damaged line')} of the ledger left out")
    if not shown:
        say(_nothing(nights, args.nights))
        return ExitCode.DONE
    if sys.stdout.isatty():
        _print_nights(shown, now.astimezone().date(), each=bool(args.verbose))
    else:
        _print_lines(shown, each=bool(args.verbose))
    return ExitCode.DONE


def _nothing(nights: list[Night], asked: int) -> str:
    if not nights:
        return "nothing has run on this PC yet (jobman why says what holds it back)"
    last = nights[-1].date
    return (
        f"nothing has run in the last {count_text(asked, 'night')}; the last time was the night of "
        f"{last:%Y-%m-%d} (--nights N)"
    )


def _rows(night: Night, *, each: bool) -> list[Entry]:
    from jobman_agent.agent.nights import put_together

    return list(night.entries) if each else put_together(night.entries)


# ---- for people
def _print_nights(nights: list[Night], today: date, *, each: bool) -> None:
    width = max(60, shutil.get_terminal_size().columns) - _WIDE
    print(_line(width, "", "how it ended", ("time", "CPU", "memory")))
    for night in nights:
        day = f"{night.date:%A} {night.date.day} {night.date:%B}"
        print(f"night of {day}{_called(night.date, today)}")
        rows = _rows(night, each=each)
        job: tuple[str, str] | None = None
        for entry in rows if each else sorted(rows, key=_order):
            again, job = job == (entry.employer, entry.title), (entry.employer, entry.title)
            how = f"{entry.packages} {_WORDS.get(entry.outcome, entry.outcome)}"
            what = _when(entry) if each else _what(entry, width, again=again)
            print(_line(width, what, how, _amounts(entry)))
        if len(rows) > 1:
            print(_total(width, "in all", night.sum))
    if len(nights) > 1:
        from jobman_agent.agent.nights import total

        found = total(entry for night in nights for entry in night.entries)
        print(_total(width, count_text(len(nights), "night"), found, indent=""))


def _called(night: date, today: date) -> str:
    if night == today:
        return ", tonight (since noon)"
    return ", last night" if night == today - timedelta(days=1) else ""


def _order(entry: Entry) -> tuple[str, str, bool, str]:
    """Job by job; first what is done, then what went otherwise."""
    return entry.employer, entry.title, entry.outcome != "done", entry.outcome


def _what(entry: Entry, width: int, *, again: bool) -> str:
    """For whom, and what: the job, and the package where it is one."""
    package = one_line(entry.package)
    if again:
        return f"  {package}"
    tail = f", {package}" if package else ""
    return _cut(f"{entry.employer or '?'}: {entry.title or '?'}", max(9, width - len(tail))) + tail


def _when(entry: Entry) -> str:
    names = [name for name in (entry.package, entry.title) if name]
    return f"{entry.ended.astimezone():%H:%M}  {entry.employer or '?'}: {' of '.join(names) or '?'}"


def _cut(text: str, room: int) -> str:
    text = one_line(text)
    return text if len(text) <= room else f"{text[: room - 1]}…"


def _amounts(entry: Entry | Sum) -> tuple[str, str, str]:
    if not entry.seconds and not entry.peak_memory:
        return ("?", "?", "?")  # its worker died
    return (
        seconds_text(entry.seconds),
        seconds_text(entry.cpu_seconds),
        size_text(entry.peak_memory),
    )


def _total(width: int, what: str, found: Sum, indent: str = "  ") -> str:
    how = count_text(found.packages, "package")
    return _line(width, what, how, _amounts(found), indent)


def _line(
    width: int, what: str, how: str, amounts: tuple[str, str, str], indent: str = "  "
) -> str:
    room = width + 2 - len(indent)
    time, cpu, memory = amounts
    return f"{indent}{_cut(what, room):<{room}} {how:>15} {time:>11} {cpu:>11} {memory:>7}".rstrip()


# ---- for programs
def _print_lines(nights: list[Night], *, each: bool) -> None:
    print("\t".join(_HEADERS))
    for row in _cells(nights, each=each):
        print("\t".join(one_line(str(cell)) for cell in row))


def _cells(nights: list[Night], *, each: bool) -> Iterator[tuple[object, ...]]:
    from jobman_agent.model.wire import time_text

    for night in nights:
        for found in _rows(night, each=each):
            entry = replace(found, outcome=_WORDS.get(found.outcome, found.outcome))
            yield (
                night.date,
                time_text(entry.ended),
                entry.employer,
                entry.title,
                entry.package,
                entry.outcome,
                entry.packages,
                round(entry.seconds, 3),
                round(entry.cpu_seconds, 3),
                entry.peak_memory,
            )


def _as_json(nights: list[Night], damaged: int) -> dict[str, object]:
    from jobman_agent.agent.nights import noon, total
    from jobman_agent.model.wire import time_text

    every = total(entry for night in nights for entry in night.entries)
    return {
        "nights": [
            {
                "night": night.date.isoformat(),
                "begins": time_text(noon(night.date)),
                "ends": time_text(noon(night.date + timedelta(days=1))),
                **_sums(night.sum),
                "entries": [_entry(entry) for entry in night.entries],
            }
            for night in nights
        ],
        **_sums(every),
        "damaged": damaged,
    }


def _sums(found: Sum | Entry) -> dict[str, object]:
    return {
        "packages": found.packages,
        "seconds": round(found.seconds, 3),
        "cpu_seconds": round(found.cpu_seconds, 3),
        "peak_memory": found.peak_memory,
    }


def _entry(entry: Entry) -> dict[str, object]:
    from jobman_agent.model.wire import time_text

    return {
        "ended": time_text(entry.ended),
        "employer": entry.employer or None,
        "title": entry.title or None,
        "package": entry.package or None,
        "outcome": entry.outcome,
        **_sums(entry),
    }
