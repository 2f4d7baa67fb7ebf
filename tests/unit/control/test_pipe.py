"""The pipe between agent and worker, with a real child that speaks a worker's words."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from jobman_agent.control import pipe_messages as p
from jobman_agent.control.messages import LINE_MOST
from jobman_agent.control.pipe import UNREAD_MOST, Pipe, WorkerProcess, spawn_worker

CLONE = Path(__file__).parents[3]
CHILD = """\
import asyncio, subprocess, sys
from jobman_agent.control import pipe_messages as p
from jobman_agent.control.pipe import open_worker_end, take_standard_pipes

descriptors = take_standard_pipes()

async def main():
    def take(message):
        match message:
            case p.Freeze(number):
                pipe.say(p.Frozen(number, ()))
            case p.Leave(why):
                ended.set_result(why)
            case p.Limits():
                print("this goes nowhere", flush=True)
                below = subprocess.Popen([sys.executable, "-c", {below!r}])
                pipe.say(p.RunnerUp(below.pid))
    ended = asyncio.get_running_loop().create_future()
    pipe = open_worker_end(descriptors, take, lambda why: ended.set_result(None))
    pipe.say(p.Said("up", False))
    why = await ended
    if why is not None:
        for n in range(1000):
            pipe.say(p.Said(f"{{why}} {{n}}", False))
    await pipe.flush()
    return 7 if why is None else 3

sys.exit(asyncio.run(main()))
"""
SLEEPS = "import time; time.sleep(60)"
KILLED = 1 if sys.platform == "win32" else -9
READS = "import sys; assert sys.stdin.read() == ''; print('nowhere')"


class Worker:
    """A child, and all that is heard of it."""

    def __init__(self, *argv: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(CLONE)}
        self.heard: list[p.WorkerSays] = []
        self.codes: list[int] = []
        self.news = asyncio.Event()
        process = spawn_worker([sys.executable, *argv], environment)
        self.process = WorkerProcess(process, self._take, self._ended)

    def _take(self, message: p.WorkerSays) -> None:
        self.heard.append(message)
        self.news.set()

    def _ended(self, code: int) -> None:
        self.codes.append(code)
        self.news.set()

    async def until(self, holds, seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                self.news.clear()
                await self.news.wait()

    async def code(self) -> int:
        await self.until(lambda: bool(self.codes))
        assert self.codes == [self.process.returncode]
        return self.codes[0]


@pytest.fixture
async def start():
    workers = []

    def start(*argv: str, below: str = SLEEPS) -> Worker:
        workers.append(Worker(*(argv or ("-c", CHILD.format(below=below)))))
        return workers[-1]

    yield start
    for worker in workers:
        for message in worker.heard:
            if isinstance(message, p.RunnerUp):
                with suppress(psutil.NoSuchProcess):
                    psutil.Process(message.pid).kill()
        with suppress(ProcessLookupError):
            worker.process.kill()
        await worker.code()


async def test_both_say_what_they_like_in_order_and_the_last_word_is_heard(start):
    worker = start()
    for number in range(2000):
        worker.process.say(p.Freeze(number))
    worker.process.say(p.Leave("bye"))

    assert await worker.code() == 3
    assert worker.heard == [
        p.Said("up", False),
        *(p.Frozen(number, ()) for number in range(2000)),
        *(p.Said(f"bye {n}", False) for n in range(1000)),
    ]


async def test_a_worker_sees_that_its_agent_has_let_go(start):
    worker = start()
    await worker.until(lambda: bool(worker.heard))

    worker.process.let_go()

    assert await worker.code() == 7


async def test_what_a_worker_starts_holds_neither_end_and_its_prints_go_nowhere(start):
    worker = start()
    worker.process.say(p.Limits(1, 1, 1))
    await worker.until(lambda: len(worker.heard) == 2)

    # Its child lives on: were the pipe inherited, its end would not be seen.
    worker.process.kill()

    assert await worker.code() == KILLED
    up, runner = worker.heard
    assert up == p.Said("up", False)
    assert isinstance(runner, p.RunnerUp)
    assert psutil.pid_exists(runner.pid)


async def test_what_a_worker_starts_reads_nothing_of_what_its_agent_says(start):
    worker = start(below=READS)
    worker.process.say(p.Limits(1, 1, 1))
    worker.process.say(p.Freeze(5))
    worker.process.say(p.Leave("bye"))

    assert await worker.code() == 3
    assert p.Frozen(5, ()) in worker.heard
    assert len(worker.heard) == 1003


@pytest.mark.parametrize(
    "said",
    [b"junk\n", b"{}\n", b"\xff\n", b"x" * 300_000, b'{"type":"thaw"}\n', b"half"],
)
async def test_a_worker_that_cannot_be_understood_is_let_go(start, said):
    good = b'{"type":"said","text":"good","warning":false}\n'
    text = f"b'x' * {len(said)}" if len(said) > LINE_MOST else repr(said)
    write = f"import os, sys; all = {good!r} + {text}\nwhile all: all = all[os.write(1, all):]\n"
    close = "os.close(1)\n" if said == b"half" else ""

    worker = start("-c", f"{write}{close}sys.exit(5 if sys.stdin.read() == '' else 6)")

    assert await worker.code() == 5
    assert worker.heard == [p.Said("good", False)]


async def test_a_worker_that_lives_on_without_its_pipe_is_killed(start, monkeypatch):
    monkeypatch.setattr("jobman_agent.control.pipe.END_S", 0.2)
    worker = start("-c", "import os, time; os.close(1); time.sleep(60)")

    assert await worker.code() == KILLED


async def test_a_stopped_worker_does_not_stop_its_agent(start):
    worker = start()
    await worker.until(lambda: bool(worker.heard))
    os.kill(worker.process.pid, signal.SIGSTOP)

    begun = asyncio.get_running_loop().time()
    for number in range(5000):  # far more than a pipe has room for
        worker.process.say(p.Freeze(number))
    assert asyncio.get_running_loop().time() - begun < 1

    os.kill(worker.process.pid, signal.SIGCONT)
    await worker.until(lambda: len(worker.heard) == 5001)


async def test_who_never_reads_counts_as_gone():
    (read, nobody), (unread, write) = os.pipe(), os.pipe()
    ended = asyncio.get_running_loop().create_future()
    pipe = Pipe(read, write, p.decode_worker, lambda _: None, ended.set_result)
    line = p.Leave("x" * 1900)

    for _ in range(UNREAD_MOST // 1900 + 1):
        pipe.say(line)

    assert await asyncio.wait_for(ended, 5) == "it has not read for too long"
    os.close(unread)
    os.close(nobody)
    await pipe.flush()
    os.close(read)
