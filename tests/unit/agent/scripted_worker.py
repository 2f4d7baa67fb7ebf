"""A worker's end of the pipe, without a pool: it holds one package, a tree of real processes.

Run as a program: its only argument says how it ends: well, dies, or
stays (is deaf to leave); or that it finds no package: seeks; or that
its package comes to an end of its own once the file DESK_GATE is there: ends.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psutil

from jobman_agent.control import pipe_messages as p
from jobman_agent.control.messages import ShownPackage
from jobman_agent.control.pipe import open_worker_end, take_standard_pipes
from jobman_agent.model.messages import Outcome

RUN = "JOBMAN_RUN"
# A package whose child has left its group, and whose grandchild too.
PACKAGE = """\
import subprocess, sys
more = int(sys.argv[1])
if more:
    words = [sys.executable, "-S", "-c", sys.argv[2], str(more - 1), sys.argv[2]]
    subprocess.Popen(words, start_new_session=True)
while True:
    sum(range(10_000))
    import time; time.sleep(0.005)
"""


class Worker:
    def __init__(self, descriptors: tuple[int, int], how: str) -> None:
        self.how = how
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.package: subprocess.Popen[bytes] | None = None
        self.run = f"run{os.getpid()}"
        self.pipe = open_worker_end(descriptors, self.take, self.alone)

    def take(self, message: p.AgentSays) -> None:
        match message:
            case p.Limits():
                assert message.cores >= 1
                assert message.memory > 0
                self.pipe.say(p.RunnerUp(pid=os.getpid()))
            case p.Starts():
                if message.allowed and self.package is None:
                    self.begin()
            case p.Freeze():
                self.pipe.say(p.Frozen(number=message.number, runs=()))
            case p.Leave():
                if self.how != "stays":
                    self.leave()

    def begin(self) -> None:
        self.show(0)
        if self.how == "seeks":
            return
        package = p.ComingRun(run=self.run, package="a1", employer="alice")
        self.pipe.say(p.Starting(runs=(package,)))
        self.package = subprocess.Popen(
            [sys.executable, "-S", "-c", PACKAGE, "2", PACKAGE],
            env={**os.environ, RUN: self.run},
            process_group=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        self.pipe.say(p.Started(run=self.run, group=self.package.pid))
        self.show(1)
        if self.how == "dies":
            self.pipe.say(p.Said(text="it hurts", warning=True))
            asyncio.get_running_loop().call_later(0.5, psutil.Process().kill)

        if self.how == "ends":
            self.look_at_gate()

    def look_at_gate(self) -> None:
        if Path(os.environ["DESK_GATE"]).exists():
            self.end(Outcome.DONE)
        else:
            asyncio.get_running_loop().call_later(0.02, self.look_at_gate)

    def show(self, held: int) -> None:
        shown = ShownPackage(name="a1", employer="alice", state="running", seconds=0.0)
        packages = (shown,) * held
        self.pipe.say(
            p.Snapshot(state="working", connected=True, held=held, packages=packages, done=0)
        )

    def leave(self) -> None:
        if self.package is not None:
            self.end(Outcome.HANDED_BACK)
        if not self.ended.done():
            self.ended.set_result(0)

    def end(self, outcome: Outcome) -> None:
        from jobman_agent.execution.tree import end_runs

        end_runs([self.run])
        if self.package is not None:
            self.package.wait()
        self.package = None
        self.pipe.say(
            p.Ended(run=self.run, outcome=outcome, seconds=1.5, cpu_seconds=1.0, peak_memory=1000)
        )
        self.show(0)

    def alone(self, why: str) -> None:
        del why
        self.leave()


async def main() -> int:
    worker = Worker(descriptors, sys.argv[1])
    code = await worker.ended
    await worker.pipe.flush()
    return code


if __name__ == "__main__":
    descriptors = take_standard_pipes()
    sys.exit(asyncio.run(main()))
