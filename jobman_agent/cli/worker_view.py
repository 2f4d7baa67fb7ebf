"""What a worker does now, in one line. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from jobman_agent.cli.output import count_text, one_line, seconds_text

if TYPE_CHECKING:
    from jobman_agent.worker.session.core import Snapshot

_NAMES_SHOWN = 2
_COLOURS = {"working": "green", "seeking": "cyan", "asked": "cyan"}
HINT = "Ctrl-C hands back and leaves"


def status_line(now: Snapshot | None, hint: str = HINT) -> Text:
    """A line for the bottom of a terminal."""
    if now is None:
        return Text("starting", style="dim")
    line = Text.assemble((_what(now), f"bold {_COLOURS.get(now.state, 'yellow')}"))
    if now.running:
        line.append(f"  {_running(now)}")
    if now.waiting:
        line.append(f"  {now.waiting} wait here", style="dim")
    if now.unreceipted:
        line.append(f"  {now.unreceipted} on the way back", style="dim")
    line.append(f"  {now.done} done", style="bold")
    if hint:
        line.append(f"  {hint}", style="dim")
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _what(now: Snapshot) -> str:
    employer = one_line(now.employer) if now.employer else None
    match now.state:
        case "working":
            return f"working for {employer}" if employer else "working"
        case "asked":
            return f"asked {employer or 'an employer'} for work"
        case "seeking":
            return "looking for offers"
        case other:
            return other


def _running(now: Snapshot) -> str:
    shown = [
        f"{one_line(held.name)} ({seconds_text(held.seconds)})"
        for held in now.running[:_NAMES_SHOWN]
    ]
    more = len(now.running) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def work_summary(done: int, seconds: float) -> str:
    """The last line of a worker."""
    return f"{count_text(done, 'package')} done here in {seconds_text(seconds)}"
