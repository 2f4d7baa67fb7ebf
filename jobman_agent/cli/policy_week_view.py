"""A week in a terminal: a row for each day, two characters an hour, and the numbers below.

Each character says by itself what it means; colours only help. 80 columns are enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jobman_agent.policy.week import Day, Shade, Week

if TYPE_CHECKING:
    from datetime import datetime

    from jobman_agent.cli.policy_week_preview import Preview

SIGNS = {
    Shade.WORKING: "#",
    Shade.FROZEN: "f",
    Shade.OWNER: "o",
    Shade.OTHER: "x",
    Shade.HOURS: ".",
    Shade.NONE: " ",
}
_STYLES = {
    Shade.WORKING: "black on green",
    Shade.FROZEN: "black on yellow",
    Shade.OWNER: "white on blue",
    Shade.OTHER: "white on red",
    Shade.HOURS: "dim",
    Shade.NONE: "",
}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_CELL_MINUTES = 30
_CELLS = 48
_LABEL = 8
_HOUR_S = 3600.0


def print_week(preview: Preview) -> None:
    """Show all of it on stdout."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False, soft_wrap=True)
    for line in headline(preview):
        console.print(line)
    console.print()
    console.print(_hour_line())
    for day in preview.week.days:
        row = Text(day_label(day).ljust(_LABEL))
        for shade in cells(day):
            row.append(SIGNS[shade], style=_STYLES[shade])
        row.append(f"  {hours_text(day.gained_s):>6}")
        console.print(row)
    legend = Text()
    for shade in (Shade.WORKING, Shade.FROZEN, Shade.OWNER, Shade.OTHER, Shade.HOURS):
        legend.append(f" {SIGNS[shade]} ", style=_STYLES[shade])
        legend.append(f" {shade.value}\n")
    legend.append("   (blank)  no record: the PC was off or asleep")
    console.print()
    console.print(legend)
    console.print()
    for one in numbers(preview):
        values = "".join(f"{value:>8}" for value in one.values)
        console.print(f"{one.name:<15}{values}  {one.note}".rstrip())


def headline(preview: Preview) -> list[str]:
    """Which week this is, and by what it was judged."""
    week = preview.week
    span = f"{_day_text(week.start)} to {_day_text(week.end)}"
    if preview.recorded:
        what = [f"What this PC would have done, {span}"]
    else:
        what = [f"An example week, {span}", "(made up: `jobman agent` records the real ones)"]
    return [*what, f"judged by {preview.settings}, if there is always work"]


class Row(NamedTuple):
    """One line of the numbers."""

    name: str
    values: tuple[str, ...] = ()
    note: str = ""


def numbers(preview: Preview) -> list[Row]:
    """What was gained, and what each rule cost; an empty row between."""
    week, before = preview.week, preview.before
    rows = _rows(week)
    if before is not None:
        pairs = zip(_rows(before), rows, strict=True)
        rows = [Row("", ("before", "after"))]
        rows += [Row(new.name, old.values + new.values, new.note) for old, new in pairs]
    if week.costs:
        rows += [Row(""), Row("held back by", ("hours", "alone"), "so much without that rule")]
    costs = [(c.code.value, hours_text(c.held_s), hours_text(c.alone_s)) for c in week.costs]
    return rows + [Row(code, (held, alone)) for code, held, alone in costs]


def cells(day: Day) -> list[Shade]:
    """What fills most of each half hour."""
    filled: list[dict[Shade, float]] = [{} for _ in range(_CELLS)]
    for piece in day.pieces:
        first, last = int(piece.start // _CELL_MINUTES), int(piece.end // _CELL_MINUTES)
        for number in range(first, min(last + 1, _CELLS)):
            start, end = number * _CELL_MINUTES, (number + 1) * _CELL_MINUTES
            part = min(piece.end, end) - max(piece.start, start)
            filled[number][piece.shade] = filled[number].get(piece.shade, 0.0) + part
    return [_most(cell) for cell in filled]


def day_label(day: Day) -> str:
    """Mon 23."""
    # Not %a: what it says follows the locale, and the texts are English.
    return f"{WEEKDAYS[day.date.weekday()]} {day.date.day:>2}"


def hours_text(seconds: float) -> str:
    """Hours with a tenth: 12.5."""
    return f"{seconds / _HOUR_S:.1f}"


def _most(cell: dict[Shade, float]) -> Shade:
    known = sum(cell.values())
    if known < _CELL_MINUTES / 2:
        return Shade.NONE
    return max(cell, key=lambda shade: cell[shade])


def _rows(week: Week) -> list[Row]:
    known = f"of {hours_text(week.known_s)} that are known"
    return [
        Row("hours gained", (hours_text(week.gained_s),), known),
        Row("interruptions", (str(week.interruptions),), "somebody came while packages ran"),
        Row("hand backs", (str(week.hand_backs),), "what was held had to be handed back"),
        Row("cut off", (str(week.cut_off),), "asleep or switched off while it held packages"),
        Row("flaps", (str(week.flaps),), "work that ended again within 5 minutes"),
    ]


def _hour_line() -> str:
    marks = "".join(f"{hour:<6}" for hour in range(0, 24, 3))
    return f"{'':<{_LABEL}}{marks}24 gained"


def _day_text(moment: datetime) -> str:
    return f"{WEEKDAYS[moment.weekday()]} {moment:%Y-%m-%d %H:%M}"
