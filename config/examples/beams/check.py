"""The employer's own look at one result: is it in equilibrium with the loads that were ordered?

    python check.py PACKAGE         in the folder with the package's result.json

Believes nothing but parameters.csv and the template beside this file. Forces and moments must
balance; a girder of constant section must satisfy Clapeyron's equation of three moments too,
which knows nothing of finite elements. Exit 0: accepted; 1: not, and says why.
"""

from __future__ import annotations

import configparser
import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path

JOB = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Order:
    """What the package was to calculate."""

    spans: list[float]
    ends: list[str]
    load: float  # kN/m, own weight of the straight girder included
    extra: float  # kN/m, what the haunch adds over an inner support
    axle: float  # kN


def order(package: str) -> Order:
    """Fill the template in for the package, as jobman does, and read it."""
    with (JOB / "parameters.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["package"] == package]
    if not rows:
        raise ValueError(f"parameters.csv has no row {package!r}")
    text = (JOB / "common" / "beam.ini.template").read_text(encoding="utf-8")
    for column, value in rows[0].items():
        text = text.replace("{" + column + "}", value)
    ini = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=(";",))
    ini.read_string(text)
    girder, load = ini["girder"], ini["load"]
    height, haunch = float(girder["height"]), float(girder["haunch"])
    metre = float(girder["density"]) * float(girder["width"])
    return Order(
        spans=[float(word) for word in girder["spans"].split()],
        ends=girder["ends"].split(),
        load=float(load["uniform"]) + metre * height,
        extra=metre * (haunch - height),
        axle=float(load["axle_load"]) * (int(load["axles"]) > 0),
    )


def ordered_load(what: Order) -> tuple[float, float]:
    """Total permanent load in kN, and its moment about the right end in kNm."""
    length = sum(what.spans)
    total, moment, left = what.load * length, what.load * length**2 / 2, 0.0
    for number, span in enumerate(what.spans):
        # A parabolic haunch of one half span weighs a third of its rectangle and has its
        # centre of gravity at a quarter of that rectangle's base.
        weight = what.extra * span / 6
        if number > 0:
            total += weight
            moment += weight * (length - left - span / 8)
        if number < len(what.spans) - 1:
            total += weight
            moment += weight * (length - left - span + span / 8)
        left += span
    return total, moment


def three_moments(what: Order, moments: list[float]) -> float:
    """By how much Clapeyron's equations are missed, relative to their load terms."""
    spans = what.spans
    # A built-in end is a further span of no length.
    if what.ends[0] == "fixed":
        spans, moments = [0.0, *spans], [0.0, *moments]
    if what.ends[1] == "fixed":
        spans, moments = [*spans, 0.0], [*moments, 0.0]
    worst = 0.0
    for k in range(1, len(spans)):
        a, b = spans[k - 1], spans[k]
        bending = moments[k - 1] * a + 2 * moments[k] * (a + b) + moments[k + 1] * b
        term = what.load * (a**3 + b**3) / 4
        worst = max(worst, abs(bending + term) / term)
    return worst


def complaint(package: str, result: dict) -> str | None:
    """Why the result is wrong, or None."""
    what = order(package)
    length = sum(what.spans)
    dead = result["permanent"]
    reactions = dead["reactions_kN"]
    total, about_right = ordered_load(what)
    if abs(sum(reactions) - total) > 1e-6 * max(total, 1.0):
        return f"the supports carry {sum(reactions):.6g} kN, but the load is {total:.6g} kN"
    places = [sum(what.spans[:k]) for k in range(len(what.spans) + 1)]
    first, last = dead["end_moments_kNm"]
    lever = sum(r * (length - x) for r, x in zip(reactions, places, strict=True))
    # The load of a haunch is taken as constant in each element: hence 1e-4, not 1e-6.
    if abs(last - first - lever + about_right) > 1e-4 * max(about_right, 1.0):
        return "the moments about the right end do not balance"
    if what.load > 0.0 and what.extra == 0.0 and "free" not in what.ends:
        missed = three_moments(what, [first, *dead["support_moments_kNm"], last])
        if missed > 1e-6:
            return f"the equation of three moments is missed by {missed:.2g}"
    return complaint_about_vehicle(what, result["vehicle"]["reactions_kN"])


def complaint_about_vehicle(what: Order, reactions: list[float]) -> str | None:
    """The largest reactions, while it crosses, cannot be less than a single axle's."""
    # It enters with one axle over the first support and leaves with one over the last.
    for end, reaction in zip(what.ends, (reactions[0], reactions[-1]), strict=True):
        if end != "free" and reaction < what.axle * (1 - 1e-6):
            return f"an end support carries {reaction:.6g} kN of an axle of {what.axle:.6g} kN"
    return None


def main(words: list[str]) -> int:
    try:
        result = json.loads(Path("result.json").read_text(encoding="utf-8"))
        why = complaint(words[0], result)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        why = f"{type(exc).__name__}: {exc}"
    if why:
        print(f"{words[0]}: {why}", file=sys.stderr)
    return 1 if why else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
