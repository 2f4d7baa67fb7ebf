"""A continuous girder by finite elements: slender beams, cubic elements, units m and kN.

The unknowns are the deflection w (downwards) and the slope w' at each node. With a constant
section the values at the nodes are those of beam theory, however coarse the mesh; a haunched
girder's stiffness is taken at the middle of each element, so that its error falls with the
square of the element's length. Bending moments are positive where they stretch the underside.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from banded import factorise, solve

GPA = 1e6  # kN/m2
FREE, PINNED, FIXED = "free", "pinned", "fixed"


@dataclass(frozen=True)
class Girder:
    """What stands in beam.ini under [girder]; lengths in m."""

    spans: list[float]
    ends: tuple[str, str]
    width: float
    height: float
    haunch: float
    modulus: float
    density: float

    @property
    def length(self) -> float:
        return sum(self.spans)

    @property
    def joints(self) -> list[float]:
        """Where the spans begin and end; the inner ones stand on supports."""
        places = [0.0]
        for span in self.spans:
            places.append(places[-1] + span)
        return places

    def height_at(self, x: float) -> float:
        """A parabola from ``height`` in mid-span up to ``haunch`` over the inner supports."""
        for number, (left, span) in enumerate(zip(self.joints, self.spans, strict=False)):
            if x <= left + span or number == len(self.spans) - 1:
                s = 2.0 * (x - left) / span - 1.0
                inner = number > 0 if s < 0.0 else number < len(self.spans) - 1
                return self.height + (self.haunch - self.height) * s * s * inner
        raise ValueError(f"{x} m is not on the girder")

    def stiffness_at(self, x: float) -> float:
        """E I of the rectangular section, kN m2."""
        return self.modulus * GPA * self.width * self.height_at(x) ** 3 / 12.0

    def weight_at(self, x: float) -> float:
        """Own weight, kN/m."""
        return self.density * self.width * self.height_at(x)


@dataclass(frozen=True)
class Solution:
    """One load case: at the nodes w and M, at the joints the supports' forces."""

    deflection: list[float]
    moment: list[float]
    reactions: list[float]  # upwards
    end_moments: tuple[float, float]  # of the two ends, 0 where they can turn


@dataclass
class Model:
    """The girder cut into elements and factorised once; then any number of load cases."""

    girder: Girder
    element: float
    nodes: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.joint_nodes = [0]
        for left, span in zip(self.girder.joints, self.girder.spans, strict=False):
            # An even number, so that every span has a node in its middle.
            count = 2 * max(1, round(span / self.element / 2))
            self.nodes += [left + span * k / count for k in range(count)]
            self.joint_nodes.append(len(self.nodes))
        self.nodes.append(self.girder.length)
        self._lengths = [b - a for a, b in zip(self.nodes, self.nodes[1:], strict=False)]
        self._stiffness = [
            self.girder.stiffness_at((a + b) / 2.0)
            for a, b in zip(self.nodes, self.nodes[1:], strict=False)
        ]
        self._held = self._held_unknowns()
        self._lower = factorise(self._band())

    def uniform(self, load: float) -> list[list[float]]:
        """Element loads of own weight and ``load`` kN/m along the whole girder."""
        loads = []
        for left, length in zip(self.nodes, self._lengths, strict=False):
            # Simpson's rule: exact for the parabola of a haunch
            own = [self.girder.weight_at(left + length * t) for t in (0.0, 0.5, 1.0)]
            q = load + (own[0] + 4 * own[1] + own[2]) / 6
            loads.append([q * length / 2, q * length**2 / 12, q * length / 2, -q * length**2 / 12])
        return loads

    def points(self, forces: list[tuple[float, float]]) -> list[list[float]]:
        """Element loads of single forces: (place in m, kN)."""
        loads = [[0.0] * 4 for _ in self._lengths]
        for place, force in forces:
            e = self._element_at(place)
            length = self._lengths[e]
            s = (place - self.nodes[e]) / length
            loads[e][0] += force * (1 - 3 * s * s + 2 * s**3)
            loads[e][1] += force * length * (s - 2 * s * s + s**3)
            loads[e][2] += force * (3 * s * s - 2 * s**3)
            loads[e][3] += force * length * (s**3 - s * s)
        return loads

    def solve(self, loads: list[list[float]]) -> Solution:
        """Deflections, moments and reactions under these element loads."""
        right = [0.0] * (2 * len(self.nodes))
        for e, load in enumerate(loads):
            for k in range(4):
                right[2 * e + k] += load[k]
        for unknown in self._held:
            right[unknown] = 0.0
        u = solve(self._lower, right)
        moment, shear_left, shear_right = self._end_forces(u, loads)
        reactions = []
        for joint, node in enumerate(self.joint_nodes):
            held = 2 * node in self._held
            force = 0.0
            if held and joint < len(self.joint_nodes) - 1:
                force -= shear_left[node]
            if held and joint > 0:
                force -= shear_right[node - 1]
            reactions.append(force)
        first, last = (end == FIXED for end in self.girder.ends)
        ends = (moment[0] if first else 0.0, moment[-1] if last else 0.0)
        return Solution(u[::2], moment, reactions, ends)

    def _end_forces(
        self, u: list[float], loads: list[list[float]]
    ) -> tuple[list[float], list[float], list[float]]:
        """Moment at each node; the forces on each element's left and right end, downwards."""
        moment, left, right = [], [], []
        last = 0.0
        for e, (length, bending) in enumerate(zip(self._lengths, self._stiffness, strict=True)):
            w1, s1, w2, s2 = u[2 * e : 2 * e + 4]
            c = bending / length**3
            shear = c * (12 * (w1 - w2) + 6 * length * (s1 + s2))
            load = loads[e]
            left.append(shear - load[0])
            right.append(-shear - load[2])
            turn = c * length * (6 * (w1 - w2) + length * (4 * s1 + 2 * s2))
            moment.append(turn - load[1])
            last = load[3] - c * length * (6 * (w1 - w2) + length * (2 * s1 + 4 * s2))
        moment.append(last)
        return moment, left, right

    def _held_unknowns(self) -> set[int]:
        held = {2 * node for node in self.joint_nodes[1:-1]}
        for end, node in zip(self.girder.ends, (0, len(self.nodes) - 1), strict=True):
            if end in (PINNED, FIXED):
                held.add(2 * node)
            if end == FIXED:
                held.add(2 * node + 1)
        return held

    def _band(self) -> list[list[float]]:
        band = [[0.0] * 4 for _ in range(2 * len(self.nodes))]
        for e, (n, bending) in enumerate(zip(self._lengths, self._stiffness, strict=True)):
            c = bending / n**3
            rows = (
                (12 * c,),
                (6 * n * c, 4 * n * n * c),
                (-12 * c, -6 * n * c, 12 * c),
                (6 * n * c, 2 * n * n * c, -6 * n * c, 4 * n * n * c),
            )
            for i, row in enumerate(rows):
                for j, value in enumerate(row):
                    band[2 * e + i][i - j] += value
        for unknown in self._held:
            band[unknown] = [1.0, 0.0, 0.0, 0.0]
            for k in range(1, min(4, len(band) - unknown)):
                band[unknown + k][k] = 0.0
        return band

    def _element_at(self, place: float) -> int:
        low, high = 0, len(self._lengths) - 1
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.nodes[middle] <= place else (low, middle - 1)
        return low
