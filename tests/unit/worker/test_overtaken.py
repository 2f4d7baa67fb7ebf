"""A freeze goes to the runner at once; what was decided before it must not undo it."""

from __future__ import annotations

import asyncio

from jobman_agent.worker.employee import Worker
from jobman_agent.worker.runs import Runs
from jobman_agent.worker.watch import Watch


class FakeRunner:
    """Writes down what it is told."""

    def __init__(self):
        self.told = []

    async def freeze(self):
        self.told.append("freeze")
        return ("run",)

    async def thaw(self):
        self.told.append("thaw")


def a_worker():
    """A worker in the middle of its life, and its runner."""
    worker = Worker(None, None, lambda _told: None)
    worker._runs = Runs(None, 1, worker.post, lambda _told: None, watch=Watch())
    worker._runs._runner = FakeRunner()
    return worker, worker._runs, worker._runs._runner


async def test_a_thaw_that_a_freeze_has_overtaken_lets_nothing_go_on():
    worker, runs, runner = a_worker()
    assert await worker.freeze_now() == ("run",)
    worker.thaw()
    assert await worker.freeze_now() == ("run",)
    runs.resume()  # the core comes to the thaw only now: it waited for a disk, say
    runs.suspend()
    await asyncio.sleep(0)
    assert runner.told == ["freeze", "freeze", "freeze"]


async def test_a_thaw_after_a_freeze_lets_all_go_on_however_late_the_core_is():
    worker, runs, runner = a_worker()
    await worker.freeze_now()
    worker.thaw()
    runs.suspend()
    runs.resume()
    await asyncio.sleep(0)
    assert runner.told == ["freeze", "freeze", "thaw"]
