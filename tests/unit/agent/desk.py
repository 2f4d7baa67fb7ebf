"""A PC with an agent: sensors that say what the test says, a scripted worker, a real face."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psutil

from jobman_agent.agent.loop import Agent, Equipment
from jobman_agent.agent.settings_watch import SettingsWatch
from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.control.client import Client
from jobman_agent.control.messages import GetStatus, Status, encode
from jobman_agent.control.pipe import spawn_worker
from jobman_agent.execution import processes
from jobman_agent.settings.layers import load_settings
from jobman_agent.settings.pc import Yielding
from jobman_agent.settings.places import Places
from tests.unit.policy.readings import a_reading, a_source

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Collection

    from jobman_agent.clock import Clock
    from jobman_agent.control.messages import Request
    from jobman_agent.model.reading import Reading
    from jobman_agent.settings.pc import Settings

CLONE = Path(__file__).parents[3]
SCRIPT = Path(__file__).with_name("scripted_worker.py")
INI = """\
[pool]
url = dir:{pool}
[hours]
monday-sunday = {hours}
[idle]
cpu_below = 100 %
"""
SHORT = timedelta(seconds=0.3)
"""What the owner's waits are here; an ini can say no less than a second."""


class FakeSensors:
    """Sensors that say what the test says; the owner was last here an hour ago."""

    def __init__(self) -> None:
        self.touched_at = time.monotonic() - 3600
        self.says: dict[str, Any] = {}
        self.touch_seen = asyncio.Event()
        self.reads = 0
        self.settings: Settings | None = None
        self.closed = False

    async def read(self, *, engaged: bool = False) -> Reading:
        self.reads += 1
        now = time.monotonic()
        reading = a_reading(taken_at=now, sources=(a_source(now - self.touched_at),))
        self.touch_seen.clear()
        return replace(reading, engaged=engaged, **self.says)

    async def first_touch(self) -> str:
        await self.touch_seen.wait()
        return "fake"

    def change(self, settings: Settings) -> None:
        self.settings = settings

    def close(self) -> None:
        self.closed = True

    def touch(self) -> None:
        """The owner presses a key."""
        self.touched_at = time.monotonic()
        self.touch_seen.set()


class Desk:
    """One PC; leave it as a context manager, then nothing of it runs any more."""

    def __init__(
        self,
        folder: Path,
        worker: str = "well",
        hours: str = "all day",
        give_back: timedelta = timedelta(hours=1),
        resume: float | None = None,
    ) -> None:
        self.resume = SHORT if resume is None else timedelta(seconds=resume)
        self.give_back = give_back
        self.home = folder / "home"
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.ini = folder / "jobman.ini"
        self.pool = folder / "pool"
        self.locks = folder / "locks"
        self.gate = folder / "gate"
        self.clock: Clock = SYSTEM_CLOCK
        self.sensors = FakeSensors()
        self.worker = worker
        self.workers: list[subprocess.Popen[bytes]] = []
        self.leave_s = 10.0
        self.places = Places(self.home, self.ini, folder / "none.ini", self.locks)
        self.write_ini(hours=hours)

    def write_ini(self, *, hours: str = "all day", more: str = "") -> None:
        text = INI.format(pool=self.pool, hours=hours)
        self.ini.write_text(text + more, encoding="utf-8")

    async def __aenter__(self) -> Desk:
        watch = SettingsWatch(self._load, [self.ini])
        equipment = Equipment(
            home=self.home,
            lock_dir=self.locks,
            make_sight=self._make_sight,
            settings=watch,
            spawn=self._spawn,
            clock=self.clock,
            leave_s=self.leave_s,
        )
        self.agent = Agent(equipment)
        self.task = asyncio.create_task(self.agent.run())
        await self.until((self.home / "agent.json").exists)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if not self.task.done():
            self.agent.quit()
            self.agent.kill()
        async with asyncio.timeout(20):
            await self.task
        assert self.members() == []

    def _load(self) -> Settings:
        settings = load_settings(self.places, environ={})
        return replace(
            settings,
            idle=replace(settings.idle, user_away=max(SHORT, self.resume), lasting=SHORT),
            yielding=Yielding(self.resume, self.give_back),
        )

    def _make_sight(
        self, settings: Settings, own_pids: Callable[[], Collection[int]]
    ) -> FakeSensors:
        assert os.getpid() in own_pids()
        self.sensors.settings = settings
        return self.sensors

    def _spawn(self) -> subprocess.Popen[bytes]:
        argv = [sys.executable, str(SCRIPT), self.worker]
        env = {**os.environ, "PYTHONPATH": str(CLONE), "DESK_GATE": str(self.gate)}
        process = spawn_worker(argv, env)
        self.workers.append(process)
        return process

    async def ask(self, request: Request) -> Status:
        """What a command of jobman does."""

        def ask() -> Status:
            with Client.connect(self.home) as client:
                done = client.ask(json.loads(encode(request)))
                return msgspec.convert(done["status"], Status)

        return await asyncio.to_thread(ask)

    async def command(self, *words: str) -> str:
        """The real command, in a process of its own; what it prints."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "jobman_agent", *words),
            env={**os.environ, "PYTHONPATH": str(CLONE), "JOBMAN_HOME": str(self.home)},
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0
        return said.decode()

    async def status(self) -> Status:
        return await self.ask(GetStatus())

    async def codes(self) -> list[str]:
        return [reason.code.value for reason in (await self.status()).reasons]

    async def until(self, holds: Callable[[], bool], seconds: float = 15.0) -> None:
        """Look every 10 ms until something has happened."""
        deadline = time.monotonic() + seconds
        while not holds():
            if hasattr(self, "task") and self.task.done():
                await self.task
            assert time.monotonic() < deadline, "it has not happened in time"
            await asyncio.sleep(0.01)

    async def until_state(self, word: str, seconds: float = 15.0) -> None:
        try:
            await self.until(lambda: self.agent.state.value == word, seconds)
        except AssertionError:
            raise AssertionError(f"no {word}: {await self.status()}") from None

    async def until_working(self) -> None:
        """A package runs, with its child and its grandchild."""
        await self.until_state("WORKING")
        await self.until(lambda: len(self.members()) == 3)

    def members(self) -> list[psutil.Process]:
        """The living processes of all packages that this desk's workers began."""
        runs = {f"run{process.pid}" for process in self.workers}
        found = []
        for process in psutil.process_iter():
            try:
                ended = process.status() == psutil.STATUS_ZOMBIE
                if not ended and process.environ().get("JOBMAN_RUN") in runs:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def all_stopped(self) -> bool:
        return all(processes.is_stopped(one.pid) for one in self.members())
