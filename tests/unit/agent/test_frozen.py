"""What is frozen stays frozen, and no disk holds a freeze up."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from jobman_agent.agent import kept_runs
from jobman_agent.execution import processes
from tests.unit.agent.desk import Desk

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_who_is_made_to_go_on_by_another_is_frozen_again(tmp_path: Path):
    # As a runner does that hears of the thaw before this freeze only now, on a busy PC.
    async with Desk(tmp_path, resume=3600) as desk:
        await desk.until_working()
        members = desk.members()
        desk.sensors.touch()
        await desk.until(desk.all_stopped)

        for again in range(10):
            for one in members:
                one.resume()
            began = time.monotonic()
            await desk.until(lambda: all(processes.is_stopped(m.pid) for m in members))
            assert time.monotonic() - began < 1.0, again


async def test_a_disk_that_hangs_holds_no_freeze_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    hangs, written = threading.Event(), threading.Event()
    answers, write = threading.Event(), kept_runs.write_atomic

    def slow(*words: object) -> None:
        hangs.set()
        assert answers.wait(30)
        write(*words)  # type: ignore[arg-type]
        written.set()

    monkeypatch.setattr(kept_runs, "write_atomic", slow)
    async with Desk(tmp_path) as desk:
        try:
            await desk.until_working()
            await desk.until(hangs.is_set)
            began = time.monotonic()
            desk.sensors.touch()
            await desk.until(desk.all_stopped)
            assert time.monotonic() - began < 1.0
        finally:
            answers.set()
        await desk.until(written.is_set)
