"""Mains and batteries as the kernel shows them, and upower on a real bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jobman_agent.sensors.battery_linux import Battery
from jobman_agent.sensors.probe import Unseen

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.sensors.conftest import MockBus

AC_IN, AC_OUT = {"type": "Mains", "online": "1"}, {"type": "Mains", "online": "0"}
MOUSE = {"type": "Battery", "scope": "Device", "status": "Discharging"}


def battery(status: str, **more: str) -> dict[str, str]:
    return {"type": "Battery", "status": status, **more}


def a_pc(folder: Path, *supplies: dict[str, str]) -> Battery:
    for number, values in enumerate(supplies):
        (folder / str(number)).mkdir()
        for name, text in values.items():
            (folder / str(number) / name).write_text(text + "\n")
    return Battery(folder)


@pytest.mark.parametrize(
    ("supplies", "on_battery"),
    [
        ([], False),
        ([MOUSE], False),  # a desktop PC with a wireless mouse
        ([AC_IN, battery("Charging")], False),
        ([AC_IN, battery("Discharging")], False),  # a weak charger; mains are there all the same
        ([AC_OUT, battery("Discharging")], True),
        ([AC_OUT, battery("Unknown")], True),
        ([battery("Discharging"), MOUSE], True),
        ([battery("Full")], False),
        ([battery("Full"), battery("Not charging")], False),
        ([battery("Full"), battery("Discharging")], True),
        ([{"type": "USB", "online": "1"}, battery("Not charging")], False),
        ([{"type": "USB", "online": "0"}, AC_IN, battery("Not charging")], False),
        ([{"type": "UPS", "status": "Discharging"}], True),
        ([{"type": "UPS", "status": "Full"}, MOUSE], False),
        ([{}, {"type": "nonsense"}], False),
    ],
)
def test_a_pc_runs_on_battery_when_it_has_one_and_no_mains(
    supplies: list[dict[str, str]], on_battery: bool, tmp_path: Path
) -> None:
    assert a_pc(tmp_path, *supplies).look() is on_battery


def test_a_pc_whose_kernel_shows_no_supplies_runs_on_mains(tmp_path: Path) -> None:
    assert Battery(tmp_path / "none").look() is False


def test_where_the_battery_does_not_say_upower_does(bus: MockBus, tmp_path: Path) -> None:
    name, path = "org.freedesktop.UPower", "/org/freedesktop/UPower"
    upower = bus.serve_template("upower", name, path)
    probe = a_pc(tmp_path, battery("Unknown"))

    for said in (True, False):
        upower.call("UpdateProperties", "sa{sv}", (name, {"OnBattery": ("b", said)}))
        assert probe.look() is said
    probe.close()


def test_where_nobody_says_it_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")

    with pytest.raises(Unseen, match="neither the battery nor upower says"):
        a_pc(tmp_path, battery("Unknown")).look()
