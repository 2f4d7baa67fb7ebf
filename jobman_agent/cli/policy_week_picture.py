"""A week as a picture, drawn with Pillow: a row for each day, a legend, and the numbers.

Each state has its own brightness and its own pattern, so that it can be told without colours; the
colours are those of Okabe and Ito, which colour-blind people can tell apart.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image, ImageDraw, ImageFont

from jobman_agent.cli.policy_week_view import Row, day_label, headline, hours_text, numbers
from jobman_agent.policy.week import Shade

if TYPE_CHECKING:
    from jobman_agent.cli.policy_week_preview import Preview
    from jobman_agent.policy.week import Day

WIDTH = 1240
_MARGIN = 40
_LEFT = 120
_HOUR = 42
_ROW = 44
_BAR = 34
_INK = "#1b1b1b"
_SOFT = "#5c5c5c"
_GRID = "#d0d0d0"
_PAPER = "#ffffff"
_LINE = 24
_TITLE_PX, _TEXT_PX, _SMALL_PX = 26, 18, 15


class Look(NamedTuple):
    """How a state is drawn."""

    fill: str
    ink: str
    pattern: str


LOOKS = {
    Shade.WORKING: Look("#00664a", "#00664a", ""),
    Shade.FROZEN: Look("#f0c000", "#5a4600", "bars"),
    Shade.OWNER: Look("#7fc4ee", "#1f5f8b", "dots"),
    Shade.OTHER: Look("#e39070", "#7a2c0c", "slants"),
    Shade.HOURS: Look("#ececec", "#ececec", ""),
    Shade.NONE: Look("#ffffff", "#b5b5b5", "frame"),
}
"""From the darkest to the lightest."""


def draw_week(preview: Preview) -> bytes:
    """The picture of a week, as a PNG."""
    days = preview.week.days
    rows = numbers(preview)
    top = _MARGIN + 40 + 26 * len(headline(preview)) + 44
    rows_end = top + _ROW * len(days)
    text_top = rows_end + 90
    height = text_top + _LINE * len(rows) + _MARGIN
    image = Image.new("RGB", (WIDTH, height), _PAPER)
    draw = ImageDraw.Draw(image)
    _head(draw, preview)
    _axis(draw, top, rows_end)
    for number, day in enumerate(days):
        _row(draw, day, top + number * _ROW)
    _legend(draw, rows_end + 34)
    _numbers(draw, rows, text_top)
    data = io.BytesIO()
    image.save(data, "PNG", optimize=True)
    return data.getvalue()


def _head(draw: ImageDraw.ImageDraw, preview: Preview) -> None:
    week = preview.week
    title = f"{hours_text(week.gained_s)} hours for others in a week"
    draw.text((_MARGIN, _MARGIN - 8), title, _INK, _font(_TITLE_PX))
    y = _MARGIN + 34
    for line in headline(preview):
        draw.text((_MARGIN, y), line, _SOFT, _font(_TEXT_PX))
        y += 26


def _axis(draw: ImageDraw.ImageDraw, top: int, bottom: int) -> None:
    for hour in range(25):
        x = _LEFT + hour * _HOUR
        long = hour % 3 == 0
        draw.line((x, top - (8 if long else 3), x, bottom), _GRID)
        if long:
            draw.text((x, top - 12), f"{hour:02}:00", _INK, _font(_SMALL_PX), anchor="mb")
    draw.text((WIDTH - _MARGIN + 16, top - 12), "gained", _INK, _font(_SMALL_PX), anchor="rb")


def _row(draw: ImageDraw.ImageDraw, day: Day, top: int) -> None:
    y = top + (_ROW - _BAR) // 2
    draw.text((_MARGIN, y + _BAR / 2), day_label(day), _INK, _font(_TEXT_PX), anchor="lm")
    whole = _LEFT + 24 * _HOUR
    _fill(draw, (_LEFT, y, whole, y + _BAR), LOOKS[Shade.NONE])
    for piece in day.pieces:
        left, right = (_LEFT + minute * _HOUR / 60 for minute in (piece.start, piece.end))
        # What was short is to be seen too.
        box = (round(left), y, max(round(right), round(left) + 1), y + _BAR)
        _fill(draw, box, LOOKS[piece.shade])
    text = f"{hours_text(day.gained_s)} h"
    draw.text((WIDTH - _MARGIN + 16, y + _BAR / 2), text, _INK, _font(_TEXT_PX), anchor="rm")


def _fill(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], look: Look) -> None:
    """A box in a state's colour and pattern; the right edge is the next one's."""
    left, top, right, bottom = box
    right -= 1
    draw.rectangle((left, top, right, bottom), look.fill)
    if look.pattern == "frame":
        draw.rectangle((left, top, right, bottom), None, look.ink)
    elif look.pattern == "bars":
        for x in range(left, right + 1, 4):
            draw.line((x, top, x, bottom), look.ink)
    elif look.pattern == "dots":
        for x in range(left + 2, right - 1, 7):
            for y in range(top + 4, bottom - 2, 7):
                draw.rectangle((x, y, x + 1, y + 1), look.ink)
    elif look.pattern == "slants":
        height = bottom - top
        for start in range(left - height, right, 8):
            first, last = max(start, left), min(start + height, right)
            if first < last:
                draw.line(
                    (first, bottom - (first - start), last, bottom - (last - start)), look.ink
                )


def _legend(draw: ImageDraw.ImageDraw, top: int) -> None:
    x = _MARGIN
    font = _font(_SMALL_PX)
    for shade, look in LOOKS.items():
        _fill(draw, (x, top, x + 30, top + 22), look)
        draw.text((x + 38, top + 11), shade.value, _INK, font, anchor="lm")
        x += 38 + round(draw.textlength(shade.value, font)) + 22


def _numbers(draw: ImageDraw.ImageDraw, rows: list[Row], top: int) -> None:
    """The same table as in the terminal; numbers stand to the right of their column."""
    font = _font(_SMALL_PX)
    for number, row in enumerate(rows):
        y = top + number * _LINE
        draw.text((_MARGIN, y), row.name, _INK, font)
        x = _MARGIN + 220
        for value in row.values:
            draw.text((x, y), value, _INK, font, anchor="ra")
            x += 90
        draw.text((x - 66, y), row.note, _SOFT, font)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font: the same on every system."""
    return ImageFont.load_default(size)
