"""What is true of packages, whatever the two ends come to believe; and what really ran."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from .kernel import Sim

RIGHT, WRONG = "1" * 64, "0" * 64
"""The SHA-256 of a right and of a wrong output."""


@dataclass(frozen=True)
class Truth:
    """One package."""

    name: str
    seconds: float
    guess: float
    fails: bool = False
    kills_after: float | None = None
    """Its PC dies after so many seconds of it."""


@dataclass(frozen=True)
class Ran:
    """One run that ended somehow."""

    package: str
    attempt: int
    worker: str
    seconds: float
    end: str


@dataclass
class Job:
    """A job, and the record of what really happened to it."""

    packages: dict[str, Truth]
    usual: float
    at_once: int | None
    test: bool
    slow_check: bool
    limit: float = 0.0
    runs: list[Ran] = field(default_factory=list)
    running: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    began: dict[tuple[str, str], float] = field(default_factory=dict)
    most_copies: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    over_at_once: int = 0
    first_run_at: float | None = None

    def __post_init__(self) -> None:
        self.limit = 20 * self.usual + 100

    def truth(self, name: str) -> Truth:
        """Of a package; of the ability test, whose name is nobody's."""
        return self.packages.get(name) or Truth(name, 1.0, 1.0)

    def check_seconds(self, rng: random.Random) -> float:
        return rng.uniform(60, 400) if self.slow_check else rng.uniform(0.01, 2)

    def begins(self, sim: Sim, package: str, worker: str) -> None:
        if package not in self.packages:
            return
        if self.first_run_at is None:
            self.first_run_at = sim.now
        copies = self.running[package]
        copies.append(worker)
        self.most_copies[package] = max(self.most_copies[package], len(copies))
        self.began[package, worker] = sim.now
        # A PC that is silent for longer than `time` may exceed it (docs/job-folder.md says so).
        counted = [
            name
            for name, workers in self.running.items()
            for each in workers
            if sim.now - self.began[name, each] < self.limit
        ]
        if self.at_once and len(counted) > self.at_once:
            self.over_at_once += 1

    def ends(self, ran: Ran) -> None:
        if ran.package in self.packages:
            self.running[ran.package].remove(ran.worker)
            self.runs.append(ran)

    def count(self, package: str, *ends: str) -> int:
        return sum(r.package == package and r.end in ends for r in self.runs)
