"""The agent's loop on a real PC: real processes and a real face, sensors that are told."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from jobman_agent.control import lock_machine
from jobman_agent.control.claims import MACHINE_LOCK
from jobman_agent.control.messages import PauseKind, PauseWork, Quit, ResumeWork, WorkNow
from jobman_agent.execution import processes
from tests.unit.agent.desk import Desk

if TYPE_CHECKING:
    from pathlib import Path


async def test_while_the_owner_is_here_nothing_is_started_and_why_says_so(tmp_path: Path):
    async with Desk(tmp_path, hours="all day") as desk:
        desk.sensors.touch()
        while await desk.codes() == ["starting"]:  # the first look is still to come
            await asyncio.sleep(0.01)
        status = await desk.status()
        assert status.state == "OFF_DUTY"
        assert "input" in await desk.codes()
        assert status.next is not None
        assert desk.workers == []


async def test_from_the_first_key_on_nothing_of_a_package_runs(tmp_path: Path):
    async with Desk(tmp_path) as desk:
        await desk.until_working()
        status = await desk.status()
        assert [(one.name, one.state) for one in status.packages] == [("a1", "running")]

        members = desk.members()
        began = time.monotonic()
        desk.sensors.touch()
        await desk.until(lambda: all(processes.is_stopped(one.pid) for one in members))
        assert time.monotonic() - began < 1.0
        await desk.until_state("SUSPENDED")

        await desk.until_state("WORKING")  # after some quiet
        await desk.until(lambda: not any(processes.is_stopped(one.pid) for one in members))
        assert sorted(m.pid for m in desk.members()) == sorted(m.pid for m in members)


async def test_an_owner_who_stays_gets_the_pc_back(tmp_path: Path):
    async with Desk(tmp_path, give_back=timedelta(seconds=0.5)) as desk:
        await desk.until_working()

        for _ in range(200):
            desk.sensors.touch()
            if desk.agent.state.value == "OFF_DUTY":
                break
            await asyncio.sleep(0.05)

        assert desk.agent.state.value == "OFF_DUTY"
        assert desk.members() == []
        assert desk.workers[0].returncode == 0
        assert len(desk.workers) == 1
        await desk.until(lambda: len(_lines(desk)) == 1)
        entry = json.loads(_lines(desk)[0])
        assert (entry["employer"], entry["package"], entry["seconds"]) == ("alice", "a1", 1.5)


async def test_a_worker_that_dies_leaves_nothing_and_another_one_is_started(tmp_path: Path):
    async with Desk(tmp_path, worker="dies") as desk:
        await desk.until_working()
        desk.worker = "well"  # the next one
        await desk.until_state("OFF_DUTY")

        await desk.until(lambda: desk.members() == [])
        [reason] = (await desk.status()).reasons
        assert reason.code.value == "starting"
        assert reason.text.endswith("it hurts")
        assert reason.until is not None
        await desk.until(lambda: _lines(desk) != [])
        # On a busy PC a second one may have begun, and died, before this test heard of the first.
        lost = [json.loads(line) for line in _lines(desk)]
        assert {(x["employer"], x["package"], x["outcome"]) for x in lost} == {
            ("alice", "a1", "lost")
        }
        await desk.until_working()
        assert len(desk.workers) == 1 + len(lost)


async def test_a_worker_that_does_not_leave_is_ended(tmp_path: Path):
    desk = Desk(tmp_path, worker="stays")
    desk.leave_s = 0.5
    async with desk:
        await desk.until_working()
        status = await desk.ask(PauseWork(kind=PauseKind.RESUME))
        assert status.state == "LEAVING"
        await desk.until_state("OFF_DUTY")
        assert desk.members() == []
        assert "paused" in await desk.codes()


async def test_a_pause_survives_the_agents_restart_and_resume_ends_it(tmp_path: Path):
    async with Desk(tmp_path) as desk:
        await desk.until_state("WORKING")
        status = await desk.ask(PauseWork(kind=PauseKind.DURATION, seconds=3600))
        assert status.state in ("LEAVING", "OFF_DUTY")
        await desk.until_state("OFF_DUTY")
        assert desk.workers[0].returncode == 0

    async with Desk(tmp_path) as desk:
        status = await desk.status()
        assert status.paused_until is not None
        assert "paused" in await desk.codes()
        await desk.ask(ResumeWork())
        await desk.until_state("WORKING")
        assert not (desk.home / "pause.json").exists()


async def test_a_short_pause_ends_by_itself(tmp_path: Path):
    async with Desk(tmp_path) as desk:
        await desk.ask(PauseWork(kind=PauseKind.DURATION, seconds=2))
        assert (desk.home / "pause.json").exists()
        await desk.until_state("WORKING")
        assert not (desk.home / "pause.json").exists()


async def test_an_agent_starts_with_wrong_settings_and_goes_on_when_they_are_right(tmp_path: Path):
    desk = Desk(tmp_path)
    desk.write_ini(more="[idle]\nuser_awya = 1 s\n")
    async with desk:
        status = await desk.status()
        assert status.state == "OFF_DUTY"
        [reason] = status.reasons
        assert reason.code.value == "settings_wrong"
        assert "user_awya" in reason.text
        assert desk.sensors.reads == 0

        desk.write_ini()
        assert "settings_wrong" not in await desk.codes()
        await desk.until_state("WORKING")

        desk.write_ini(more="[limits]\nmemory = much\n")
        status = await desk.status()
        assert status.state == "WORKING"
        assert [reason.code.value for reason in status.reasons] == ["settings_wrong"]


async def test_hours_that_are_changed_hold_at_once(tmp_path: Path):
    async with Desk(tmp_path) as desk:
        await desk.until_working()
        desk.write_ini(hours="none")
        await desk.until_state("OFF_DUTY")
        assert desk.members() == []
        assert await desk.codes() == ["hours"]


async def test_a_worker_whose_settings_have_changed_finishes_and_another_one_starts(
    tmp_path: Path,
):
    async with Desk(tmp_path, worker="seeks") as desk:
        await desk.until_state("SEEKING")
        while await desk.codes() == ["starting"]:
            await asyncio.sleep(0.1)
        assert await desk.codes() == ["no_offer"]
        desk.write_ini(more="[limits]\ncores = 1\n")
        assert (await desk.status()).state == "LEAVING"
        await desk.until(lambda: len(desk.workers) == 2)
        assert desk.workers[0].returncode == 0
        desk.write_ini(more="[limits]\ncores = 1\n[software]\n")
        assert (await desk.status()).state == "SEEKING"


async def test_work_now_works_outside_the_hours_for_as_long_as_was_said(tmp_path: Path):
    async with Desk(tmp_path, hours="none") as desk:
        assert "hours" in await desk.codes()
        await desk.ask(WorkNow(seconds=4))
        await desk.until_state("WORKING")
        await desk.until_state("OFF_DUTY")
        assert await desk.codes() == ["hours"]


async def test_beside_another_agents_worker_none_is_started(tmp_path: Path):
    desk = Desk(tmp_path)
    lock = lock_machine(desk.locks, MACHINE_LOCK)
    assert lock is not None
    async with desk:
        while await desk.codes() != ["other_worker"]:
            await asyncio.sleep(0.1)
        assert desk.workers == []
        lock.release()
        assert await desk.codes() == ["starting"]
        await desk.until_state("WORKING")


async def test_sensors_that_fail_altogether_stop_the_work(tmp_path: Path):
    async with Desk(tmp_path, give_back=timedelta(seconds=0.5)) as desk:
        await desk.until_working()
        desk.sensors.says = {"no_such_field": 1}
        await desk.until_state("SUSPENDED")
        assert "owner_unseen" in await desk.codes()
        await desk.until_state("OFF_DUTY")
        assert desk.members() == []


async def test_quit_hands_back_and_ends(tmp_path: Path):
    async with Desk(tmp_path) as desk:
        await desk.until_working()
        await desk.ask(Quit())
        async with asyncio.timeout(15):
            await desk.task
        assert desk.members() == []
        assert desk.workers[0].returncode == 0
        assert desk.sensors.closed
        assert not (desk.home / "agent.json").exists()


async def test_the_next_start_ends_what_a_killed_agent_left(tmp_path: Path):
    async with Desk(tmp_path) as desk:
        await desk.until_working()
        kept = (desk.home / "runs.json").read_bytes()
        await desk.ask(Quit())
        async with asyncio.timeout(15):
            await desk.task
        assert json.loads((desk.home / "runs.json").read_bytes()) == []

    run = json.loads(kept)[0]
    words = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    stray = subprocess.Popen(words, env={"JOBMAN_RUN": run}, start_new_session=True)
    (desk.home / "runs.json").write_bytes(kept)
    async with Desk(tmp_path, hours="none") as desk:
        await desk.until(lambda: stray.poll() is not None)
        await desk.until(lambda: (desk.home / "runs.json").read_bytes() == b"[]")


def _lines(desk: Desk) -> list[str]:
    path = desk.home / "ledger.jsonl"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ({"memory_free": 1_000_000_000}, "memory"),
        ({"disk_free": 100_000_000}, "disk"),
    ],
)
async def test_a_pc_that_is_short_of_room_has_its_packages_handed_back_at_once(
    tmp_path: Path, says: dict[str, int], code: str
):
    async with Desk(tmp_path) as desk:
        await desk.until_working()
        # Frozen, they would still fill it.
        desk.sensors.says = says
        await desk.until_state("OFF_DUTY")
        assert desk.members() == []
        assert desk.workers[0].returncode == 0
        assert code in await desk.codes()


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ({"on_battery": True}, "battery"),
        ({"running": frozenset({"zoom"})}, "program"),
        ({"presentation": "a film"}, "presentation"),
        ({"others_cpu": 90.0}, "cpu"),
    ],
)
async def test_whatever_else_needs_the_pc_freezes_first_and_goes_on_when_it_is_over(
    tmp_path: Path, says: dict[str, object], code: str
):
    desk = Desk(tmp_path)
    desk.write_ini(more="cpu_above = 60 %\nnot_while_running = zoom\n")
    desk.ini.write_text(desk.ini.read_text().replace("cpu_below = 100 %", "cpu_below = 40 %"))
    async with desk:
        await desk.until_working()
        members = desk.members()
        desk.sensors.says = says
        await desk.until_state("SUSPENDED")
        await desk.until(desk.all_stopped)
        assert code in await desk.codes()
        desk.sensors.says = {}
        await desk.until_state("WORKING")
        assert sorted(m.pid for m in desk.members()) == sorted(m.pid for m in members)
