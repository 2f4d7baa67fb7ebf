"""What has the least share of a busy PC still stops and ends soon (Linux shares by session)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jobman_agent.execution import processes, tree
from jobman_agent.execution.orders import RUN_VARIABLE
from tests.broker import absent

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.root
LOOPS = 7
RUN = f"busy{os.getpid()}"
HERE = "import os; os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})\n"
OTHERS = HERE + "print(flush=True)\nwhile True: pass"
# As a runner with a package of two processes.
RUNNER = f"""{HERE}
from jobman_agent.execution import prepare, lower
prepare(yields=True)
for _ in range(2):
    if not (child := os.fork()):
        while True: pass
    lower(child, 1 << 30, yields=True)
print(flush=True)
os.wait()
"""


def start(stack: ExitStack, source: str, **env: str) -> subprocess.Popen[bytes]:
    process = stack.enter_context(
        subprocess.Popen(
            [sys.executable, "-c", source],
            stdout=subprocess.PIPE,
            env={**os.environ, **env},
            start_new_session=True,
        )
    )
    stack.callback(process.kill)
    assert process.stdout is not None
    return process


def cpu(pid: int) -> str:
    """Nanoseconds on a processor."""
    return Path(f"/proc/{pid}/schedstat").read_text().split()[0]


@pytest.fixture
def package() -> Iterator[list[int]]:
    """The runner, and its package's processes, on a processor that many others want."""
    if os.geteuid() != 0:
        absent("only root can take back that a process yields")
    if not Path("/proc/self/autogroup").exists():
        absent("this kernel does not share the processor by session")
    with ExitStack() as stack:
        runner = start(stack, RUNNER, **{RUN_VARIABLE: RUN})
        assert runner.stdout is not None
        runner.stdout.readline()
        members = processes.below([runner.pid])
        assert len(members) == 2
        for member in members:
            stack.callback(processes.kill_one, member)
        others = [start(stack, OTHERS) for _ in range(LOOPS)]
        for other in others:
            assert other.stdout is not None
            other.stdout.readline()
        # Once they had a turn after the others began, their next one is a second or more away.
        ran = [cpu(one) for one in members]
        while any(cpu(one) == before for one, before in zip(members, ran, strict=True)):
            time.sleep(0.01)
        yield [runner.pid, *members]


def test_it_stops_within_a_second_and_yields_again_when_it_goes_on(package: list[int]):
    runner, *members = package
    began = time.monotonic()

    assert tree.freeze_below(runner, ()) == 0

    assert all(processes.is_stopped(one) for one in members)
    assert time.monotonic() - began < 1.0

    tree.thaw_below(runner, ())

    assert not any(processes.is_stopped(one) for one in members)
    assert {os.sched_getscheduler(one) for one in members} == {os.SCHED_IDLE}


def test_it_ends_within_a_second(package: list[int]):
    began = time.monotonic()

    # At least these: whatever else carries the run is ended, too.
    assert tree.end_runs([RUN]) >= len(package)

    assert not any(processes.is_alive(one) for one in package)
    assert time.monotonic() - began < 1.0
