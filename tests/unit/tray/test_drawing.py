"""The icons can be told from each other, in the smallest size and without colour."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageChops, ImageStat

from jobman_agent.tray.drawing import APP_SIZES, draw
from jobman_agent.tray.picture import Badge, Kind, Picture

if TYPE_CHECKING:
    from pathlib import Path

LIGHT, DARK = "#f2f2f2", "#202225"
PICTURES = [
    *(Picture(kind) for kind in Kind),
    Picture(Kind.WORKING, 0.25),
    Picture(Kind.WORKING, 0.75),
    Picture(Kind.PAUSED, 0.5),
    Picture(Kind.WORKING, badge=Badge.TROUBLE),
    Picture(Kind.WORKING, badge=Badge.QUESTION),
]


def on(bar: str, picture: Picture, size: int) -> Image.Image:
    """As somebody sees it who sees no colour."""
    shown = Image.new("RGB", (size, size), bar)
    drawn = draw(picture, size)
    shown.paste(drawn, (0, 0), drawn)
    return shown.convert("L")


@pytest.mark.parametrize("bar", [LIGHT, DARK])
def test_no_two_pictures_look_alike_at_16_pixels_without_colour(bar: str):
    for one, other in itertools.combinations(PICTURES, 2):
        difference = ImageChops.difference(on(bar, one, 16), on(bar, other, 16))
        clear = sum(count for value, count in enumerate(difference.histogram()) if value > 40)
        assert clear >= 12, (one, other, clear)


@pytest.mark.parametrize("bar", [LIGHT, DARK])
@pytest.mark.parametrize("picture", PICTURES, ids=str)
def test_every_picture_stands_out_from_a_light_and_a_dark_bar(picture: Picture, bar: str):
    shown = on(bar, picture, 16)
    plain = Image.new("L", shown.size, Image.new("RGB", (1, 1), bar).convert("L").getpixel((0, 0)))
    difference = ImageChops.difference(shown, plain)
    assert ImageStat.Stat(difference).mean[0] > 20
    assert difference.getextrema()[1] > 100


@pytest.mark.parametrize("size", [16, 22, 24, 32, 48, 64, 256])
def test_a_picture_has_the_size_that_was_asked_for_and_uses_all_of_it(size: int):
    for picture in PICTURES:
        drawn = draw(picture, size)
        assert drawn.size == (size, size)
        left, top, right, bottom = drawn.getbbox()
        assert right - left >= 0.9 * size
        assert bottom - top >= 0.85 * size


def test_the_programs_icon_is_written_for_every_place_that_shows_one(tmp_path: Path):
    command = [sys.executable, "-m", "jobman_agent.tray.drawing", str(tmp_path / "icons")]
    subprocess.run(command, check=True, timeout=60)
    with Image.open(tmp_path / "icons" / "jobman.ico") as icon:
        assert icon.info["sizes"] == {(size, size) for size in APP_SIZES}
    with Image.open(tmp_path / "icons" / "jobman-256.png") as icon:
        assert icon.size == (256, 256)
