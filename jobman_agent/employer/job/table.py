"""parameters.csv: one row per package, the first column its name; text taken as it stands.

Rules that hold here:
1. Comma, semicolon or tab: whichever occurs most in the header line, outside quotes.
2. UTF-8, with or without BOM. Quotes as CSV has them (RFC 4180). Empty lines do not count.
3. No value is changed: no spaces are cut, no number is read.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobman_agent.model.templates import COMMON, JOB, PACKAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEPARATORS = ",;\t"


@dataclass(slots=True)
class Table:
    """The table as read: rows by package, in the order of the file."""

    headers: tuple[str, ...] = ()
    rows: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def values(self, package: str) -> dict[str, str]:
        """The row of a package: header to text, the first column included."""
        return dict(zip(self.headers, self.rows[package], strict=True))


def parse_table(content: bytes, shown: str, faults: list[str]) -> Table:
    """Read a table; what is wrong is added to ``faults``, each with the line it is in.

    Package names are not judged here, but an empty or doubled one is told with both lines.

    Args:
        content: The file.
        shown: How messages call it (``parameters.csv``).
        faults: Gets a line for each mistake.
    """
    text = _decode(content, shown, faults)
    if text is None:
        return Table()
    table = Table()
    lines: dict[str, int] = {}
    try:
        for number, row in _rows(text):
            if not table.headers:
                table.headers = tuple(row)
                if faulty := _header_faults(row):
                    faults.extend(f"{shown}:{number}: {fault}" for fault in faulty)
                    return table
            else:
                _add(table, lines, number, row, shown, faults)
    except csv.Error as exc:
        faults.append(f"{shown}:{_line_of(exc)}: {exc}: look for a quote that is never closed")
    if not table.headers:
        faults.append(f"{shown}: it is empty: the first line names the columns, package first")
    return table


class _CsvError(csv.Error):
    line = 0


def _line_of(exc: csv.Error) -> int:
    return exc.line if isinstance(exc, _CsvError) else 0


def _decode(content: bytes, shown: str, faults: list[str]) -> str | None:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        faults.append(f'{shown}: it is UTF-16: save it as UTF-8 (in Excel "CSV UTF-8")')
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        guess = content[exc.start : exc.start + 1].decode("cp1252", "replace")
        faults.append(
            f"{shown}:{line}: it is not UTF-8 (a byte {content[exc.start]:#04x}, in Windows' "
            f'own encoding {guess!r}): save it as UTF-8 (in Excel "CSV UTF-8")'
        )
        return None
    if "\0" in text:
        faults.append(f"{shown}:{text.count(chr(10), 0, text.index(chr(0))) + 1}: it holds a NUL")
        return None
    return text


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not empty, with the number of the line it begins in."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    first = 1
    try:
        for row in reader:
            if any(row):
                yield first, row
            first = reader.line_num + 1
    except csv.Error as exc:
        error = _CsvError(str(exc))
        error.line = first
        raise error from exc


def _separator(text: str) -> str:
    for line in text.splitlines():
        if line.strip(_SEPARATORS + " "):
            unquoted = "".join(line.split('"')[::2])
            return max(_SEPARATORS, key=unquoted.count)
    return ","


def _header_faults(headers: list[str]) -> list[str]:
    faults = []
    seen: set[str] = set()
    for place, header in enumerate(headers, 1):
        if not header:
            faults.append(f"column {place} has no header: name it, or remove the column")
        elif header in seen:
            faults.append(f"two columns are called {header!r}: rename one")
        elif header != header.strip() or not header.isprintable() or set(header) & set("{}"):
            faults.append(
                f"the header {header!r} begins or ends with a space, or holds a brace or a "
                "character that cannot be printed"
            )
        elif header in (COMMON, JOB) or (header == PACKAGE and place > 1):
            faults.append(
                f"a column cannot be called {header!r}: {{{header}}} means something else"
            )
        seen.add(header)
    return faults


def _add(
    table: Table, lines: dict[str, int], number: int, row: list[str], shown: str, faults: list[str]
) -> None:
    if len(row) != len(table.headers):
        faults.append(
            f"{shown}:{number}: {len(row)} values, but there are {len(table.headers)} columns"
        )
        return
    name = row[0]
    if not name:
        faults.append(f"{shown}:{number}: the first column, the package's name, is empty")
    elif (other := lines.get(name.casefold())) is not None:
        faults.append(
            f"{shown}:{number}: the package {name!r} is in line {other} already "
            "(capital letters make no difference)"
        )
    else:
        lines[name.casefold()] = number
        table.rows[name] = tuple(row)
