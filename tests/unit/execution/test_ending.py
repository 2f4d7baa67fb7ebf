"""Nothing of a package outlives its report, and everything can be frozen and ended."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from jobman_agent.errors import PackageDidNotStart
from jobman_agent.execution import client, processes, tree
from jobman_agent.execution.client import Runner
from jobman_agent.execution.orders import Outcome, pack, read_reports

from .conftest import DEADLINE, Desk, contents

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="process groups")


def family(desk: Desk) -> list[int]:
    return [pid for pid in processes.below([desk.runner.pid]) if processes.is_alive(pid)]


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(DEADLINE):
        while processes.is_alive(pid):
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("how", ["", "hidden"])
async def test_a_grandchild_that_slips_away_is_ended(desk: Desk, how: str) -> None:
    finished = await desk.run("leaves_grandchild", how, outputs=("ready.txt",))

    assert finished.outcome is Outcome.DONE, finished
    assert family(desk) == []


async def test_a_hidden_grandchild_does_not_outlive_all_that_may_have_made_it(desk: Desk) -> None:
    other = desk.order("ends_when_asked")
    desk.runner.submit([other])
    await desk.file(other, "ready.txt")

    await desk.run("leaves_grandchild", "hidden")
    assert processes.is_alive(desk.started[other.run].pid), "the innocent one goes on"
    desk.runner.stop(other.run, "enough")
    await desk.ended(other)

    assert family(desk) == []


@pytest.mark.parametrize("how", ["", "hidden"])
async def test_one_package_does_not_end_the_grandchild_of_another(desk: Desk, how: str) -> None:
    parent = desk.order("leaves_grandchild", "stay", how)
    desk.runner.submit([parent])
    await desk.file(parent, "ready.txt")
    before = set(family(desk))

    await desk.run("ok")

    assert set(family(desk)) == before
    assert len(before) == 2
    desk.runner.stop(parent.run, "enough", grace=0)
    await desk.ended(parent)
    assert family(desk) == []


async def test_a_stopped_package_hands_back_its_checkpoint(desk: Desk) -> None:
    order = desk.order("ends_when_asked", checkpoint=("*.rst",), outputs=("never.dat",))
    desk.runner.submit([order])
    await desk.file(order, "ready.txt")

    desk.runner.stop(order.run, "the owner is back")

    finished = await desk.ended(order)
    assert finished.outcome is Outcome.HANDED_BACK
    assert finished.why == "the owner is back"
    assert finished.began
    assert contents(finished) == {"state.rst": b"step 17"}


async def test_what_has_not_begun_is_taken_back_and_what_runs_goes_on(desk: Desk) -> None:
    desk.runner.slots(1)
    running, waiting, last = (desk.order("ends_when_asked") for _ in range(3))
    desk.runner.submit([running, waiting, last])
    await desk.file(running, "ready.txt")

    for order in (running, waiting):
        desk.runner.stop(order.run, "wanted elsewhere", only_waiting=True)

    finished = await desk.ended(waiting)
    assert (finished.outcome, finished.began) == (Outcome.HANDED_BACK, False)
    assert running.run not in desk.finished
    desk.runner.stop(running.run, "enough", grace=0)
    await desk.began(last)
    assert (await desk.ended(running)).began


async def test_a_stop_for_a_run_that_is_over_or_unknown_does_nothing(desk: Desk) -> None:
    finished = await desk.run("ok")
    desk.runner.stop(finished.run, "too late")
    desk.runner.stop("never heard of", "why not")

    assert (await desk.run("ok")).outcome is Outcome.DONE


async def test_freezing_suspends_all_and_begins_nothing(desk: Desk) -> None:
    hiding = desk.order("leaves_grandchild", "stay")
    plain = desk.order("sleeps")
    desk.runner.submit([hiding, plain])
    await desk.file(hiding, "ready.txt")
    await desk.file(plain, "started.txt")
    later = desk.order("ok")

    frozen = await desk.runner.freeze()
    desk.runner.slots(3)
    desk.runner.submit([later])

    assert set(frozen) == {hiding.run, plain.run}
    pids = family(desk)
    assert len(pids) == 3
    assert not any(processes.is_moving(pid) for pid in pids)
    for _ in range(20):  # as many chances to begin the third one
        assert set(await desk.runner.freeze()) == {hiding.run, plain.run}

    await desk.runner.thaw()

    assert (await desk.ended(later)).outcome is Outcome.DONE
    assert not any(processes.is_stopped(pid) for pid in family(desk))


async def test_a_package_that_is_just_beginning_is_frozen_too(desk: Desk) -> None:
    files = {str(i): b"" for i in range(3000)}  # unpacking takes a while
    order = desk.order("ends_when_asked", files=files)
    desk.runner.submit([order])
    async with asyncio.timeout(DEADLINE):
        while not await desk.runner.freeze():
            await desk.runner.thaw()

    pid = await desk.began(order)

    assert not processes.is_moving(pid)
    await desk.runner.thaw()
    await desk.file(order, "ready.txt")


async def test_a_frozen_package_can_be_stopped(desk: Desk) -> None:
    order = desk.order("ends_when_asked", checkpoint=("*.rst",))
    desk.runner.submit([order])
    await desk.file(order, "ready.txt")
    await desk.runner.freeze()

    desk.runner.stop(order.run, "the owner stays")

    assert contents(await desk.ended(order)) == {"state.rst": b"step 17"}


async def test_closing_hands_everything_back(desk: Desk) -> None:
    running = [desk.order("ignores_signals") for _ in range(2)]
    waiting = desk.order("ok")
    desk.runner.submit([*running, waiting])
    for order in running:
        await desk.began(order)
    pids = family(desk)

    await desk.close()

    for order in running:
        finished = desk.finished[order.run]
        assert (finished.outcome, finished.began) == (Outcome.HANDED_BACK, True)
    assert not desk.finished[waiting.run].began
    assert not any(processes.is_alive(pid) for pid in pids)
    assert not list(desk.root.glob("run/*/"))
    with pytest.raises(PackageDidNotStart):
        desk.runner.submit([waiting])


async def test_when_the_runner_is_killed_every_order_is_answered(desk: Desk) -> None:
    lost = desk.order("leaves_grandchild", "stay")
    also_lost = desk.order("sleeps")
    waiting = [desk.order("ok") for _ in range(3)]
    desk.runner.submit([lost, also_lost, *waiting])
    await desk.file(lost, "ready.txt")
    await desk.file(also_lost, "started.txt")
    pids = family(desk)

    os.kill(desk.runner.pid, signal.SIGKILL)

    for order in (lost, also_lost):
        finished = await desk.ended(order)
        assert (finished.outcome, finished.began) == (Outcome.LOST, True)
    for order in waiting:
        finished = await desk.ended(order)
        assert (finished.outcome, finished.began) == (Outcome.HANDED_BACK, False)
    assert len(pids) == 3
    assert not any(processes.is_alive(pid) for pid in pids)
    assert not desk.runner.alive
    assert await desk.runner.freeze() == ()

    again = Desk(await Runner.start(desk.root / "run", 1, yields=False), desk.root)
    assert (await again.run("ok")).outcome is Outcome.DONE
    await again.close()


async def test_when_its_worker_dies_the_runner_ends_everything(desk: Desk, tmp_path: Path) -> None:
    root = tmp_path / "other"
    with client._spawn(root, 1, yields=False) as runner:
        assert runner.stdin
        assert runner.stdout
        read_reports(runner.stdout)
        runner.stdin.write(pack([desk.order("ignores_signals")]))
        runner.stdin.flush()
        read_reports(runner.stdout)
        (pid,) = (pid for pid in processes.below([runner.pid]) if processes.is_alive(pid))

        runner.stdin.close()
        runner.stdout.close()

        assert runner.wait(DEADLINE) == 0
    assert not processes.is_alive(pid)
    assert [path.name for path in root.iterdir()] == ["begun"]


async def test_whatever_carries_a_dead_run_is_ended_at_the_next_start() -> None:
    code = "import time; time.sleep(60)"
    command = [sys.executable, "-I", "-S", "-c", code]
    dead = subprocess.Popen(command, env={"JOBMAN_RUN": "dead"}, start_new_session=True)
    alive = subprocess.Popen(command, env={"JOBMAN_RUN": "alive"}, start_new_session=True)
    try:
        async with asyncio.timeout(DEADLINE):
            while processes.variable(dead.pid, "JOBMAN_RUN") != "dead":  # until its exec
                await asyncio.sleep(0.005)

        assert tree.end_runs({"dead", "also dead"}) == 1
        assert tree.end_runs(()) == 0

        assert dead.wait(DEADLINE) == -signal.SIGKILL
        assert alive.poll() is None
    finally:
        for process in (dead, alive):
            process.kill()
            process.wait()


async def test_a_whole_tree_is_frozen_from_outside(desk: Desk) -> None:
    order = desk.order("leaves_grandchild", "stay")
    desk.runner.submit([order])
    await desk.file(order, "ready.txt")
    pids = family(desk)

    assert tree.freeze({order.run}, {desk.started[order.run].pid}) == 0
    assert len(pids) == 2
    assert not any(processes.is_moving(pid) for pid in pids)

    tree.thaw({order.run}, {desk.started[order.run].pid})
    assert all(processes.is_moving(pid) for pid in pids)
    assert processes.is_moving(desk.runner.pid)
