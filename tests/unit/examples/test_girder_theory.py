"""The example's solver against beam theory: Bernoulli's beam has closed forms, use them."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

L, Q, P = 12.0, 7.0, 50.0
E, WIDTH, HEIGHT = 30.0, 0.5, 0.8
EI = E * 1e6 * WIDTH * HEIGHT**3 / 12


def a_girder(beams: Any, spans: list[float], ends: str, haunch: float = HEIGHT) -> Any:
    return beams.girder.Girder(spans, tuple(ends.split()), WIDTH, HEIGHT, haunch, E, 0.0)


def loaded(beams: Any, spans: list[float], ends: str, element: float = 0.5) -> Any:
    model = beams.girder.Model(a_girder(beams, spans, ends), element)
    return model.solve(model.uniform(Q))


@pytest.mark.parametrize(
    ("ends", "where", "deflection"),
    [
        ("pinned pinned", 0.5, 5 * Q * L**4 / (384 * EI)),
        ("fixed fixed", 0.5, Q * L**4 / (384 * EI)),
        ("fixed free", 1.0, Q * L**4 / (8 * EI)),
        ("free fixed", 0.0, Q * L**4 / (8 * EI)),
        ("fixed pinned", 0.5, Q * L**4 / (192 * EI)),
    ],
)
def test_one_span_under_a_uniform_load_bends_as_the_handbook_says(beams, ends, where, deflection):
    for element in (6.0, 0.5):
        solution = loaded(beams, [L], ends, element)
        node = round(where * (len(solution.deflection) - 1))
        assert solution.deflection[node] == pytest.approx(deflection, rel=1e-9)


@pytest.mark.parametrize(
    ("ends", "first", "middle", "last", "left"),
    [
        ("pinned pinned", 0, 1 / 8, 0, 1 / 2),
        ("fixed fixed", -1 / 12, 1 / 24, -1 / 12, 1 / 2),
        ("fixed free", -1 / 2, -1 / 8, 0, 1),
        ("fixed pinned", -1 / 8, 1 / 16, 0, 5 / 8),
    ],
)
def test_moments_and_reactions_of_one_span(beams, ends, first, middle, last, left):
    solution = loaded(beams, [L], ends)

    moments = [solution.moment[k] for k in (0, len(solution.moment) // 2, -1)]
    assert moments == pytest.approx([k * Q * L**2 for k in (first, middle, last)], abs=1e-6)
    assert solution.end_moments == pytest.approx((moments[0], moments[2]), abs=1e-6)
    assert solution.reactions == pytest.approx([left * Q * L, (1 - left) * Q * L], rel=1e-8)


@pytest.mark.parametrize(
    ("spans", "reactions", "support_moment"),
    [(2, [3 / 8, 10 / 8, 3 / 8], -1 / 8), (3, [0.4, 1.1, 1.1, 0.4], -1 / 10)],
)
def test_equal_spans_share_a_uniform_load(beams, spans, reactions, support_moment):
    model = beams.girder.Model(a_girder(beams, [L] * spans, "pinned pinned"), 0.5)

    solution = model.solve(model.uniform(Q))

    assert solution.reactions == pytest.approx([k * Q * L for k in reactions], rel=1e-8)
    inner = [solution.moment[node] for node in model.joint_nodes[1:-1]]
    assert inner == pytest.approx([support_moment * Q * L**2] * (spans - 1), rel=1e-8)


def test_unequal_spans_satisfy_the_equation_of_three_moments(beams):
    spans = [8.0, 13.0, 5.0, 9.0]
    model = beams.girder.Model(a_girder(beams, spans, "pinned pinned"), 0.5)

    solution = model.solve(model.uniform(Q))

    m = [0.0, *(solution.moment[node] for node in model.joint_nodes[1:-1]), 0.0]
    for k, (a, b) in enumerate(itertools.pairwise(spans), start=1):
        left = m[k - 1] * a + 2 * m[k] * (a + b) + m[k + 1] * b
        assert left == pytest.approx(-Q * (a**3 + b**3) / 4, rel=1e-8)


@pytest.mark.parametrize("place", [1.0, 3.3, 6.0, 11.9])
def test_a_single_force_anywhere_in_an_element_gives_the_exact_values_at_the_nodes(beams, place):
    model = beams.girder.Model(a_girder(beams, [L], "pinned pinned"), 2.0)
    a, b = place, L - place

    solution = model.solve(model.points([(place, P)]))

    for x, w in zip(model.nodes, solution.deflection, strict=True):
        near, far = (b, x) if x <= a else (a, L - x)
        exact = P * near * far * (L**2 - near**2 - far**2) / (6 * L * EI)
        assert w == pytest.approx(exact, rel=1e-8, abs=1e-15)
    assert solution.reactions == pytest.approx([P * b / L, P * a / L], rel=1e-8)


def test_a_deflection_here_from_a_force_there_is_the_same_the_other_way_round(beams):
    model = beams.girder.Model(a_girder(beams, [8.0, 12.0, 6.0], "fixed pinned", 1.3), 0.5)
    here, there = 5, 31

    one = model.solve(model.points([(model.nodes[here], P)])).deflection[there]
    other = model.solve(model.points([(model.nodes[there], P)])).deflection[here]

    assert one == pytest.approx(other, rel=1e-7)
    assert abs(one) > 1e-9


def inner_moment_by_the_force_method(girder: Any) -> float:
    """Two equal haunched spans: release the inner support's moment, close the gap it leaves."""
    span, n = girder.spans[0], 20_000
    gap = turn = 0.0
    for k in range(n):
        x = (k + 0.5) * span / n
        m, bending = x / span, girder.stiffness_at(x)
        gap += Q * x * (span - x) / 2 * m / bending
        turn += m * m / bending
    return -gap / turn


def test_a_haunched_girder_converges_with_the_square_of_the_element_to_the_force_method(beams):
    girder = a_girder(beams, [L, L], "pinned pinned", haunch=1.5)
    exact = inner_moment_by_the_force_method(girder)

    errors = []
    for element in (2.0, 1.0, 0.5, 0.25):
        model = beams.girder.Model(girder, element)
        errors.append(abs(model.solve(model.uniform(Q)).moment[model.joint_nodes[1]] / exact - 1))

    assert errors[0] > 1e-4
    assert errors[-1] < 3e-4
    for coarse, fine in itertools.pairwise(errors):
        assert coarse / fine == pytest.approx(4.0, rel=0.1)


def test_the_haunch_carries_more_over_the_inner_support(beams):
    def inner(haunch):
        model = beams.girder.Model(a_girder(beams, [L, L], "pinned pinned", haunch), 0.5)
        return model.solve(model.uniform(Q)).moment[model.joint_nodes[1]]

    assert inner(1.5) < 1.2 * inner(HEIGHT) < 0


def test_a_girder_that_nothing_holds_is_refused(beams):
    with pytest.raises(ValueError, match="not held"):
        beams.girder.Model(a_girder(beams, [L], "free free"), 1.0)


def test_the_band_solver_solves_random_positive_definite_systems(beams):
    dice = random.Random(2)
    for size, width in [(1, 1), (2, 4), (9, 4), (30, 6)]:
        band = [[dice.uniform(-1, 1) for _ in range(width)] for _ in range(size)]
        for row in band:
            row[0] = 2.0 * width
        wanted = [dice.uniform(-9, 9) for _ in range(size)]

        def entry(i: int, j: int, band: Any = band, width: int = width) -> float:
            i, j = max(i, j), min(i, j)
            return band[i][i - j] if i - j < width else 0.0

        right = [sum(entry(i, j) * wanted[j] for j in range(size)) for i in range(size)]
        found = beams.banded.solve(beams.banded.factorise(band), right)
        assert found == pytest.approx(wanted, rel=1e-9)
