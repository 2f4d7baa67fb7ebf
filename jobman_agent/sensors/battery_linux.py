"""Whether this PC runs on battery: /sys/class/power_supply, and upower where that does not say.

kernel.org, Documentation/ABI/testing/sysfs-class-power: ``scope`` of a mouse's or a headset's
battery is ``Device``; what it says is nothing of this PC.
"""

from __future__ import annotations

import sys
from pathlib import Path

from jobman_agent.sensors.bus import Bus
from jobman_agent.sensors.probe import Unseen

assert sys.platform == "linux"

SUPPLIES = Path("/sys/class/power_supply")
_PLUGS = ("Mains", "USB", "Wireless")
_STORES = ("Battery", "UPS")
_UPOWER, _UPOWER_PATH = "org.freedesktop.UPower", "/org/freedesktop/UPower"


class Battery:
    """A PC without a battery runs on mains."""

    name = "on battery"

    def __init__(self, folder: Path = SUPPLIES) -> None:
        """Look at the supplies that the kernel shows there."""
        self._folder = folder
        self._bus = Bus("SYSTEM")

    def look(self) -> bool:
        """Now.

        Raises:
            Unseen: there is a battery, and nobody says whether mains are plugged in.
        """
        plugs: list[bool] = []
        stores: list[str] = []
        for supply in self._supplies():
            kind = _word(supply, "type")
            if kind in _PLUGS and (online := _word(supply, "online")):
                plugs.append(online != "0")
            elif kind in _STORES and _word(supply, "scope") != "Device":
                stores.append(_word(supply, "status"))
        if not stores or any(plugs):
            return False
        if "Discharging" in stores or plugs:
            return True
        if all(status in ("Charging", "Full", "Not charging") for status in stores):
            return False
        return self._upower()

    def close(self) -> None:
        """Let go of the bus."""
        self._bus.close()

    def _supplies(self) -> list[Path]:
        try:
            return sorted(self._folder.iterdir())
        except FileNotFoundError:  # a kernel or container without any
            return []

    def _upower(self) -> bool:
        try:
            found = self._bus.get_all(_UPOWER, _UPOWER_PATH, _UPOWER)
            return bool(found["OnBattery"])
        except (Unseen, KeyError) as exc:
            text = "neither the battery nor upower says whether mains are plugged in"
            raise Unseen(f"{text} ({exc})") from exc


def _word(supply: Path, name: str) -> str:
    """One of its values; empty if it has none, or went away."""
    try:
        return (supply / name).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
