"""Sources that lie, hang, go away and come back: no package starts under the owner's hands."""

from __future__ import annotations

import math
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jobman_agent.model.verdict import Permit, ReasonCode
from jobman_agent.policy import Memory, decide
from jobman_agent.sensors.probe import Unseen
from tests.fakes import FakeClock
from tests.unit.policy.readings import the_rules
from tests.unit.sensors.a_system import Keyboard, Says, System, the_sensors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from jobman_agent.model.verdict import Verdict

USER_AWAY_S = 600
LATER_S = 10.0


class Pc:
    """A PC whose keyboard was seen to reset, and has been idle for an hour."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.keyboard = Keyboard(self.clock, self.clock.monotonic())
        self.source = Says(self.keyboard.idle, "A")
        self.sensors = the_sensors(System({"a": self.source}), self.clock, folder)
        self.memory = Memory()
        self.rules = the_rules(cpu_below=100.0, not_while_running=())

    async def look(self) -> Verdict:
        reading = await self.sensors.read()
        # Nobody here knows how busy this machine is.
        verdict, self.memory = decide(reading, self.rules, self.clock.now(), self.memory)
        return verdict

    async def later(self, seconds: float) -> list[Verdict]:
        found = []
        for _ in range(int(seconds / LATER_S)):
            self.clock.advance(LATER_S)
            found.append(await self.look())
        return found

    async def touch(self) -> None:
        self.keyboard.touch()
        await self.look()


@pytest.fixture
async def pc(tmp_path: Path) -> AsyncIterator[Pc]:
    one = Pc(tmp_path)
    await one.later(30)
    await one.touch()
    await one.later(3600)
    assert "input" not in codes(await one.look())
    assert "owner_unseen" not in codes(await one.look())
    yield one
    one.sensors.close()


def codes(verdict: Verdict) -> set[str]:
    return {reason.code.value for reason in verdict.reasons}


def may_run(verdict: Verdict) -> bool:
    """Whether the owner's side of it would let a package start or go on."""
    mine = (ReasonCode.INPUT, ReasonCode.LOCKED_WAIT, ReasonCode.OWNER_UNSEEN)
    return all(r.leaves > Permit.HOLD for r in verdict.reasons if r.code in mine)


@pytest.mark.parametrize("lie", [1e12, 7200.0, 86_400.0 * 400])
async def test_a_touch_that_was_seen_is_not_forgotten_when_the_source_says_hours(
    pc: Pc, lie: float
) -> None:
    await pc.touch()
    pc.source.value = lie

    assert not any(may_run(one) for one in await pc.later(USER_AWAY_S - LATER_S))
    pc.source.value = pc.keyboard.idle
    assert may_run((await pc.later(2 * LATER_S))[-1])


@pytest.mark.parametrize("lie", [-1.0, -1e9, 0.0])
async def test_a_source_that_says_now_or_later_holds_work_back_as_long_as_it_does(
    pc: Pc, lie: float
) -> None:
    pc.source.value = lie

    assert not any(may_run(one) for one in await pc.later(USER_AWAY_S + 60))
    pc.source.value = pc.keyboard.idle
    verdicts = await pc.later(USER_AWAY_S + 60)
    assert not may_run(verdicts[0])
    assert may_run(verdicts[-1])


async def test_idle_time_that_jumps_back_counts_as_input_of_then(pc: Pc) -> None:
    pc.source.value = 100.0
    assert not may_run(await pc.look())

    pc.source.value = pc.keyboard.idle
    assert not any(may_run(one) for one in await pc.later(USER_AWAY_S - 100 - LATER_S))
    assert may_run((await pc.later(3 * LATER_S))[-1])


@pytest.mark.parametrize("lie", [math.nan, math.inf, -math.inf, Unseen("gone"), "soon", None])
async def test_what_is_no_time_is_no_sight_of_the_owner(pc: Pc, lie: Any) -> None:
    pc.source.value = lie

    for verdict in await pc.later(60):
        assert not may_run(verdict)
        assert "owner_unseen" in codes(verdict)
    pc.source.value = pc.keyboard.idle
    assert "owner_unseen" not in codes(await pc.look())


async def test_a_source_that_hangs_is_no_sight_and_is_believed_when_it_is_back(pc: Pc) -> None:
    stuck = threading.Event()
    [station] = [one.station for one in pc.sensors._inputs._sources.values()]
    station._timeout = 0.05
    pc.source.value = stuck
    pc.clock.advance(LATER_S)

    assert "owner_unseen" in codes(await pc.look())
    pc.source.value = pc.keyboard.idle
    station._timeout = 5.0
    stuck.set()
    await station.ask()
    assert "owner_unseen" not in codes(await pc.look())


async def test_a_source_that_never_resets_any_more_counts_for_a_month_only(pc: Pc) -> None:
    pc.clock.advance(timedelta(days=31).total_seconds())

    verdict = await pc.look()

    assert "owner_unseen" in codes(verdict)
    assert not may_run(verdict)
