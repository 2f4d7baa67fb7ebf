"""Packages that break their limits."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

import pytest

from jobman_agent.execution.orders import Outcome

from .conftest import contents

if TYPE_CHECKING:
    from .conftest import Desk


async def test_a_package_past_its_time_is_asked_to_end_and_its_outputs_come_back(
    desk: Desk,
) -> None:
    finished = await desk.run("ends_when_asked", seconds=2, outputs=("state.rst",))

    assert finished.outcome is Outcome.TIMED_OUT
    assert finished.why == "it ran for 2 s, its limit"
    assert finished.exit_code == 0
    assert contents(finished) == {"state.rst": b"step 17"}
    assert 2 <= finished.seconds < 5


async def test_a_package_that_does_not_listen_is_killed_after_its_grace(desk: Desk) -> None:
    order = desk.order("ignores_signals")
    desk.runner.submit([order])
    await desk.file(order, "ready.txt")

    desk.runner.stop(order.run, "the owner is back", grace=0.3)

    finished = await desk.ended(order)
    killed = (None, 1) if sys.platform == "win32" else (9, None)
    assert (finished.signal, finished.exit_code) == killed
    assert finished.log.splitlines() == [b"not listening"]
    assert 0.3 <= finished.seconds < 10


async def test_frozen_time_does_not_count(desk: Desk) -> None:
    order = desk.order("ends_when_asked", seconds=3, grace=0.5)
    desk.runner.submit([order])
    await desk.file(order, "ready.txt")

    await desk.runner.freeze()
    await asyncio.sleep(3)  # the time itself is what is tested
    assert order.run not in desk.finished
    await desk.runner.thaw()

    finished = await desk.ended(order)
    assert finished.outcome is Outcome.TIMED_OUT
    assert 3 <= finished.seconds < 6


async def test_a_package_that_takes_too_much_memory_is_ended(desk: Desk) -> None:
    finished = await desk.run("eats_memory", "300", memory=100_000_000)

    assert finished.outcome is Outcome.FAILED
    assert finished.why.endswith("MB of memory; its limit is 100 MB")
    assert finished.peak_memory > 100_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the size of files")
async def test_one_file_that_is_too_large_ends_the_package(desk: Desk) -> None:
    finished = await desk.run("writes_much", "1", "50", disk=20_000_000)

    assert finished.outcome is Outcome.FAILED
    assert not list(desk.root.glob("run/*/*w/*"))


async def test_many_files_that_are_too_large_end_the_package(desk: Desk) -> None:
    finished = await desk.run("writes_much", "5", "8", disk=20_000_000)

    assert finished.outcome is Outcome.FAILED
    assert "its folder holds" in finished.why
    assert "its limit is 20 MB" in finished.why


async def test_outputs_beyond_the_limit_are_not_taken(desk: Desk) -> None:
    files = {"a.dat": b"1" * 600_000, "b.dat": b"2" * 600_000}

    finished = await desk.run("ok", files=files, outputs=("*.dat",), disk=1_000_000)

    assert finished.outcome is Outcome.FAILED
    assert "larger than 1 MB" in finished.why
    assert len(finished.outputs) == 1


async def test_a_thousand_outputs_and_no_more(desk: Desk) -> None:
    files = {f"{i}.dat": b"" for i in range(1001)}

    finished = await desk.run("ok", files=files, outputs=("*.dat",))

    assert finished.outcome is Outcome.FAILED
    assert finished.why == "it left more than 1000 outputs"
    assert len(finished.outputs) == 1000


async def test_the_other_slot_goes_on_while_one_floods(desk: Desk) -> None:
    flood = desk.order("floods", "100000", seconds=60)
    desk.runner.submit([flood])
    await desk.began(flood)

    start = time.monotonic()
    for _ in range(3):
        assert (await desk.run("ok")).outcome is Outcome.DONE

    assert time.monotonic() - start < 30
    desk.runner.stop(flood.run, "enough", grace=0)
    assert (await desk.ended(flood)).log.startswith(b"the first line")
