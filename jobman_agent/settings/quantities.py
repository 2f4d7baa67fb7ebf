"""Durations, sizes and shares as people write them: ``1 h 30 min``, ``500 MB``, ``75 %``.

A unit is required, for a bare number is read differently by everybody. Units of size are those
of SI and IEC 80000-13: 1 kB = 1000 bytes and 1 MB = 1 000 000 bytes, as disks are sold;
1 KiB = 1024 bytes and 1 MiB = 1 048 576 bytes.

Every function takes text and raises ValueError with a sentence that says what would be right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

_SECONDS = {"s": 1, "sec": 1, "second": 1, "seconds": 1}
_SECONDS |= dict.fromkeys(("min", "minute", "minutes"), 60)
_SECONDS |= dict.fromkeys(("h", "hour", "hours"), 3600)
_SECONDS |= dict.fromkeys(("d", "day", "days"), 86400)
_BYTES = {"b": 1, "byte": 1, "bytes": 1}
_BYTES |= {f"{p}b": 1000**n for n, p in enumerate("kmgt", 1)}
_BYTES |= {f"{p}ib": 1024**n for n, p in enumerate("kmgt", 1)}
_PART = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([^\W\d_]*)")
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")
_MAX_SECONDS = 36_500 * 86_400
_ALL = 100.0


@dataclass(frozen=True, slots=True)
class Amount:
    """A share of what this PC has, or so much of it, whatever it has."""

    percent: float | None = None
    absolute: int | None = None

    def of(self, total: int) -> int:
        """How much that is where there is ``total``; never more, rounded down."""
        if self.percent is not None:
            return int(total * self.percent / _ALL)
        return min(total, self.absolute or 0)

    def __str__(self) -> str:
        return f"{self.percent:g} %" if self.percent is not None else str(self.absolute)


def parse_duration(text: str, *, at_least_seconds: int = 1) -> timedelta:
    """The duration in ``3 s``, ``10 min``, ``1 h 30 min`` or ``2 d``.

    Raises:
        ValueError: no unit, an unknown one, or shorter than ``at_least_seconds``.
    """
    right = "write for example 30 s, 10 min, 1 h 30 min or 2 d"
    seconds = 0.0
    position = 0
    smallest = float("inf")
    while position < len(text):
        part = _PART.match(text, position)
        if part is None:
            raise ValueError(f"{text!r} is no duration: {right}")
        number, unit = part.groups()
        if not unit:
            raise ValueError(f"{text!r} has no unit after {number}: {right}")
        if unit.lower() not in _SECONDS:
            raise ValueError(f"{text!r}: {unit!r} is no unit of time: {right}")
        if _SECONDS[unit.lower()] >= smallest:
            raise ValueError(f"{text!r}: the larger unit comes first, each once: {right}")
        smallest = _SECONDS[unit.lower()]
        seconds += float(number) * smallest
        position = part.end()
    if smallest == float("inf"):
        raise ValueError(f"a duration is missing: {right}")
    if not at_least_seconds <= seconds <= _MAX_SECONDS:
        raise ValueError(f"{text!r} must be at least {at_least_seconds} s and at most 36500 d")
    return timedelta(seconds=seconds)


def parse_size(text: str) -> int:
    """The bytes in ``500 MB``, ``1.5 GB`` or ``512 MiB``.

    Raises:
        ValueError: no unit, or an unknown one.
    """
    right = "write for example 500 MB, 1.5 GB or 512 MiB"
    part = _PART.fullmatch(text.strip())
    if part is None:
        raise ValueError(f"{text!r} is no size: {right}")
    number, unit = part.groups()
    if not unit:
        raise ValueError(f"{text!r} has no unit: {right}")
    if unit.lower() not in _BYTES:
        raise ValueError(f"{text!r}: {unit!r} is no unit of size: {right}")
    size = float(number) * _BYTES[unit.lower()]
    if size >= 2**63:
        raise ValueError(f"{text!r} is more than any disk holds: {right}")
    return int(size)


def parse_percent(text: str) -> float:
    """The number in ``75 %``: from 0 to 100.

    Raises:
        ValueError: no percent sign, or out of range.
    """
    match = _PERCENT.fullmatch(text.strip())
    if match is None or float(match[1]) > _ALL:
        raise ValueError(f"{text!r} is no percentage: write for example 75 % (0 % to 100 %)")
    return float(match[1])


def parse_size_or_percent(text: str) -> Amount:
    """A share of what there is (``50 %``) or a size (``4 GB``).

    Raises:
        ValueError: neither.
    """
    if "%" in text:
        return Amount(percent=parse_percent(text))
    return Amount(absolute=parse_size(text))


def parse_count_or_percent(text: str) -> Amount:
    """A share of what there is (``75 %``) or a whole number from 1 up (``3``).

    Raises:
        ValueError: neither.
    """
    if "%" in text:
        return Amount(percent=parse_percent(text))
    try:
        return Amount(absolute=parse_count(text))
    except ValueError as exc:
        raise ValueError(f"{text!r} is no number of cores: write for example 3 or 75 %") from exc


def parse_count(text: str) -> int:
    """A whole number from 1 up.

    Raises:
        ValueError: anything else.
    """
    # Not int() alone: it takes "1_000", " 7" and the digits of every script.
    if re.fullmatch(r"[1-9][0-9]{0,8}", text) is None:
        raise ValueError(f"{text!r} is no whole number from 1 up: write for example 3")
    return int(text)
