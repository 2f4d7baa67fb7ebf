"""Comparing pictures by their pixels, with Pillow, which is imported only when a job asks for it.

A returned picture is a stranger's file: it is opened only as the format of the expected one, and
decoded only once its size is right, so that it cannot ask for more memory than that one did.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = ("PNG", "BMP", "PPM", "TGA", "TIFF", "JPEG", "GIF", "WEBP")


def picture_fault(content: bytes) -> str | None:
    """Why a file cannot be compared as a picture, or None."""
    try:
        _open(content, _FORMATS).load()
    except ValueError as exc:
        return str(exc)
    except Exception as exc:  # noqa: BLE001 - Pillow's decoders raise almost anything
        return f"it cannot be read as a picture: {exc}"
    return None


def picture_difference(expected: bytes, returned: bytes) -> str | None:
    """The first pixel in which two pictures differ, or another difference, or None."""
    right = _open(expected, _FORMATS)
    try:
        found = _open(returned, (right.format or "",))
        if found.size != right.size:
            return f"{_size(right)} pixels expected, got {_size(found)}"
        frames = getattr(right, "n_frames", 1)
        if getattr(found, "n_frames", 1) != frames:
            return f"{frames} pictures expected, got {getattr(found, 'n_frames', 1)}"
        for frame in range(frames):
            right.seek(frame)
            found.seek(frame)
            if told := _frame_difference(right, found):
                return told if frames == 1 else f"picture {frame + 1}: {told}"
    except ValueError as exc:
        return str(exc)
    except Exception as exc:  # noqa: BLE001 - Pillow's decoders raise almost anything
        return f"it cannot be read as a picture: {exc}"
    return None


def _open(content: bytes, formats: tuple[str, ...]) -> Image:
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(io.BytesIO(content), formats=formats)
    except UnidentifiedImageError:
        names = formats[0] if len(formats) == 1 else "of " + ", ".join(formats)
        raise ValueError(f"it is no {names} picture") from None


def _size(picture: Image) -> str:
    return f"{picture.width} x {picture.height}"


def _frame_difference(right: Image, found: Image) -> str | None:
    if right.size != found.size:
        return f"{_size(right)} pixels expected, got {_size(found)}"
    if right.mode != found.mode or right.mode == "P":
        right, found = right.convert("RGBA"), found.convert("RGBA")
    a, b = right.tobytes(), found.tobytes()
    if a == b:
        return None
    # No difference of whole pictures: ImageChops knows neither 16 bits nor floats.
    for y in range(right.height):
        for x in range(right.width):
            place = (x, y)
            if right.getpixel(place) != found.getpixel(place):
                return (
                    f"pixel {x}, {y}: expected {right.getpixel(place)}, got {found.getpixel(place)}"
                )
    return "the pixels differ"
