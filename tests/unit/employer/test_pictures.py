from __future__ import annotations

import io

import pytest
from PIL import Image

from jobman_agent.employer.comparison import difference
from jobman_agent.employer.job.spec import CompareRule, How
from jobman_agent.employer.pictures import picture_fault

PIXELS = CompareRule("*", How.PIXELS)


def picture(
    kind: str = "PNG",
    *,
    mode: str = "RGB",
    size: tuple[int, int] = (4, 3),
    dot: bool = False,
    **save: object,
) -> bytes:
    image = Image.new(mode, size)
    if dot:
        image.putpixel((2, 1), 7 if len(mode) == 1 or mode.startswith("I") else (7, 0, 0))
    out = io.BytesIO()
    image.save(out, kind, **save)
    return out.getvalue()


def test_pictures_with_the_same_pixels_agree_whatever_their_files_say() -> None:
    from PIL.PngImagePlugin import PngInfo

    dated = PngInfo()
    dated.add_text("date", "2026-11-24")

    assert picture() != picture(pnginfo=dated)
    assert difference(PIXELS, "p.png", picture(), picture(pnginfo=dated)) is None


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TGA", "TIFF", "GIF"])
def test_the_first_pixel_that_differs_is_told(kind: str) -> None:
    found = difference(PIXELS, "p", picture(kind), picture(kind, dot=True))

    assert found is not None
    assert found.startswith("p: pixel 2, 1: expected ")


def test_sixteen_bits_are_compared_in_full() -> None:
    a, b = picture(mode="I;16"), picture(mode="I;16", dot=True)

    assert difference(PIXELS, "p", a, a) is None
    assert "pixel 2, 1" in (difference(PIXELS, "p", a, b) or "")


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        (picture(size=(4, 4)), "4 x 3 pixels expected, got 4 x 4"),
        (picture("BMP"), "no PNG picture"),
        (picture()[:20], "cannot be read"),
        (b"", "no PNG picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 3\n", "no PNG picture"),
        (picture()[:45] + b"\0" * 60, "cannot be read"),
    ],
)
def test_a_broken_or_other_picture_is_a_difference_and_never_an_error(
    returned: bytes, told: str
) -> None:
    found = difference(PIXELS, "p.png", picture(), returned)

    assert found is not None
    assert told in found


def test_a_returned_bomb_is_not_decoded() -> None:
    found = difference(PIXELS, "p.png", picture(), picture(mode="1", size=(20_000, 20_000)))

    assert found is not None
    assert "20000" in found or "cannot be read" in found


def test_a_file_that_is_no_picture_is_told() -> None:
    assert picture_fault(picture()) is None
    assert picture_fault(b"text") is not None
