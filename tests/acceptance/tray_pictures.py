"""Put what the tray's tests see together for docs/pictures.

JOBMAN_PICTURES=FOLDER pytest tests/acceptance/test_tray.py tests/windows/test_tray.py
python -m tests.acceptance.tray_pictures FOLDER docs/pictures
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from jobman_agent.tray.drawing import draw, draw_app
from jobman_agent.tray.picture import Badge, Kind, Picture

SIZES = (16, 22, 24, 32, 48, 64)
BARS = ("#f2f2f2", "#202225")
GAP = 8
SHOWN = [
    *(Picture(kind) for kind in (Kind.OFF_BY_HOURS, Kind.OFF_BY_OWNER, Kind.OFF_BY_LOAD)),
    Picture(Kind.LOOKING),
    *(Picture(Kind.WORKING, share) for share in (None, 0.1, 0.6)),
    Picture(Kind.FROZEN),
    *(Picture(Kind.PAUSED, share) for share in (None, 0.4)),
    Picture(Kind.TROUBLE),
    Picture(Kind.WORKING, 0.6, Badge.TROUBLE),
    Picture(Kind.OFF_BY_HOURS, None, Badge.QUESTION),
]


def sheet() -> Image.Image:
    """All icons in all sizes, on a light bar, on a dark one, and both without colour."""
    width, height = sum(SIZES) + GAP * (len(SIZES) + 1), 64 + GAP
    parts = []
    for bar in BARS:
        part = Image.new("RGB", (width, GAP + height * len(SHOWN)), bar)
        for row, picture in enumerate(SHOWN):
            left = GAP
            for size in SIZES:
                icon = draw(picture, size)
                part.paste(icon, (left, GAP + row * height + (64 - size) // 2), icon)
                left += size + GAP
        parts += [part, part.convert("L").convert("RGB")]
    return beside([parts[0], parts[2], parts[1], parts[3]], 4, 0)


def app() -> Image.Image:
    """The program's own icon."""
    parts = []
    for size in (256, 64, 48, 32, 24, 16):
        part = Image.new("RGB", (size, size), "#dddddd")
        part.paste(draw_app(size), (0, 0), draw_app(size))
        parts.append(part)
    return beside(parts, len(parts), GAP)


def beside(parts: list[Image.Image], columns: int, gap: int = 4) -> Image.Image:
    """Pictures in rows."""
    rows = [parts[at : at + columns] for at in range(0, len(parts), columns)]
    width = max(sum(part.width + gap for part in row) for row in rows)
    heights = [max(part.height for part in row) + gap for row in rows]
    whole = Image.new("RGB", (width, sum(heights)), "#ffffff")
    top = 0
    for row, height in zip(rows, heights, strict=True):
        left = 0
        for part in row:
            whole.paste(part, (left, top))
            left += part.width + gap
        top += height
    return whole


def without_desktop(path: Path) -> Image.Image:
    """What stands out from an empty desktop, with a little of it."""
    seen = Image.open(path).convert("RGB")
    pixels = seen.load()
    assert pixels is not None
    desktop = pixels[0, 0]
    lit = [(x, y) for y in range(seen.height) for x in range(seen.width) if pixels[x, y] != desktop]
    bar = [x for x, y in lit if y < seen.height - 36]
    left = min(bar, default=seen.width - 120) - GAP
    top = min(y for _, y in lit) - GAP
    return seen.crop((max(0, left), max(0, top), seen.width, seen.height))


def main(seen: Path, target: Path) -> None:
    """Write the pictures."""
    target.mkdir(parents=True, exist_ok=True)
    whole = {"tray-icons": sheet(), "app-icon": app()}
    for backend, name in (("gtk", "trayer"), ("appindicator", "xfce")):
        for what in ("tooltip", "menu"):
            found = [without_desktop(p) for p in sorted(seen.glob(f"{backend}-{what}-*.png"))]
            whole[f"tray-{name}-{what}s"] = beside(found, 3)
    whole["tray-windows"] = beside([without_desktop(p) for p in sorted(seen.glob("windows-*"))], 4)
    for name, picture in whole.items():
        picture.save(target / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
