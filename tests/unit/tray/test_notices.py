"""The owner is told rarely: what stays wrong, once each time, and of the first night once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from jobman_agent.tray.notices import PATIENCE_S, Told, notices
from tests.acceptance.scripted_agent import HOURS, NIGHT, reason, seen, status

if TYPE_CHECKING:
    from jobman_agent.control import messages as m


class Owner:
    """Sees what an agent shows, over time."""

    def __init__(self) -> None:
        self.told = Told()
        self.now = 1000.0
        self.heard: list[str] = []

    def sees(self, what: m.Seen, seconds: float = 0.0) -> list[str]:
        self.now += seconds
        self.told, found = notices(self.told, msgspec.to_builtins(what), self.now)
        self.heard += [notice.text for notice in found]
        return [notice.text for notice in found]


AWAY = seen(status("SEEKING", reason("pool_away", "the pool cannot be reached")))
WELL = seen(status("SEEKING", reason("no_offer", "nobody has work")))


def test_a_pool_that_stays_away_is_told_once():
    owner = Owner()
    assert owner.sees(AWAY) == []
    assert owner.sees(AWAY, PATIENCE_S["pool_away"] - 1) == []
    assert owner.sees(AWAY, 2) == ["the pool cannot be reached"]
    assert owner.sees(AWAY, 100_000) == []


def test_what_ends_in_time_is_never_told_and_what_comes_again_is_told_again():
    owner = Owner()
    for _ in range(20):
        owner.sees(AWAY, 100)
        owner.sees(WELL, 100)
    assert owner.heard == []
    for _ in range(2):
        owner.sees(AWAY)
        owner.sees(AWAY, 2000)
        owner.sees(WELL, 1)
    assert owner.heard == ["the pool cannot be reached"] * 2


def test_wrong_settings_are_told_soon_and_failing_workers_with_their_complaint():
    owner = Owner()
    wrong = reason("settings_wrong", "settings: jobman.ini, line 3: ...")
    failing = seen(
        status("OFF_DUTY", wrong, reason("starting", "the worker: it ended with 4: no login")),
        failing=True,
    )
    owner.sees(failing)
    assert owner.sees(failing, 10) == ["settings: jobman.ini, line 3: ..."]
    assert owner.sees(failing, 200) == ["the worker: it ended with 4: no login"]


def test_a_pc_that_simply_does_not_work_now_is_no_reason_to_tell_anything():
    owner = Owner()
    for code in ("hours", "input", "cpu", "battery", "paused", "no_offer", "other_worker"):
        owner.sees(seen(status("OFF_DUTY", reason(code, code))), 10_000)
    assert owner.heard == []


def test_the_first_night_is_told_once():
    owner = Owner()
    first = seen(status("OFF_DUTY", HOURS), night=NIGHT, first_night=True)
    [text] = owner.sees(first)
    assert "34 packages for alice" in text
    assert owner.sees(first, 10) == []
