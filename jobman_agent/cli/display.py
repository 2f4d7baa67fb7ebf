"""Where a command that runs for long shows what it does: a picture on a terminal, else lines.

Everything goes to stderr; stdout is for data.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol, Self

from jobman_agent.cli.output import one_line

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

FRAME_S = 0.5
"""Seconds between two pictures."""


class Display(Protocol):
    """Somewhere to show things; entered while the command runs."""

    live: bool
    """Whether pictures are shown."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(self, *exc: object) -> None:
        """Leave the terminal as it was; what was shown last stays."""
        ...

    def line(self, text: str, style: str = "") -> None:
        """Say something that stays."""
        ...

    def picture(self, picture: RenderableType) -> None:
        """Show the present state of things, instead of the last picture."""
        ...


class PlainDisplay:
    """Lines only."""

    live = False

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *exc: object) -> None:
        """There is nothing to be left."""

    def line(self, text: str, style: str = "") -> None:
        """Say something, on one line."""
        del style
        print(one_line(text), file=sys.stderr, flush=True)

    def picture(self, picture: RenderableType) -> None:
        """Nobody would see it."""


class LiveDisplay:
    """A picture at the bottom of a terminal, lines above it."""

    live = True

    def __init__(self, console: Console, live: Live) -> None:
        self._console = console
        self._live = live

    def __enter__(self) -> Self:
        """Begin."""
        self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Show the cursor again."""
        self._live.stop()

    def line(self, text: str, style: str = "") -> None:
        """Say something above the picture."""
        from rich.text import Text

        self._console.print(Text(one_line(text), style=style), soft_wrap=True)

    def picture(self, picture: RenderableType) -> None:
        """Show it now."""
        self._live.update(picture, refresh=True)


def open_display(verbosity: int, *, transient: bool = False) -> Display:
    """The display for this process's stderr.

    Args:
        verbosity: Number of ``-v``; from 2 on the log goes to stderr, which leaves no picture.
        transient: The last picture goes at the end.
    """
    if verbosity > 1 or not sys.stderr.isatty():
        return PlainDisplay()
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        return PlainDisplay()
    live = Live(console=console, auto_refresh=False, transient=transient, redirect_stdout=False)
    return LiveDisplay(console, live)
