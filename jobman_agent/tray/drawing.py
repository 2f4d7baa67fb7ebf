"""The icon as a picture, drawn by code at any size; and the program's own icon for installers.

Each kind has a shape of its own, so that it can be told without colour; white or black signs stand
on bodies of a middle tone, so that light and dark bars both set them off. All is drawn on a square
of 16 units: on the smallest icon, one unit is one pixel.

``python -m jobman_agent.tray.drawing FOLDER`` writes the program's icon: jobman.ico, jobman-N.png.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from PIL import Image, ImageDraw

from jobman_agent.tray.picture import Badge, Kind, Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

APP_SIZES = (16, 20, 24, 32, 40, 48, 64, 128, 256)
"""Pixels of the program's icon, for every place where a desktop shows one."""
UNITS = 16
_OVERSAMPLING = 8
_FINE = 24
"""Pixels from which on small parts can be told from each other."""
_WHITE, _BLACK = "#ffffff", "#101418"
_GREY, _BLUE, _ICE = "#6f7b87", "#1f74d1", "#2292bd"
_GREEN, _DARK_GREEN = "#178a3c", "#0b5323"
_AMBER, _DARK_AMBER, _RED, _NIGHT = "#f0a000", "#a86400", "#d6261b", "#17324d"

Point: TypeAlias = "tuple[float, float]"


class _Pen:
    """Draws in units of a sixteenth of the picture."""

    def __init__(self, size: int) -> None:
        self._scale = size * _OVERSAMPLING / UNITS
        side = size * _OVERSAMPLING
        self.size = size
        self.image = Image.new("RGBA", (side, side), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self.image)

    def done(self) -> Image.Image:
        """The picture in its own size."""
        return self.image.resize((self.size, self.size), Image.Resampling.BOX)

    def _box(self, centre: Point, radius: float) -> list[float]:
        (x, y), scale = centre, self._scale
        return [
            (x - radius) * scale,
            (y - radius) * scale,
            (x + radius) * scale - 1,
            (y + radius) * scale - 1,
        ]

    def disc(self, centre: Point, radius: float, colour: str) -> None:
        self._draw.ellipse(self._box(centre, radius), fill=colour)

    def dome(self, centre: Point, radius: float, colour: str) -> None:
        """The upper half of a disc."""
        self._draw.pieslice(self._box(centre, radius), 180, 360, fill=colour)

    def ring(self, centre: Point, radius: float, width: float, colour: str) -> None:
        self.arc(centre, radius, width, colour, 1.0)

    def arc(self, centre: Point, radius: float, width: float, colour: str, share: float) -> None:
        """A part of a ring, from twelve o'clock on; `radius` is the outer one."""
        stroke = max(1, round(width * self._scale))
        if share > 0:
            box = self._box(centre, radius)
            self._draw.arc(box, -90, -90 + 360 * min(1.0, share), fill=colour, width=stroke)

    def box(self, left: float, top: float, right: float, bottom: float, **more: object) -> None:
        """A rectangle with ``fill``, and ``radius`` of its corners."""
        corners = [left * self._scale, top * self._scale]
        corners += [right * self._scale - 1, bottom * self._scale - 1]
        radius = float(str(more.get("radius", 0.0))) * self._scale
        self._draw.rounded_rectangle(corners, radius, fill=str(more["fill"]))

    def polygon(self, points: Sequence[Point], colour: str) -> None:
        self._draw.polygon([(x * self._scale, y * self._scale) for x, y in points], fill=colour)

    def line(self, start: Point, end: Point, width: float, colour: str) -> None:
        """A straight line with round ends."""
        ends = [(x * self._scale, y * self._scale) for x, y in (start, end)]
        self._draw.line(ends, fill=colour, width=max(1, round(width * self._scale)))
        for point in (start, end):
            self.disc(point, width / 2, colour)


_CENTRE = (8.0, 8.0)


def draw(picture: Picture, size: int) -> Image.Image:
    """The picture as RGBA, `size` pixels wide and high."""
    pen = _Pen(size)
    _DRAWN[picture.kind](pen, picture.share)
    if picture.badge is not None:
        _BADGES[picture.badge](pen)
    return pen.done()


def draw_app(size: int) -> Image.Image:
    """The program's own icon: a PC that works at night."""
    pen = _Pen(size)
    pen.box(0, 0, 16, 16, fill=_NIGHT, radius=3)
    pen.box(2, 2, 14, 11, fill=_WHITE, radius=1.2)
    pen.box(3, 3, 13, 10, fill=_GREEN, radius=0.6)
    pen.polygon([(6.5, 4), (6.5, 9), (10.8, 6.5)], _WHITE)
    pen.box(7, 11, 9, 13, fill=_WHITE)
    pen.box(4.5, 12.5, 11.5, 14, fill=_WHITE, radius=0.5)
    return pen.done()


def write_app_icons(folder: Path) -> list[Path]:
    """Write the program's icon into a folder: jobman.ico, and a jobman-N.png of each size.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [draw_app(size) for size in APP_SIZES]
    written = [folder / "jobman.ico"]
    sizes = [(size, size) for size in APP_SIZES]
    pictures[-1].save(written[0], "ICO", sizes=sizes, append_images=pictures[:-1])
    for picture in pictures:
        written.append(folder / f"jobman-{picture.width}.png")
        picture.save(written[-1], "PNG")
    return written


# ---- off duty: a grey tile, with what holds the PC back
def _tile(pen: _Pen) -> None:
    pen.box(0, 0, 16, 16, fill=_GREY, radius=3)


def _clock(pen: _Pen, _share: float | None) -> None:
    _tile(pen)
    pen.disc(_CENTRE, 6, _WHITE)
    pen.line((8, 4), (8, 8), 1.6, _BLACK)
    pen.line((8, 8), (11, 9.6), 1.6, _BLACK)


def _person(pen: _Pen, _share: float | None) -> None:
    _tile(pen)
    pen.disc((8, 5.5), 3, _WHITE)
    pen.dome((8, 14), 5, _WHITE)


def _bars(pen: _Pen, _share: float | None) -> None:
    _tile(pen)
    for left, top in ((3, 9), (7, 6), (11, 3)):
        pen.box(left, top, left + 2, 13, fill=_WHITE)


# ---- the others
def _glass(pen: _Pen, _share: float | None) -> None:
    pen.line((10.5, 10.5), (14.2, 14.2), 3.4, _BLUE)
    pen.disc((6.5, 6.5), 6.5, _BLUE)
    pen.disc((6.5, 6.5), 4, _WHITE)


def _work(pen: _Pen, share: float | None) -> None:
    pen.disc(_CENTRE, 8, _GREEN)
    if share is not None:
        pen.ring(_CENTRE, 7.2, 2.4, _DARK_GREEN)
        pen.arc(_CENTRE, 7.2, 2.4, _WHITE, share)
        pen.polygon([(6.4, 5.4), (6.4, 10.6), (10.6, 8)], _WHITE)
    else:
        pen.polygon([(5.5, 3.6), (5.5, 12.4), (12.6, 8)], _WHITE)


def _snowflake(pen: _Pen, _share: float | None) -> None:
    pen.polygon([_at(8.4, angle) for angle in range(0, 360, 60)], _ICE)
    for angle in (30, 90, 150, 210, 270, 330):
        pen.line(_CENTRE, _at(5.8, angle), 1.6, _WHITE)
        for side in (-24, 24) if pen.size >= _FINE else ():
            pen.line(_at(3.6, angle), _at(5.6, angle + side), 1.0, _WHITE)


def _pause(pen: _Pen, share: float | None) -> None:
    pen.disc(_CENTRE, 8, _AMBER)
    if share is not None:
        pen.ring(_CENTRE, 7.2, 1.8, _DARK_AMBER)
        pen.arc(_CENTRE, 7.2, 1.8, _WHITE, share)
    for left in (5, 9):
        pen.box(left, 5, left + 2, 11, fill=_BLACK)


def _trouble(pen: _Pen, _share: float | None) -> None:
    pen.polygon([(8, 0), (16, 15.5), (0, 15.5)], _RED)
    pen.box(7, 5, 9, 10.5, fill=_WHITE)
    pen.box(7, 12, 9, 14, fill=_WHITE)


def _warning(pen: _Pen) -> None:
    pen.disc((12, 12), 4, _WHITE)
    pen.disc((12, 12), 3.5, _RED)
    pen.box(11.4, 9.6, 12.6, 12.4, fill=_WHITE)
    pen.box(11.4, 13.2, 12.6, 14.4, fill=_WHITE)


def _question(pen: _Pen) -> None:
    pen.box(8, 7, 16, 16, fill=_WHITE, radius=1)
    pen.box(8.5, 7.5, 15.5, 15.5, fill=_BLUE, radius=0.8)
    pen.arc((12, 10.4), 2.2, 1.2, _WHITE, 0.5)
    pen.line((10.3, 10), (10.6, 9.2), 1.1, _WHITE)
    pen.line((10.6, 9.2), (12, 8.8), 1.1, _WHITE)
    pen.line((12, 12), (12, 12.4), 1.2, _WHITE)
    pen.box(11.4, 13.4, 12.6, 14.6, fill=_WHITE)


def _at(radius: float, degrees: float) -> Point:
    turn = math.radians(degrees)
    return 8 + radius * math.cos(turn), 8 + radius * math.sin(turn)


_DRAWN: dict[Kind, Callable[[_Pen, float | None], None]] = {
    Kind.OFF_BY_HOURS: _clock,
    Kind.OFF_BY_OWNER: _person,
    Kind.OFF_BY_LOAD: _bars,
    Kind.LOOKING: _glass,
    Kind.WORKING: _work,
    Kind.FROZEN: _snowflake,
    Kind.PAUSED: _pause,
    Kind.TROUBLE: _trouble,
}
_BADGES: dict[Badge, Callable[[_Pen], None]] = {
    Badge.TROUBLE: _warning,
    Badge.QUESTION: _question,
}

if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004 - the module and its one word
        sys.exit("usage: python -m jobman_agent.tray.drawing FOLDER")
    write_app_icons(Path(sys.argv[1]))
