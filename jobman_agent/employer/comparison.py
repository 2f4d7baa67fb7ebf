"""Is a file the expected one? Pure; says where the first difference is.

Numbers agree within T if ``|a-b| <= T * max(|a|, |b|)``, or ``|a-b| <= T * 0.001 * L``, L being
the largest absolute number in the *expected* file: what a stranger returned cannot widen it.

Rules that hold here:
1. JSON is compared as a structure: members in any order, lists in theirs; 1 and 1.0 are one
   number, true and 1 are not. A doubled key, NaN, Infinity or a number beyond all floats is no
   JSON here, whatever Python thinks.
2. Other text is compared line by line: numbers (``1.5``, ``-2e3``, Fortran's ``1D-3``) within the
   tolerance, what stands between them exactly; how much white space there is does not count.
   ``nan`` and ``inf`` are words.
3. Nothing in a returned file raises: it is a difference.
"""

from __future__ import annotations

import json
import math
import re
import sys
from typing import TYPE_CHECKING

from jobman_agent.employer.job.spec import CompareRule, How

if TYPE_CHECKING:
    from collections.abc import Iterator

    Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

_FLOOR = 1e-3
_SHOWN = 60
_LONGEST = 400
_NUMBER = re.compile(rb"(?<![\w.])([+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?)(?![\w.])")
_SPACE = re.compile(rb"\s+")


def difference(rule: CompareRule, path: str, expected: bytes, returned: bytes) -> str | None:
    """The first difference between two contents of a file by a rule, or None."""
    if expected == returned and rule.how is not How.WITHIN:
        return None
    match rule.how:
        case How.EXACTLY:
            return f"{path}: {_bytes_difference(expected, returned)}"
        case How.PIXELS:
            from jobman_agent.employer.pictures import picture_difference

            found = picture_difference(expected, returned)
        case How.WITHIN if is_json(path):
            found = _json_difference(expected, returned, rule.tolerance)
        case How.WITHIN:
            found = _text_difference(expected, returned, rule.tolerance)
    return f"{path}: {_line_of_text(found)}" if found else None


def expected_fault(rule: CompareRule, path: str, expected: bytes) -> str | None:
    """Why a file of expected/ cannot be compared by its rule, or None."""
    if rule.how is How.WITHIN and is_json(path):
        try:
            _parse(expected)
        except ValueError as exc:
            return f"it is no JSON: {exc}"
    if rule.how is How.PIXELS:
        from jobman_agent.employer.pictures import picture_fault

        return picture_fault(expected)
    return None


def is_json(path: str) -> bool:
    """Whether a file is compared as JSON."""
    return path.lower().endswith(".json")


def _bytes_difference(expected: bytes, returned: bytes) -> str:
    if expected.replace(b"\r\n", b"\n") == returned.replace(b"\r\n", b"\n"):
        return "only the line ends differ (Windows and others): compare it within a tolerance"
    if expected.startswith(returned) or returned.startswith(expected):
        return f"it has {len(returned)} bytes instead of {len(expected)}, and agrees so far"
    at = next(i for i, (a, b) in enumerate(zip(expected, returned, strict=False)) if a != b)
    line = expected.count(b"\n", 0, at) + 1
    return f"it differs from byte {at} (line {line}) on"


# ------------------------------------------------------------------ numbers
def _close(a: float, b: float, tolerance: float, largest: float) -> bool:
    if a == b:
        return True
    try:
        if math.isinf(a) or math.isinf(b):
            return False
        apart = abs(a - b)
        return bool(
            apart <= tolerance * max(abs(a), abs(b)) or apart <= tolerance * _FLOOR * largest
        )
    except OverflowError:  # an integer beyond all floats
        return False


def _apart(expected: float, returned: float, tolerance: float) -> str:
    try:
        size = max(abs(expected), abs(returned))
        relative = f"{abs(expected - returned) / size:.2g}"
    except (OverflowError, ZeroDivisionError):
        relative = "too much"
    return (
        f"expected {_short(repr(expected))}, got {_short(repr(returned))} "
        f"(relative difference {relative}, allowed {tolerance:g})"
    )


def _line_of_text(text: str) -> str:
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


# ------------------------------------------------------------------ JSON
def _json_difference(expected: bytes, returned: bytes, tolerance: float) -> str | None:
    right = _parse(expected)
    try:
        found = _parse(returned)
    except ValueError as exc:
        return f"it is no JSON: {exc}"
    largest = max((abs(number) for number in _numbers(right)), default=0)
    # An integer beyond all floats must not make the limit infinite.
    limit = float(min(largest, sys.float_info.max))
    try:
        return _walk(right, found, "", tolerance, limit)
    except RecursionError:
        return "it is nested too deeply"


def _parse(content: bytes) -> Json:
    try:
        text = content.decode("utf-8-sig")
        parsed: Json = json.loads(
            text, object_pairs_hook=_members, parse_constant=_no_number, parse_float=_finite
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeDecodeError as exc:
        raise ValueError(f"it is not UTF-8 (byte {exc.start})") from None
    return parsed


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {_short(repr(twice))} is there twice")
    return members


def _no_number(text: str) -> Json:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{_short(text)} is beyond all numbers")
    return number


def _numbers(value: Json) -> Iterator[float]:
    stack: list[Json] = [value]
    while stack:
        here = stack.pop()
        if isinstance(here, dict):
            stack.extend(here.values())
        elif isinstance(here, list):
            stack.extend(here)
        elif isinstance(here, (int, float)) and not isinstance(here, bool):
            yield here


def _walk(right: Json, found: Json, where: str, tolerance: float, largest: float) -> str | None:
    """The first difference in the order of the expected file."""
    match right, found:
        case dict(), dict():
            return _walk_members(right, found, where, tolerance, largest)
        case list(), list():
            return _walk_items(right, found, where, tolerance, largest)
        case (bool() | str() | None, _) | (_, bool() | str() | None):
            same = type(right) is type(found) and right == found
        case (int() | float(), int() | float()):
            same = _close(right, found, tolerance, largest)
            if not same:
                return f"{where or 'the value'}: {_apart(right, found, tolerance)}"
        case _:
            same = False
    if same:
        return None
    return f"{where or 'the value'}: expected {_short(_dump(right))}, got {_short(_dump(found))}"


def _walk_items(
    right: list[Json], found: list[Json], where: str, tolerance: float, largest: float
) -> str | None:
    if len(right) != len(found):
        return f"{where or 'the list'}: {len(right)} items expected, got {len(found)}"
    for number, (a, b) in enumerate(zip(right, found, strict=True)):
        if told := _walk(a, b, f"{where}[{number}]", tolerance, largest):
            return told
    return None


def _walk_members(
    right: dict[str, Json], found: dict[str, Json], where: str, tolerance: float, largest: float
) -> str | None:
    for key, value in right.items():
        place = f"{where}.{key}" if where else key
        if key not in found:
            return f"{_short(place)} is missing"
        if told := _walk(value, found[key], place, tolerance, largest):
            return told
    extra = next((key for key in found if key not in right), None)
    if extra is not None:
        return f"{_short(f'{where}.{extra}' if where else extra)} is not expected"
    return None


def _dump(value: Json) -> str:
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list) else json.dumps(value)


# ------------------------------------------------------------------ text
def _text_difference(expected: bytes, returned: bytes, tolerance: float) -> str | None:
    right = expected.rstrip().split(b"\n")
    found = returned.rstrip().split(b"\n")
    numbers = (abs(_float(n)) for line in right for n in _NUMBER.findall(line))
    largest = max((n for n in numbers if math.isfinite(n)), default=0.0)
    for line, (a, b) in enumerate(zip(right, found, strict=False), 1):
        if a != b and (told := _line_difference(a, b, tolerance, largest)):
            return f"line {line}: {told}"
    if len(right) != len(found):
        return f"{len(right)} lines expected, got {len(found)}"
    return None


def _line_difference(right: bytes, found: bytes, tolerance: float, largest: float) -> str | None:
    # split() with one group gives text, number, text, number, ..., text.
    a, b = _NUMBER.split(right.strip()), _NUMBER.split(found.strip())
    for place, (x, y) in enumerate(zip(a, b, strict=False)):
        if place % 2:
            if not _close(_float(x), _float(y), tolerance, largest):
                return _apart(_float(x), _float(y), tolerance)
        elif _SPACE.sub(b" ", x) != _SPACE.sub(b" ", y):
            return f"expected {_shown(x, a, place)}, got {_shown(y, b, place)}"
    if len(a) != len(b):
        return f"{len(a) // 2} numbers expected, got {len(b) // 2}"
    return None


def _float(text: bytes) -> float:
    return float(text.replace(b"d", b"e").replace(b"D", b"e"))


def _shown(text: bytes, parts: list[bytes], place: int) -> str:
    words = text.strip() or (parts[place + 1] if place + 1 < len(parts) else b"")
    return repr(_short(words.decode("utf-8", "replace"))) if words else "the line's end"
