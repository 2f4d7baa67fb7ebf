"""How commands answer: data on stdout (JSON, a table where a person looks, else plain lines)."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def print_json(value: object) -> None:
    """One JSON text on stdout; in ASCII, whatever encoding a console or a pipe has."""
    print(json.dumps(value, indent=2))


def say(text: str) -> None:
    """Talk, on stderr."""
    print(text, file=sys.stderr)


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows on stdout: a table where a person looks, else a line each, tabs between."""
    if not sys.stdout.isatty():
        for row in (headers, *rows):
            print("\t".join(one_line(cell) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, header in enumerate(headers):
        # What the first column names is typed in again: it is never cut.
        table.add_column(header, overflow="fold", no_wrap=number == 0)
    for row in rows:
        # As text: what strangers wrote must not be read as markup.
        table.add_row(*(Text(one_line(cell)) for cell in row))
    Console().print(table)


def one_line(cell: str) -> str:
    """A cell without what would move the cursor: offers are written by strangers."""
    return "".join(char if char.isprintable() else " " for char in cell)


def size_text(size: int) -> str:
    """Bytes as people write them: 500 MB."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:  # noqa: PLR2004 - rounds to three digits
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"


def seconds_text(seconds: float) -> str:
    """Seconds as people write durations: 0.4 s, 12 s, 3 min, 2 h 5 min, 4 d."""
    if seconds < 10:  # noqa: PLR2004 - then tenths say something
        return f"{seconds:.2g} s"
    if seconds < 120:  # noqa: PLR2004 - up to two minutes
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:  # noqa: PLR2004 - from two days on
        return f"{hours // 24} d"
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def count_text(count: int, thing: str) -> str:
    """How many: 1 file, 3 files."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
