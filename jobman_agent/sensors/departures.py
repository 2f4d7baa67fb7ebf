"""When this PC is about to go: what whoever watches for that is told."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Going(Enum):
    """What the system says; the value is for people."""

    SHUTDOWN = "this PC shuts down"
    SLEEP = "this PC goes to sleep"
    AWAKE = "this PC is awake again"


class Departures:
    """Where nothing tells it but the signal or message that ends the process."""

    def __init__(self, told: Callable[[Going], None]) -> None:
        """Take whom to tell, from any thread."""
        self._told = told

    def start(self) -> None:
        """Watch from now on."""

    def let_go(self) -> None:
        """What was to be done first is done: the PC may go."""

    def close(self) -> None:
        """Watch no more; the PC may go."""
