"""What is kept beside the rows of a step: signed bytes, and what belongs to what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Given(NamedTuple):
    """Which order a run is to its runner."""

    root: str
    """The name of the runner's folder."""
    number: int
    """The runner's count of orders, from 1."""


@dataclass(frozen=True, slots=True)
class Extra:
    """What goes into a transaction beside the rows: signed bytes, and what belongs to what."""

    frames: Mapping[int, bytes] = field(default_factory=dict)
    """The signed message of each new list of results, by its number."""
    given: Mapping[str, Given] = field(default_factory=dict)
    """Of the runs that start with this step, which orders they are."""
    inputs: Mapping[int, tuple[frozenset[str], frozenset[str]]] = field(default_factory=dict)
    """By work message: stored files of its packages, and stored files that are common to all."""
    outputs: Mapping[int, frozenset[str]] = field(default_factory=dict)
    """By list of results: stored files that it names."""
