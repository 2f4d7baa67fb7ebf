"""Short texts for icon, tooltip, menu and notification. Pure.

What strangers wrote (names, titles) is cut and made one line before it is shown.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from jobman_agent.model.verdict import clock_text

if TYPE_CHECKING:
    from collections.abc import Sequence

ELLIPSIS = "…"
_HOUR_S, _MINUTE_S, _TENTHS_S, _SECONDS_S = 3600, 60, 10, 120
_DIGITS = 999.5


def plain(text: str, most: int) -> str:
    """One line of at most so many characters, without what could steer a terminal or a menu."""
    shown = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return cut(shown, most)


def units(text: str) -> int:
    """How long Windows takes a text to be: in UTF-16, an emoji counts twice."""
    return len(text.encode("utf-16-le")) // 2


def cut(text: str, most: int) -> str:
    """At most so many UTF-16 units, cut at a space where there is one not too far back."""
    if units(text) <= most:
        return text
    short = text[:most]
    while units(short) > most - 1:
        short = short[:-1]
    at = -1 if text[len(short)] == " " else short.rfind(" ", most // 2)
    return (short[:at] if at > 0 else short).rstrip(" ,;:.") + ELLIPSIS


def joined(parts: Sequence[str], last: str, most: int) -> str:
    """Parts with ``; `` between and `last` after them, the longest parts cut until all fits.

    Every part keeps a beginning, so that none is kept secret; if even that is too much, the last
    parts are counted instead.
    """
    tail = f"{ELLIPSIS} {last}" if not parts else f". {last}" if last else ""
    room = most - units(tail)
    for keep in range(len(parts), 0, -1):
        shown = list(parts[:keep])
        if keep < len(parts):
            shown.append(f"{len(parts) - keep} more")
        space = room - 2 * (len(shown) - 1)
        share = space // len(shown)
        if share >= _SHORTEST or keep == 1:
            return cut("; ".join(_fitted(shown, space)), room) + tail
    return cut(last, most)


_SHORTEST = 16


def _fitted(parts: list[str], space: int) -> list[str]:
    """Cut the longest until all fit."""
    lengths = sorted((units(part) for part in parts), reverse=True)
    limit = lengths[0]
    while sum(min(units(part), limit) for part in parts) > space and limit > 1:
        limit -= 1
    return [cut(part, limit) for part in parts]


def clock(moment: str, now: datetime) -> str:
    """An ISO time as people say it at `now`, in the zone of `now`: ``18:00``, ``Mon 07:30``."""
    return clock_text(datetime.fromisoformat(moment).astimezone(now.tzinfo), now)


def duration(seconds: float) -> str:
    """``12 s``, ``3 min``, ``2 h 5 min``."""
    if seconds < _SECONDS_S:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / _MINUTE_S), 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def size(count: int) -> str:
    """Bytes: ``500 MB``."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < _DIGITS:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"


def packages(count: int) -> str:
    """``1 package``, ``3 packages``."""
    return "1 package" if count == 1 else f"{count} packages"
