"""What ``job.ini`` says, as values. Pure: no file is touched here.

docs/job-folder.md describes every key; ``ini`` reads the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from jobman_agent.model.patterns import patterns

LOG_NAME = "log.txt"
"""Reserved: what a package's program printed."""
OWN_PROGRAM = ("./", "{common}/")
"""How the name of a program begins that is in the package's folder, or in common/."""
TABLE_NAME = "parameters.csv"


class How(StrEnum):
    """How a file of the ability test is compared with the expected one."""

    EXACTLY = "exactly"
    """Byte for byte."""
    WITHIN = "within"
    """Numbers within a relative tolerance, all else exactly."""
    PIXELS = "pixels"
    """As pictures: size and every pixel."""


@dataclass(frozen=True, slots=True)
class CompareRule:
    """One part of ``compare``: which files, and how."""

    pattern: str
    how: How = How.EXACTLY
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True)
class TestSpec:
    """The section ``[test]``: the ability test."""

    __test__ = False  # pytest: this is no test class

    package: str = "test"
    """The folder, beside job.ini, that holds its inputs and ``expected/``."""
    compare: tuple[CompareRule, ...] = ()
    """The first rule whose pattern matches a file holds; without one: exactly."""

    def rule_for(self, path: str) -> CompareRule:
        """How a file of the test is compared."""
        for rule in self.compare:
            if patterns((rule.pattern,)).matches(path):
                return rule
        return CompareRule(path)


@dataclass(frozen=True, slots=True)
class EvaluateSpec:
    """The section ``[evaluate]``: when a result is accepted."""

    exit_code: int = 0
    require: tuple[str, ...] = ()
    """Patterns, each of which at least one returned file must match."""
    check: tuple[str, ...] = ()
    """Words of a command that the employer runs; exit code 0 accepts. Empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """All of ``job.ini``."""

    title: str
    program: str
    """A name, in lower case, for names of programs are without regard to case; or a program of
    the job itself: ``./NAME`` of the package's folder, ``{common}/NAME``."""
    command: tuple[str, ...] = ()
    """Arguments, split, with ``{package}``, ``{common}`` and ``{header}`` not yet filled in."""
    outputs: tuple[str, ...] = ()
    """Patterns: ``*`` stays in one folder, ``**`` does not; a plain name must be there."""
    cores: int = 1
    memory: int = 0
    """Bytes; 0: no limit of the job's own."""
    time_s: float = 3600.0
    usual_s: float | None = None
    attempts: int = 3
    at_once: int | None = None
    checkpoint: tuple[str, ...] = ()
    known_workers_only: bool = False
    test: TestSpec | None = None
    """None: job.ini has no ``[test]``; ``load_job`` takes that only where it is told to."""
    evaluate: EvaluateSpec = field(default_factory=EvaluateSpec)

    @property
    def brings_its_program(self) -> bool:
        """Whether the program comes with the job, so that it is own code on every PC."""
        return self.program.startswith(OWN_PROGRAM)
