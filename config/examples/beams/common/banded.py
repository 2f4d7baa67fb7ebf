"""Symmetric positive definite systems in band storage, solved by Cholesky's method.

``band[i][k]`` is the entry of row i and column i - k, so k = 0 is the diagonal. Entries that
stick out to the left of column 0 are not looked at.
"""

from __future__ import annotations

from math import sqrt


def factorise(band: list[list[float]]) -> list[list[float]]:
    """The lower triangle L with A = L L', stored as ``band`` is."""
    width = len(band[0])
    lower: list[list[float]] = []
    for i, row in enumerate(band):
        new = [0.0] * width
        lower.append(new)
        for k in range(min(i, width - 1), -1, -1):
            j = i - k
            # L[i][m] L[j][m] for all columns m < j that both rows have in the band
            rest = row[k] - sum(
                new[i - m] * lower[j][j - m] for m in range(max(0, i - width + 1), j)
            )
            if k:
                new[k] = rest / lower[j][0]
            elif rest > 0.0:
                new[0] = sqrt(rest)
            else:
                raise ValueError(f"the girder is not held: unknown {i} can move freely")
    return lower


def solve(lower: list[list[float]], right: list[float]) -> list[float]:
    """The x with L L' x = ``right``."""
    width = len(lower[0])
    x = list(right)
    for i, row in enumerate(lower):
        value = x[i]
        for k in range(1, min(i, width - 1) + 1):
            value -= row[k] * x[i - k]
        x[i] = value / row[0]
    for i in range(len(x) - 1, -1, -1):
        row = lower[i]
        value = x[i] = x[i] / row[0]
        for k in range(1, min(i, width - 1) + 1):
            x[i - k] -= row[k] * value
    return x
