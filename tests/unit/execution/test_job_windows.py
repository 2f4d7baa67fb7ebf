"""Job objects, suspensions and priorities of a real Windows (or Wine)."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from jobman_agent.execution import WORKER_FLAGS, Enclosure, lower, processes
from jobman_agent.execution import handles_windows as system
from jobman_agent.execution import job_windows as jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.windows

CLONE = Path(__file__).parents[3]
SLEEPS = "import time; time.sleep(60)"
# Prints whom it has started, whose own child then loses its parent.
FAMILY = """\
import subprocess, sys, time
words = [sys.executable, "-S", "-c"]
middle = f"import subprocess; print(subprocess.Popen({[*words, SLEEPS]!r}).pid, flush=True)"
subprocess.run([*words, middle])
time.sleep(60)
""".replace("SLEEPS", repr(SLEEPS))


def start(program: str, flags: int = jobs.BORN_SUSPENDED) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-S", "-c", program]
    return subprocess.Popen(words, stdout=subprocess.PIPE, creationflags=flags)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it has not happened in time"
        time.sleep(0.01)


@pytest.fixture
def package() -> Iterator[tuple[subprocess.Popen[bytes], jobs.JobObject, int]]:
    """A package's first process, its job object, and an orphan that it has left."""
    with start(FAMILY) as first:
        job = jobs.put_into_a_new_one(first, named=True)
        assert first.stdout is not None
        orphan = int(first.stdout.readline())
        yield first, job, orphan
        job.terminate()
        job.close()


def test_an_orphan_belongs_to_its_package_and_is_frozen_and_thawed_with_it(package) -> None:
    first, _, orphan = package

    processes.freeze_group(first.pid)
    assert processes.is_stopped(first.pid)
    assert processes.is_stopped(orphan)
    assert orphan in processes.below([first.pid])

    processes.thaw_group(first.pid)
    assert processes.is_moving(first.pid)
    assert processes.is_moving(orphan)


def test_who_freezes_twice_has_to_thaw_only_once(package) -> None:
    first, *_ = package

    for _ in range(3):
        processes.freeze_one(first.pid)
    processes.thaw_one(first.pid)
    assert processes.is_moving(first.pid)
    processes.thaw_one(first.pid)
    assert processes.is_moving(first.pid)


def test_what_another_has_suspended_stays_so(package) -> None:
    first, *_ = package
    with system.Handle.opened(first.pid) as other:
        assert other is not None
        other.suspend()
        processes.freeze_one(first.pid)

        processes.let_go()

        assert processes.is_stopped(first.pid)
        other.resume()
        assert processes.is_moving(first.pid)


def test_who_is_let_go_on_by_another_is_frozen_again(package) -> None:
    first, *_ = package
    processes.freeze_one(first.pid)
    psutil.Process(first.pid).resume()
    assert processes.is_moving(first.pid)

    processes.freeze_one(first.pid)

    assert processes.is_stopped(first.pid)
    processes.let_go()
    assert processes.is_moving(first.pid)


def test_all_of_a_package_have_the_lowest_priority_and_those_to_come(package) -> None:
    first, _, orphan = package

    lower(first.pid, 0, yields=True)

    assert psutil.Process(first.pid).nice() == psutil.IDLE_PRIORITY_CLASS
    assert psutil.Process(orphan).nice() == psutil.IDLE_PRIORITY_CLASS


def test_a_package_ends_with_all_that_it_has_left(package) -> None:
    first, job, orphan = package

    job.terminate()

    wait_until(lambda: not processes.is_alive(orphan) and not processes.is_alive(first.pid))
    assert job.active() == 0


def test_the_host_of_a_console_is_nobodys_child() -> None:
    with start(SLEEPS, subprocess.CREATE_NO_WINDOW) as process:
        consoles = [p for p in system.list_processes() if p.name.lower() == "conhost.exe"]

        assert all(system.hosts_console(one.pid) for one in consoles)
        assert not system.hosts_console(process.pid)
        assert processes.below([process.pid]) == []
        process.kill()


def test_a_worker_begins_in_its_enclosure_and_ends_with_it_however_its_packages_nest() -> None:
    program = f"""\
import subprocess, sys
sys.path.insert(0, {str(CLONE)!r})
from jobman_agent.execution import job_windows as jobs
package = subprocess.Popen([sys.executable, "-c", {SLEEPS!r}], creationflags=jobs.BORN_SUSPENDED)
job = jobs.put_into_a_new_one(package, named=True)
print(package.pid, flush=True)
package.wait()
"""
    enclosure = Enclosure()
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, creationflags=WORKER_FLAGS
    ) as worker:
        assert processes.is_stopped(worker.pid), "it waits to be enclosed"
        enclosure.take(worker)
        assert worker.stdout is not None
        package = int(worker.stdout.readline())
        assert {worker.pid, package} <= set(enclosure.pids())

        assert enclosure.end() == 2

        assert not processes.is_alive(package)
        assert worker.wait(10) == 1
    assert enclosure.pids() == []
    assert enclosure.end() == 0
