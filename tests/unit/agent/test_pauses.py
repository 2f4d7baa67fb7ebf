"""Pause, resume and work-now: in every state, over restarts and sleep, in the order of saying."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from jobman_agent.agent.pauses import FILE
from jobman_agent.agent.wishes import WORK_FILE
from jobman_agent.clock import SystemClock
from jobman_agent.control.messages import PauseKind, PauseWork, Quit, ResumeWork, WorkNow
from tests.unit.agent.desk import Desk

if TYPE_CHECKING:
    from pathlib import Path

FOR_AN_HOUR = PauseWork(kind=PauseKind.DURATION, seconds=3600)
UNTIL_RESUME = PauseWork(kind=PauseKind.RESUME)
AFTER_PACKAGE = PauseWork(kind=PauseKind.PACKAGE)


class MovableClock(SystemClock):
    """This PC's clocks; the wall clock can be set, as a PC's is that wakes up."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


async def bring(desk: Desk, state: str) -> None:
    """Let the agent come to a state."""
    if state == "SUSPENDED":
        await desk.until_state("WORKING")
        desk.sensors.touch()
    elif state == "LEAVING":
        await desk.until_state("WORKING")
        desk.write_ini(hours="none")
        desk.sensors.touch()
    await desk.until_state(state)


@pytest.mark.parametrize(
    ("state", "worker"),
    [
        ("OFF_DUTY", "well"),
        ("SEEKING", "seeks"),
        ("WORKING", "well"),
        ("SUSPENDED", "well"),
        ("LEAVING", "stays"),
    ],
)
async def test_in_every_state_a_pause_holds_until_resume(tmp_path: Path, state: str, worker: str):
    hours = "none" if state == "OFF_DUTY" else "all day"
    desk = Desk(tmp_path, worker, hours, resume=3600 if state == "SUSPENDED" else None)
    desk.leave_s = 1.0
    async with desk:
        await bring(desk, state)

        said = await desk.command("pause", "30m")

        assert said.strip() in ("OFF_DUTY", "LEAVING")
        await desk.until_state("OFF_DUTY")
        assert desk.members() == []
        status = await desk.status()
        assert status.paused_until is not None
        left = status.paused_until - datetime.now(UTC)
        assert timedelta(minutes=28) < left <= timedelta(minutes=30)
        assert "paused" in await desk.codes()

        desk.write_ini(hours="all day")
        assert "paused" in await desk.codes()
        await desk.command("resume")
        assert "paused" not in await desk.codes()
        if state == "SUSPENDED":
            assert await desk.codes() == ["input"]
        else:
            await desk.until_state("SEEKING" if worker == "seeks" else "WORKING")


@pytest.mark.parametrize("state", ["WORKING", "SUSPENDED"])
async def test_after_this_package_means_that_it_is_finished_first(tmp_path: Path, state: str):
    async with Desk(tmp_path, "ends", resume=None if state == "WORKING" else 1.5) as desk:
        await bring(desk, state)

        said = await desk.command("pause", "package")

        assert said.strip() == state
        assert (await desk.status()).paused_until is None
        await desk.until_state("WORKING")
        assert len(desk.workers) == 1
        desk.gate.touch()
        await desk.until_state("OFF_DUTY")
        assert await desk.codes() == ["paused"]
        assert "done" in (desk.home / "ledger.jsonl").read_text()


@pytest.mark.parametrize(("state", "worker"), [("OFF_DUTY", "well"), ("SEEKING", "seeks")])
async def test_where_nothing_runs_after_this_package_means_now(
    tmp_path: Path, state: str, worker: str
):
    async with Desk(tmp_path, worker, "none" if state == "OFF_DUTY" else "all day") as desk:
        await bring(desk, state)
        await desk.ask(AFTER_PACKAGE)
        await desk.until_state("OFF_DUTY")
        assert "paused" in await desk.codes()


async def test_a_pause_until_the_screen_is_locked_ends_when_it_is(tmp_path: Path):
    async with Desk(tmp_path) as desk:
        await desk.until_working()
        await desk.command("pause", "until", "lock")
        await desk.until_state("OFF_DUTY")
        assert await desk.codes() == ["paused"]
        desk.sensors.says["locked"] = True
        assert "paused" not in await desk.codes()
        await desk.until_state("WORKING")
        assert not (desk.home / FILE).exists()


@pytest.mark.parametrize(
    ("words", "wakes_after", "still"),
    [
        (("4h",), timedelta(hours=2), True),
        (("1h",), timedelta(hours=2), False),
        (("tomorrow",), timedelta(days=1), False),
        ((), timedelta(days=3), True),
    ],
)
async def test_a_pause_lasts_as_long_as_was_said_also_while_the_pc_sleeps(
    tmp_path: Path, words: tuple[str, ...], wakes_after: timedelta, still: bool
):
    desk, clock = Desk(tmp_path), MovableClock()
    desk.clock = clock
    async with desk:
        await desk.until_state("WORKING")
        await desk.command("pause", *words)
        await desk.until_state("OFF_DUTY")
        clock.ahead = wakes_after
        assert ("paused" in await desk.codes()) is still
        if not still:
            await desk.until_state("WORKING")


@pytest.mark.parametrize("pause", [UNTIL_RESUME, PauseWork(kind=PauseKind.LOCK), AFTER_PACKAGE])
async def test_a_pause_holds_after_an_agent_that_was_killed(tmp_path: Path, pause: PauseWork):
    async with Desk(tmp_path) as desk:
        await desk.until_state("WORKING")
        await desk.ask(pause)
        # What a killed agent leaves is what is on the disk at this moment.
        leave_out = shutil.ignore_patterns("agent.*")
        shutil.copytree(desk.home, tmp_path / "copy" / "home", ignore=leave_out)

    async with Desk(tmp_path / "copy") as desk:
        assert "paused" in await desk.codes()
        await desk.ask(ResumeWork())
        await desk.until_state("WORKING")
    async with Desk(tmp_path / "copy") as desk:
        await desk.until_state("WORKING")


async def test_a_package_that_is_to_be_the_last_is_finished_outside_the_hours_too(tmp_path: Path):
    async with Desk(tmp_path, "ends", "none") as desk:
        await desk.ask(WorkNow(seconds=3600))
        await desk.until_working()
        status = await desk.ask(AFTER_PACKAGE)
        assert status.state == "WORKING"
        desk.gate.touch()
        await desk.until_state("OFF_DUTY")
        assert "paused" in await desk.codes()


async def test_resume_takes_back_what_was_to_come_after_this_package(tmp_path: Path):
    async with Desk(tmp_path, "ends") as desk:
        await desk.until_working()
        await desk.ask(AFTER_PACKAGE)
        assert (desk.home / FILE).exists()
        await desk.ask(ResumeWork())
        assert not (desk.home / FILE).exists()
        desk.gate.touch()
        await desk.until_state("SEEKING")
        assert "paused" not in await desk.codes()


async def test_of_many_faces_the_last_word_holds(tmp_path: Path):
    async with Desk(tmp_path) as desk:
        await desk.until_state("WORKING")
        # Each is answered with what holds right after it, whoever else speaks.
        for _ in range(5):
            for words, paused in ((FOR_AN_HOUR, True), (ResumeWork(), False), (UNTIL_RESUME, True)):
                await desk.ask(words)
                assert ("paused" in await desk.codes()) is paused
                assert (desk.home / FILE).exists() is paused
        status = await desk.status()
        assert status.paused_until is None

        many = [FOR_AN_HOUR, UNTIL_RESUME, ResumeWork()] * 4
        answers = await asyncio.gather(*(desk.ask(one) for one in many))
        for one, answer in zip(many, answers, strict=True):
            paused = "paused" in [reason.code.value for reason in answer.reasons]
            assert paused is not isinstance(one, ResumeWork)
            assert (answer.paused_until is not None) is (one is FOR_AN_HOUR)
        await desk.ask(FOR_AN_HOUR)
        assert (await desk.status()).paused_until is not None


async def test_work_now_holds_after_a_restart_and_no_longer_than_was_said(tmp_path: Path):
    async with Desk(tmp_path, hours="none") as desk:
        await desk.command("work-now", "1h")
        await desk.until_state("WORKING")
        await desk.ask(Quit())
        async with asyncio.timeout(15):
            await desk.task
    kept = (tmp_path / "home" / WORK_FILE).read_text()
    until = datetime.fromisoformat(kept)
    assert timedelta(minutes=58) < until - datetime.now(UTC) <= timedelta(hours=1)

    desk, clock = Desk(tmp_path, hours="none"), MovableClock()
    desk.clock = clock
    async with desk:
        await desk.until_state("WORKING")
        clock.ahead = timedelta(hours=2)
        await desk.until_state("OFF_DUTY")
        assert "hours" in await desk.codes()
        assert not (desk.home / WORK_FILE).exists()


@pytest.mark.parametrize("how", ["said", "over", "junk", "no zone"])
async def test_a_work_now_that_is_over_is_not_heard_again(tmp_path: Path, how: str):
    desk = Desk(tmp_path, hours="none")
    texts = {"over": "2026-01-01T00:00:00+00:00", "junk": "tomorrow\xe9", "no zone": "2999-01-01"}
    if how != "said":
        (desk.home / WORK_FILE).write_text(texts[how], encoding="latin-1")
    async with desk:
        if how == "said":
            await desk.ask(WorkNow(seconds=3600))
            await desk.until_state("WORKING")
            await desk.ask(FOR_AN_HOUR)
            assert not (desk.home / WORK_FILE).exists()
            await desk.until_state("OFF_DUTY")
            await desk.ask(ResumeWork())
        assert "hours" in await desk.codes()
        assert desk.agent.state.value == "OFF_DUTY"


async def test_work_now_ends_a_pause(tmp_path: Path):
    async with Desk(tmp_path, hours="none") as desk:
        await desk.ask(UNTIL_RESUME)
        await desk.ask(WorkNow(seconds=3600))
        assert not (desk.home / FILE).exists()
        await desk.until_state("WORKING")


async def test_a_pause_that_cannot_be_kept_holds_and_says_so(tmp_path: Path):
    async with Desk(tmp_path) as desk:
        (desk.home / FILE).mkdir()
        said = await desk.command("pause")
        assert FILE in said
        await desk.until_state("OFF_DUTY")
        assert "paused" in await desk.codes()
        (desk.home / FILE).rmdir()
