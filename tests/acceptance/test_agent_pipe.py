"""A real ``jobman work --agent-pipe``: what its agent says, and what becomes of it without one."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from jobman_agent.control import pipe_messages as p
from jobman_agent.control.claims import claim_machine
from jobman_agent.control.pipe import WorkerProcess, spawn_worker
from jobman_agent.errors import ExitCode
from jobman_agent.model.messages import Outcome
from jobman_agent.trust.keys import load_or_make
from tests.acceptance.command import Jobman, wait_until
from tests.acceptance.running import Running, processes_of

if TYPE_CHECKING:
    from collections.abc import Callable

JOB = """\
[job]
title = Sleepers
program = python
command = -S -E {common}/sleeper.py {x}
outputs = result.txt
time = 1 min

[test]
package = test
compare = result.txt within 1e-9
"""
# A package with a child in a session of its own, as one that calls setsid.
SLEEPER = """\
import subprocess, sys, time
from pathlib import Path
seconds = float(sys.argv[1])
if seconds > 1:
    subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(50)"],
                     start_new_session=True)
time.sleep(seconds)
Path("result.txt").write_text("49")
"""
LIMITS = p.Limits(cores=1, memory=1 << 30, disk=1 << 30)


class Office:
    """An employer with a job of sleepers, a PC, and its agent's end of the pipe."""

    def __init__(self, folder) -> None:
        self.alice, self.pc = Jobman(folder, "alice"), Jobman(folder, "pc")
        self.pool = f"dir:{folder / 'pool'}"
        self.key = load_or_make(self.alice.home / "keys").public
        self.locks = folder / "locks"
        self.heard: list[p.WorkerSays] = []
        self.code: int | None = None
        self.news = asyncio.Event()
        self.employer: Running | None = None

    def employ(self, *seconds: float) -> Running:
        rows = "".join(f"p{n},{x}\n" for n, x in enumerate(seconds))
        texts = {
            "job.ini": JOB,
            "common/sleeper.py": SLEEPER,
            "parameters.csv": f"package,x\n{rows}",
            "test/parameters.csv": "package,x\nknown,0\n",
            "test/expected/result.txt": "49",
        }
        for path, text in texts.items():
            file = self.alice.folder / "job" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        words = ("employ", "job", "--pool", self.pool, "--name", "alice")
        self.employer = Running(self.alice, *words, "-v")
        return self.employer

    def work(self, *words: str, limits: p.Limits | None = LIMITS) -> WorkerProcess:
        argv = self.pc.command("work", "--agent-pipe", "--pool", self.pool, "--name", "pc", *words)
        argv += ["--trust", f"alice={self.key}", "--software", f"python={sys.executable}"]
        env = {**self.pc.env, "JOBMAN_LOCK_DIR": str(self.locks)}
        self.code = None
        worker = WorkerProcess(spawn_worker(argv, env), self._take, self._ended)
        if limits is not None:
            worker.say(limits)
        return worker

    def _take(self, message: p.WorkerSays) -> None:
        self.heard.append(message)
        self.news.set()

    def _ended(self, code: int) -> None:
        self.code = code
        self.news.set()

    async def until(self, holds: Callable[[], bool], seconds: float = 30.0) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError:
            raise AssertionError(f"not in time; {self.code=}, heard: {self.heard}") from None

    def all(self, kind: type[p.WorkerSays]) -> list:
        return [message for message in self.heard if isinstance(message, kind)]

    async def working(self) -> p.Started:
        """Once the package that sleeps runs (the ability test is over in a moment)."""

        def runs() -> bool:
            snapshots = self.all(p.Snapshot)
            return bool(snapshots) and any(one.name == "p0" for one in snapshots[-1].packages)

        await self.until(runs)
        return self.all(p.Started)[-1]

    def of_package(self, started: p.Started) -> list[psutil.Process]:
        """The package's processes, its child in another session too."""
        first = psutil.Process(started.group)
        found = [first, *first.children(recursive=True)]
        assert len(found) >= 2
        return found


@pytest.fixture
async def office(tmp_path):
    office = Office(tmp_path)
    yield office
    if office.employer is not None:
        office.employer.__exit__(None, None, None)
    for pid in processes_of(tmp_path):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def stopped(processes: list[psutil.Process]) -> bool:
    return all(process.status() == psutil.STATUS_STOPPED for process in processes)


async def test_what_the_agent_says_is_done_and_what_happens_is_told(office):
    employer = office.employ(3, 30)
    worker = office.work()
    worker.say(p.WillingUntil("2030-01-01T07:00:00Z"))
    started = await office.working()

    # The run was told before it began, with whose package it is, below the runner that was told.
    coming = [run for message in office.all(p.Starting) for run in message.runs]
    first = next(one for one in coming if one.run == started.run)
    assert (first.package, first.employer) == ("p0", "alice")
    tellings = [m for m in office.heard if isinstance(m, p.Starting) and first in m.runs]
    assert office.heard.index(tellings[0]) < office.heard.index(started)
    (runner,) = office.all(p.RunnerUp)
    processes = office.of_package(started)
    assert runner.pid in [parent.pid for parent in processes[0].parents()]
    environ = processes[0].environ()
    assert environ["JOBMAN_RUN"] == started.run
    assert environ["JOBMAN_CORES"] == "1"

    worker.say(p.Freeze(1))
    worker.say(p.Freeze(2))
    await office.until(lambda: len(office.all(p.Frozen)) == 2)
    assert [one.number for one in office.all(p.Frozen)] == [1, 2]
    assert office.all(p.Frozen)[1].runs == (started.run,)
    assert stopped(processes)
    await office.until(lambda: office.all(p.Snapshot)[-1].packages[0].state == "suspended")

    worker.say(p.Thaw())
    await asyncio.to_thread(wait_until, lambda: not stopped(processes[:1]))
    worker.say(p.Starts(allowed=False))
    await office.until(lambda: any(one.run == started.run for one in office.all(p.Ended)))
    ended = next(one for one in office.all(p.Ended) if one.run == started.run)
    assert ended.outcome is Outcome.DONE
    assert ended.seconds > 1
    assert ended.peak_memory > 1 << 20
    await office.until(lambda: office.all(p.Snapshot)[-1].held == 0)
    assert not psutil.pid_exists(processes[1].pid)

    worker.say(p.Leave("that will do"))
    await office.until(lambda: office.code is not None)
    assert office.code == ExitCode.DONE
    assert any(one.text == "leaving: that will do" for one in office.all(p.Said))
    await asyncio.to_thread(employer.until, "p0")
    assert all(one.package != "p1" or one.run not in environ_runs() for one in coming)


def environ_runs() -> set[str]:
    """Every JOBMAN_RUN of a process that lives."""
    found = set()
    for process in psutil.process_iter():
        try:
            found.add(process.environ().get("JOBMAN_RUN", ""))
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("how", ["frozen", "junk"])
async def test_without_its_agent_a_worker_kills_its_packages_hands_back_and_leaves(office, how):
    employer = office.employ(40)
    worker = office.work()
    started = await office.working()
    processes = office.of_package(started)
    if how == "frozen":
        worker.say(p.Freeze(1))
        await office.until(lambda: bool(office.all(p.Frozen)))

    if how == "junk":
        worker.say(p.Frozen(1, ()))  # no word of an agent
    else:
        worker.let_go()

    await office.until(lambda: office.code is not None, 20)
    assert office.code == ExitCode.DONE
    assert started.run not in environ_runs()
    assert not any(process.is_running() for process in processes)
    assert not processes_of(office.pc.home)
    # Its employer has it back, and gives it to the next worker.
    await asyncio.to_thread(employer.until, "pc has left")
    office.heard.clear()
    heir = office.work()
    assert (await office.working()).run != started.run
    heir.let_go()
    await office.until(lambda: office.code is not None, 20)


async def test_an_agent_that_is_killed_leaves_no_package_running(office, tmp_path):
    office.employ(40)
    script = tmp_path / "agent.py"
    argv = office.pc.command("work", "--agent-pipe", "--pool", office.pool, "--name", "pc")
    argv += ["--trust", f"alice={office.key}", "--software", f"python={sys.executable}"]
    script.write_text(
        "import asyncio, os\n"
        "from jobman_agent.control import pipe_messages as p\n"
        "from jobman_agent.control.pipe import WorkerProcess, spawn_worker\n"
        "def take(message):\n"
        "    if isinstance(message, p.Started): print(message.run, message.group, flush=True)\n"
        "async def main():\n"
        f"    worker = WorkerProcess(spawn_worker({argv!r}, os.environ), take, lambda _: None)\n"
        f"    worker.say(p.{LIMITS!r})\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    agent = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        env={**office.pc.env, "JOBMAN_LOCK_DIR": str(office.locks)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert agent.stdout is not None
    async with asyncio.timeout(30):
        line = await agent.stdout.readline()
        while not psutil.Process(int(line.split()[1])).children():  # not yet the long one
            line = await agent.stdout.readline()
    run = line.split()[0].decode()
    assert run in environ_runs()

    os.kill(agent.pid, signal.SIGKILL)
    await agent.wait()

    await asyncio.to_thread(wait_until, lambda: run not in environ_runs(), 10)
    await asyncio.to_thread(wait_until, lambda: not processes_of(office.pc.home), 15)


async def test_only_one_agents_worker_works_on_a_pc(office):
    lock = claim_machine(office.locks)
    try:
        office.work()
        await office.until(lambda: office.code is not None)
    finally:
        lock.release()

    assert office.code == ExitCode.NOT_ALLOWED
    (said,) = office.all(p.Said)
    assert "another agent's worker runs on this PC" in said.text


async def test_a_worker_says_through_the_pipe_what_is_wrong_with_its_settings(office):
    office.work("--config", str(office.pc.folder / "none.ini"))
    await office.until(lambda: office.code is not None)

    assert office.code == ExitCode.BAD_INPUT
    (said,) = office.all(p.Said)
    assert said.warning
    assert "none.ini" in said.text


async def test_an_agent_that_goes_before_its_first_word_is_no_fault(office):
    office.work(limits=None).let_go()
    await office.until(lambda: office.code is not None)

    assert office.code == ExitCode.DONE
    assert office.heard == []
