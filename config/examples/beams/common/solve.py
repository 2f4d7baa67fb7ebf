"""One package: a girder under its own weight, a uniform load, and a vehicle that crosses it.

    python solve.py beam.ini

writes result.json (the figures that a designer asks for) and envelope.csv (along the girder).
Python's standard library only. Exit code 2: beam.ini cannot be calculated, and says why.
"""

from __future__ import annotations

import configparser
import csv
import json
import sys
from math import ceil
from pathlib import Path

sys.dont_write_bytecode = True  # the folder of common files belongs to all packages

from girder import FIXED, FREE, PINNED, Girder, Model, Solution  # noqa: E402 (after the line above)


def read(path: Path) -> tuple[Girder, dict[str, float]]:
    """The girder, and the numbers of [load] and [mesh]."""
    ini = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=(";",))
    with path.open(encoding="utf-8") as file:
        ini.read_file(file)
    about = ini["girder"]
    spans = [float(word) for word in about["spans"].split()]
    ends = tuple(about["ends"].split())
    numbers = {
        key: float(about[key]) for key in ("width", "height", "haunch", "modulus", "density")
    }
    load = {key: float(value) for key, value in (*ini["load"].items(), *ini["mesh"].items())}
    positive = {"spans": min(spans, default=0.0), **numbers, **load}
    for key in ("density", "uniform", "axles", "axle_load", "axle_spacing"):
        if positive.pop(key) < 0.0:
            raise ValueError(f"{key} must not be below 0")
    for key, value in positive.items():
        if not value > 0.0:
            raise ValueError(f"{key} must be above 0, not {value}")
    if len(ends) != 2 or not set(ends) <= {FREE, PINNED, FIXED}:
        raise ValueError(f"ends must be two of free, pinned and fixed, not {about['ends']!r}")
    return Girder(spans, (ends[0], ends[1]), **numbers), load


def cross(model: Model, load: dict[str, float]) -> tuple[dict[str, object], list[Solution]]:
    """Move the vehicle over the girder, step by step; the extremes, and every position."""
    length, step = model.girder.length, load["step"]
    count, spacing, force = int(load["axles"]), load["axle_spacing"], load["axle_load"]
    way = length + spacing * max(0, count - 1)
    positions = []
    for k in range(ceil(way / step - 1e-9) + 1):
        front = min(k * step, way)
        axles = [front - n * spacing for n in range(count)]
        on_it = [(min(x, length), force) for x in axles if -1e-9 < x < length + 1e-9]
        positions.append(model.solve(model.points(on_it)))
    reactions = [p.reactions for p in positions]
    extremes: dict[str, object] = {
        "load_kN": count * force,
        "positions": len(positions),
        "deflection_mm": 1e3 * max(max(p.deflection) for p in positions),
        "uplift_mm": 0.0 - 1e3 * min(min(p.deflection) for p in positions),
        "sagging_kNm": max(max(p.moment) for p in positions),
        "hogging_kNm": min(min(p.moment) for p in positions),
        "reactions_kN": [max(column) for column in zip(*reactions, strict=True)],
    }
    return extremes, positions


def permanent(model: Model, load: float) -> tuple[dict[str, object], Solution]:
    """Own weight and the uniform load: what a hand calculation would look at."""
    solution = model.solve(model.uniform(load))
    lowest = max(range(len(model.nodes)), key=solution.deflection.__getitem__)
    figures: dict[str, object] = {
        "deflection_mm": 1e3 * solution.deflection[lowest],
        "deflection_at_m": model.nodes[lowest],
        "sagging_kNm": max(solution.moment),
        "hogging_kNm": min(solution.moment),
        "reactions_kN": solution.reactions,
        "end_moments_kNm": list(solution.end_moments),
        "support_moments_kNm": [solution.moment[node] for node in model.joint_nodes[1:-1]],
    }
    return figures, solution


def write_envelope(path: Path, model: Model, dead: Solution, moving: list[Solution]) -> None:
    """One line per node: the permanent load, and the most that the vehicle adds."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["x_m", "w_mm", "M_kNm", "w_vehicle_mm", "M_max_kNm", "M_min_kNm"])
        for node, x in enumerate(model.nodes):
            moments = [p.moment[node] for p in moving]
            added = max(p.deflection[node] for p in moving)
            values = (1e3 * dead.deflection[node], dead.moment[node], 1e3 * added)
            rows.writerow(
                [f"{v:.6g}" for v in (x, *values, max(moments), min(moments))],
            )


def main(words: list[str]) -> int:
    path = Path(words[0])
    try:
        girder, load = read(path)
        model = Model(girder, load["element"])
    except (OSError, KeyError, ValueError, configparser.Error) as exc:
        print(f"{path}: {exc}", file=sys.stderr)
        return 2
    dead_figures, dead = permanent(model, load["uniform"])
    vehicle_figures, moving = cross(model, load)
    result = {
        "length_m": girder.length,
        "unknowns": 2 * len(model.nodes),
        "permanent": dead_figures,
        "vehicle": vehicle_figures,
    }
    text = json.dumps(result, indent=1)
    Path("result.json").write_text(text + "\n", encoding="utf-8")
    write_envelope(Path("envelope.csv"), model, dead, moving)
    print(f"{len(moving)} vehicle positions, {2 * len(model.nodes)} unknowns")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
