"""Windows' own answers, on Windows or under Wine."""

from __future__ import annotations

import contextlib
import os

import pytest

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.sensors import system
from jobman_agent.sensors.idle_windows import WindowsIdle, since
from jobman_agent.sensors.probe import Unseen

pytestmark = pytest.mark.windows


@pytest.mark.parametrize(
    ("tick", "now", "seconds"),
    [
        (1000, 4500, 3.5),
        (0xFFFFFFFF - 499, 500, 1.0),
        (5000, 4990, 0.0),
        (0, 0x7FFFFFFF, 2147483.647),
    ],
)
def test_the_tick_count_wraps_after_49_days(tick: int, now: int, seconds: float) -> None:
    assert since(tick, now) == pytest.approx(seconds)


def test_the_idle_time_is_a_time_or_unseen() -> None:
    idle = 0.0
    with contextlib.suppress(Unseen):  # nobody has pressed a key on this PC yet
        idle = WindowsIdle().look()

    assert 0 <= idle < 2**32 / 1000


def test_sessions_and_full_screen_answer() -> None:
    people = system.who_is_here(SYSTEM_CLOCK).look()
    assert people.strangers == ()
    assert system.Shown().look() is None


def test_every_process_is_listed_and_our_own_is_timed() -> None:
    assert os.getpid() in {pid for pid, _ in system.everyone()}
    used, total = system.used(os.getpid()), system.total()
    assert used is not None
    assert 0 <= used.itself <= total.busy
