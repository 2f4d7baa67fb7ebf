"""How a job stands, as people see it: a live picture on a terminal, plain lines elsewhere. Pure.

What workers call themselves and what failed packages say was written by strangers: nothing of it
is ever read as markup, and nothing of it can move the cursor.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from jobman_agent.cli.output import count_text, one_line, seconds_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from jobman_agent.employer.progress import Progress, WorkerNow

WIDEST = 110
"""Columns; wider lines are hard to read."""
NARROW = 64
"""Columns below which only what matters most is shown."""
_SLOTS_DRAWN = 8
_SILENT_S = 60.0
_WORKERS_LEAST = 2
_FAILURES_MOST = 4
_OTHER_LINES = 9
_MINUTE_S, _HOUR_S = 60.0, 3600.0
_PER_SECOND_FROM = 0.5

_ACCEPTED = Style(color="green")
_FAILED = Style(color="red", bold=True)
_OUT = Style(color="cyan")
_DIM = Style(dim=True)
_BOLD = Style(bold=True)
_WARN = Style(color="yellow")


@dataclass(frozen=True, slots=True)
class Heading:
    """What does not change while a job runs."""

    title: str
    pool: str
    hint: str = ""
    """The last line: what the person can do."""


class ProgressView:
    """A picture of a job, as wide and as high as the terminal is.

    Args:
        heading: Which job it is.
        progress: How it stands.
        seconds: Since this run of it began.
    """

    def __init__(self, heading: Heading, progress: Progress, seconds: float) -> None:
        self._heading = heading
        self._now = progress
        self._seconds = seconds

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines of the picture; called by rich."""
        width = min(options.max_width, WIDEST)
        options = options.update(width=width)
        ascii_only = options.ascii_only
        room = max(_WORKERS_LEAST, console.height - _OTHER_LINES - self._failures_shown(console))
        yield from self._above(width, ascii_only)
        yield Text()
        if self._now.workers:
            yield _workers_table(self._now.workers, width, room, ascii_only=ascii_only)
            yield Text()
        yield from self._failures(self._failures_shown(console), width, ascii_only=ascii_only)
        yield from self._notes()
        if self._heading.hint:
            yield Text(self._heading.hint, style=_DIM, no_wrap=True, overflow="crop")

    def _above(self, width: int, ascii_only: bool) -> Iterator[RenderableType]:
        now, title = self._now, Text(one_line(self._heading.title), style=_BOLD)
        yield _both_ends(title, Text(one_line(self._heading.pool), style=_DIM), width)
        yield _Bar(now, width, "=" if ascii_only else "━")
        counts = Text.assemble(
            (f"{now.accepted}", _ACCEPTED), f" of {now.packages}", (" accepted", _DIM)
        )
        if now.failed:
            counts.append_text(Text.assemble((f"  {now.failed} failed", _FAILED)))
        parts = [(now.leased, "handed out"), (now.judging, "judged now"), (now.waiting, "wait")]
        for count, word in parts:
            if count:
                counts.append_text(Text.assemble(f"  {count}", (f" {word}", _DIM)))
        done = now.accepted + now.failed
        percent = Text(f"{100 * done // now.packages if now.packages else 100} %", style=_BOLD)
        yield _both_ends(counts, percent, width)
        yield Text(_pace(now, self._seconds), style=_DIM, no_wrap=True, overflow="crop")

    def _failures_shown(self, console: Console) -> int:
        most = min(_FAILURES_MOST, max(1, console.height // 6))
        return min(most, len(self._now.failures))

    def _failures(self, most: int, width: int, *, ascii_only: bool) -> Iterator[Text]:
        now = self._now
        for name, why in now.failures[:most]:
            line = Text.assemble(
                ("failed ", _FAILED), (one_line(name), _BOLD), f"  {one_line(why)}"
            )
            line.truncate(width, overflow="crop" if ascii_only else "ellipsis")
            yield line
        if now.failed > most:
            more = f"and {now.failed - most} more have failed"
            yield Text(more, style=_DIM, no_wrap=True, overflow="crop")

    def _notes(self) -> Iterator[Text]:
        now = self._now
        if not now.connected:
            why = now.pool or "it does not answer"
            yield Text.assemble(("waiting for the pool: ", _WARN), one_line(why))
        elif not now.workers and now.waiting:
            yield Text("no worker yet; packages wait until one comes", style=_WARN)
        if now.refusals:
            yield Text(one_line(now.refusals), style=_WARN)
        if now.unwritten:
            names = ", ".join(now.unwritten[:3])
            yield Text(f"not written to results/ yet: {one_line(names)}", style=_WARN)


class _Bar:
    """All packages as one line: accepted, failed, handed out, waiting."""

    def __init__(self, now: Progress, width: int, char: str) -> None:
        self._now, self._width, self._char = now, width, char

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        now = self._now
        plain = console.color_system is None or console.no_color
        shares = [
            (now.accepted, _ACCEPTED, "#" if plain else self._char),
            (now.failed, _FAILED, "x" if plain else self._char),
            (now.leased + now.judging, _OUT, "-" if plain else self._char),
            (now.waiting, _DIM, "." if plain else self._char),
        ]
        for columns, (_, style, char) in zip(
            divide(self._width, [share[0] for share in shares]), shares, strict=True
        ):
            if columns:
                yield Segment(char * columns, style)
        yield Segment.line()


def divide(width: int, counts: Sequence[int]) -> list[int]:
    """Share out columns by counts; whatever there is gets one column at least."""
    total = sum(counts)
    if not total or width < len(counts):
        return [0] * len(counts)
    columns = [max(1, width * count // total) if count else 0 for count in counts]
    # What rounding left over, or took too much, is the largest part's.
    largest = columns.index(max(columns))
    columns[largest] += width - sum(columns)
    return columns


def _both_ends(left: Text, right: Text, width: int) -> Table:
    """One line, its ends at the borders; the left one is shortened where there is no room."""
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.width = width
    grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    grid.add_column(no_wrap=True, justify="right", overflow="ellipsis", max_width=width // 2)
    grid.add_row(left, right)
    return grid


def _workers_table(
    workers: Sequence[WorkerNow], width: int, room: int, *, ascii_only: bool
) -> Table:
    ordered = sorted(workers, key=lambda worker: _natural(worker.name))
    shown = ordered if len(ordered) <= room else ordered[: room - 1]
    table = Table(box=None, pad_edge=False, header_style=_DIM, padding=(0, 3, 0, 0))
    table.add_column(
        "worker", no_wrap=True, overflow="ellipsis", min_width=8, max_width=max(8, width // 3)
    )
    table.add_column("slots", no_wrap=True)
    table.add_column("done", justify="right", no_wrap=True)
    if width >= NARROW:
        table.add_column("", no_wrap=True, overflow="ellipsis")
    for worker in shown:
        row = [
            Text(one_line(worker.name)),
            _slots(worker, ascii_only=ascii_only),
            Text(str(worker.accepted)),
        ]
        table.add_row(*row, *([_what_it_does(worker)] if width >= NARROW else []))
    if hidden := ordered[len(shown) :]:
        rest = sum(worker.accepted for worker in hidden)
        more = Text(f"{len(hidden)} more", style=_DIM)
        table.add_row(more, "", Text(str(rest), style=_DIM))
    return table


def _slots(worker: WorkerNow, *, ascii_only: bool) -> Text:
    busy = 0 if worker.paused else min(worker.held, worker.slots)
    if worker.slots > _SLOTS_DRAWN:
        return Text(f"{busy} of {worker.slots}", style=_OUT if busy else _DIM)
    full, free = ("#", ".") if ascii_only else ("●", "○")
    return Text.assemble((full * busy, _OUT), (free * (worker.slots - busy), _DIM))


def _what_it_does(worker: WorkerNow) -> Text:
    if worker.heard_s >= _SILENT_S:
        return Text(f"silent for {seconds_text(worker.heard_s)}", style=_WARN)
    if worker.paused:
        return Text("paused", style=_WARN)
    waiting = worker.held - worker.slots
    return Text(f"{waiting} more wait there" if waiting > 0 else "", style=_DIM)


def _natural(name: str) -> list[str | int]:
    parts = re.split(r"([0-9]+)", name.casefold())
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


def rate_text(rate: float) -> str:
    """Packages in the unit of time that makes a number one can imagine."""
    for seconds, unit in ((1.0, "s"), (_MINUTE_S, "min"), (_HOUR_S, "h")):
        if rate * seconds >= _PER_SECOND_FROM or unit == "h":
            return f"{rate * seconds:.3g}/{unit}"
    raise AssertionError  # the last unit returns


def _whole(seconds: float) -> str:
    return seconds_text(max(1.0, math.ceil(seconds)))


def _pace(now: Progress, seconds: float) -> str:
    if now.accepted + now.failed >= now.packages:
        return f"done in {seconds_text(seconds)}"
    parts = [f"{_whole(seconds)} so far"]
    if now.rate:
        parts.insert(0, rate_text(now.rate))
    if now.left_s is not None:
        parts.append(f"about {_whole(now.left_s)} left")
    return "   ".join(parts)


def plain_line(now: Progress) -> str:
    """How a job stands, in one line."""
    parts = [f"{now.accepted} of {now.packages} accepted"]
    if now.failed:
        parts.append(f"{now.failed} failed")
    if now.leased + now.judging:
        parts.append(f"{now.leased + now.judging} handed out")
    if now.waiting:
        parts.append(f"{now.waiting} wait")
    parts.append(count_text(len(now.workers), "worker"))
    if now.rate:
        parts.append(rate_text(now.rate))
    if now.left_s and now.accepted + now.failed < now.packages:
        parts.append(f"about {_whole(now.left_s)} left")
    return ", ".join(parts)


class PlainLines:
    """Decides when a line is due where nobody sees a picture: at changes, never every second."""

    def __init__(self) -> None:
        self._names: frozenset[str] = frozenset()
        self._ended = 0
        self._next_s = 0.0

    def lines(self, now: Progress, seconds: float) -> list[str]:
        """What is to be said now, if anything.

        Args:
            now: How the job stands.
            seconds: Since this run of it began.
        """
        names = frozenset(worker.name for worker in now.workers)
        found = [f"{one_line(name)} works for this job" for name in sorted(names - self._names)]
        ended = now.accepted + now.failed
        if ended < now.packages:  # at the end they all leave
            found += [f"{one_line(name)} has left" for name in sorted(self._names - names)]
        self._names = names
        if ended != self._ended and seconds >= self._next_s and ended < now.packages:
            found.append(plain_line(now))
            self._ended = ended
            # Every 5 s at first, every few minutes in a job of many hours.
            self._next_s = seconds + min(max(5.0, seconds / 20), 300.0)
        return found
