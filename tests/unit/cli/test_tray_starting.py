"""An agent's icon is started apart, again when it has gone, and not where it is not wanted."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from filelock import FileLock

from jobman_agent.cli import agent_commands, tray_command, tray_starting
from jobman_agent.cli.main import main
from jobman_agent.cli.tray_starting import has_desktop, keep_tray
from jobman_agent.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

START = """\
import os, sys
from jobman_agent.agent.adopted import adopt, end_adopted
from jobman_agent.cli.tray_starting import start_apart
adopt()
start_apart([sys.executable, "-c", sys.argv[1]])
end_adopted()
print("ended")
"""
APART = """\
import json, os, time
told = {told!r}
with open(told + ".part", "w") as file:
    json.dump([os.getpid(), os.getppid()], file)
os.rename(told + ".part", told)
time.sleep(30)
"""


class Agent:
    is_watched = False


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    found: list[list[str]] = []
    monkeypatch.setattr(tray_starting, "start_apart", found.append)
    monkeypatch.setattr(tray_starting, "has_desktop", lambda _environ: True)
    monkeypatch.setattr(tray_starting, "LOOK_S", 0.01)
    monkeypatch.setattr(tray_starting, "START_S", 0.05)
    return found


async def keep(agent: Agent, seconds: float, *, wanted: bool = True) -> None:
    task = asyncio.create_task(keep_tray(agent, lambda: wanted))  # type: ignore[arg-type]
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_is_started_once_and_again_when_nobody_watches_any_more(started):
    agent = Agent()
    task = asyncio.create_task(keep_tray(agent, lambda: True))  # type: ignore[arg-type]

    async def until(count: int) -> None:
        async with asyncio.timeout(10):
            while len(started) < count:
                await asyncio.sleep(0.005)

    await until(1)
    agent.is_watched = True
    await asyncio.sleep(0.2)
    assert len(started) == 1
    agent.is_watched = False
    await until(2)
    assert started[0][-1] == "tray"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_one_that_does_not_come_up_is_started_more_and_more_seldom(started):
    await keep(Agent(), 0.5)
    assert 2 <= len(started) <= 5  # after 0.05, 0.1, 0.2 s: not fifty times


async def test_settings_that_want_none_have_none(started):
    await keep(Agent(), 0.1, wanted=False)
    assert started == []


async def test_without_a_desktop_there_is_one_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(tray_starting, "has_desktop", lambda _environ: False)
    with caplog.at_level(logging.INFO, "jobman_agent"):
        async with asyncio.timeout(5):
            await keep_tray(Agent(), lambda: True)  # type: ignore[arg-type]
    assert [record.getMessage() for record in caplog.records] == [
        "no desktop here, so no icon: DISPLAY is not set"
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="DISPLAY is X11's")
def test_a_desktop_is_there_if_a_display_is_named():
    assert has_desktop({"DISPLAY": ":0"})
    assert has_desktop({"WAYLAND_DISPLAY": "wayland-0"})
    assert not has_desktop({"DISPLAY": ""})


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt")
def test_what_is_started_apart_outlives_the_sweep_of_whatever_the_agent_adopted(tmp_path: Path):
    told = tmp_path / "told"
    done = subprocess.run(
        [sys.executable, "-c", START, APART.format(told=str(told))],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == "ended\n"
    deadline = time.monotonic() + 20
    while not told.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    pid, parent = json.loads(told.read_text())
    apart = psutil.Process(pid)
    assert apart.is_running()
    assert parent != os.getpid()
    apart.kill()


def test_an_icon_without_an_agent_and_a_second_icon_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("JOBMAN_HOME", str(tmp_path))
    monkeypatch.setattr(tray_command, "_ONE_BEFORE_S", 0.05)
    assert main(["tray"]) == ExitCode.NO_AGENT
    with FileLock(tmp_path / tray_command.LOCK):
        assert main(["tray"]) == ExitCode.NOT_ALLOWED
    assert "is shown already" in capsys.readouterr().err
    log = (tmp_path / "logs" / tray_command.LOG).read_text(encoding="utf-8")
    assert "no agent runs" in log
    assert "is shown already" in log


def test_quit_returns_when_the_icon_has_gone_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JOBMAN_HOME", str(tmp_path))
    agent_commands._await_icon()  # there never was one
    lock = FileLock(tmp_path / tray_command.LOCK, thread_local=False)
    lock.acquire()
    threading.Timer(0.4, lock.release).start()
    began = time.monotonic()
    agent_commands._await_icon()
    assert 0.3 < time.monotonic() - began < 5
