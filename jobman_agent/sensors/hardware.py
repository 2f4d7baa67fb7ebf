"""Memory, disk and battery."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil  # noqa: TID251 - what the PC has is what this file tells

from jobman_agent.sensors.probe import Unseen

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Room:
    """Memory, in bytes."""

    free: int
    """What programs can still get."""
    total: int


class Memory:
    """How much memory programs can still get."""

    name = "memory"

    def look(self) -> Room:
        """Now."""
        seen = psutil.virtual_memory()
        return Room(int(seen.available), int(seen.total))

    def close(self) -> None:
        """Nothing is held."""


class Disk:
    """Free bytes where jobman keeps packages. A network share can hang: a probe of its own."""

    name = "disk"

    def __init__(self, home: Path) -> None:
        """Look at the disk of ``home``, which need not exist yet."""
        self._home = home

    def look(self) -> int:
        """Now."""
        for folder in (self._home, *self._home.parents):
            if folder.is_dir():
                return shutil.disk_usage(folder).free
        raise Unseen(f"{self._home} is on no disk")

    def close(self) -> None:
        """Nothing is held."""


class Battery:
    """Whether the PC runs on battery; one without any does not."""

    name = "on battery"

    def look(self) -> bool:
        """Now.

        Raises:
            Unseen: there is a battery, and the system does not say whether mains are plugged in.
        """
        probe = getattr(psutil, "sensors_battery", None)
        battery = None if probe is None else probe()
        if battery is None:
            return False
        if battery.power_plugged is None:
            raise Unseen("the system does not say whether mains are plugged in")
        return not battery.power_plugged

    def close(self) -> None:
        """Nothing is held."""
