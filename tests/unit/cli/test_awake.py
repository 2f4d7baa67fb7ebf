"""A PC is kept awake while it is needed, on mains only."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from jobman_agent.cli import awake
from jobman_agent.cli.awake import Awake
from tests.acceptance.command import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


class Power:
    """A PC's power supply, and whether anything keeps it awake."""

    def __init__(self) -> None:
        self.on_battery = False
        self.kept = False
        self.asked = threading.Event()

    def look(self) -> bool:
        self.asked.set()
        return self.on_battery

    @contextmanager
    def running(self, **_words: object) -> Iterator[SimpleNamespace]:
        self.kept = True
        try:
            yield SimpleNamespace(active=True)
        finally:
            self.kept = False


@pytest.fixture
def power(monkeypatch: pytest.MonkeyPatch) -> Power:
    one = Power()
    module = SimpleNamespace(keep=SimpleNamespace(running=one.running))
    monkeypatch.setitem(sys.modules, "wakepy", module)
    return one


def test_on_mains_a_pc_stays_awake_as_long_as_that_is_wanted(power: Power):
    with Awake(power.look, 0.01) as one:
        assert not power.asked.wait(0.05)
        one.want(True)
        wait_until(lambda: power.kept)
        one.want(False)
        wait_until(lambda: not power.kept)
        one.want(True)
        wait_until(lambda: power.kept)
    wait_until(lambda: not power.kept)


def test_on_battery_it_may_sleep_and_back_on_mains_not_any_more(power: Power):
    with Awake(power.look, 0.01) as one:
        power.on_battery = True
        one.want(True)
        assert power.asked.wait(5)
        assert not power.kept
        power.on_battery = False
        wait_until(lambda: power.kept)
        power.on_battery = True
        wait_until(lambda: not power.kept)


def test_a_pc_that_does_not_say_counts_as_on_battery(monkeypatch: pytest.MonkeyPatch):
    import psutil

    silent = SimpleNamespace(power_plugged=None)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: silent, raising=False)
    assert awake.runs_on_battery()
    silent.power_plugged = True
    assert not awake.runs_on_battery()
