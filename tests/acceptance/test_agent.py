"""``jobman agent`` as a real process; the worker that it starts runs packages of a real job."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from jobman_agent.errors import ExitCode
from tests.acceptance.command import Jobman, wait_until
from tests.acceptance.office import Office, results, summary, write_job
from tests.acceptance.running import Running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


INI = """\
[pool]
url = {pool}
[hours]
monday-sunday = {hours}
[idle]
owner = {owner}
user_away = 1 s
for = 1 s
cpu_below = 100 %
on_battery = yes
[yield]
resume_after = 1 s
[limits]
sandbox = no
cores = 1
[software]
python = {python}
[employers]
{employers}
"""
# The package has a child that has left its group; both run until the gate is open.
LONG = """\
import os, subprocess, time
if what == "long":
    words = [sys.executable, "-S", "-c", "import time; time.sleep(600)", {marker!r}]
    subprocess.Popen(words, start_new_session=True)
    while not os.path.exists({gate!r}):
        time.sleep(0.01)
"""


class Pc:
    """The PC of an agent, with its ini."""

    def __init__(self, office: Office, name: str = "pc") -> None:
        self.office = office
        self.user = Jobman(office.folder, name)
        self.ini = office.folder / f"{name}.ini"
        self.user.env |= {
            "JOBMAN_CONFIG": str(self.ini),
            "JOBMAN_LOCK_DIR": str(office.folder / "locks"),
        }
        for name_ in ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"):
            self.user.env.pop(name_, None)
        self.write_ini()

    def write_ini(self, *, hours: str = "all day", owner: str = "nobody") -> None:
        employers = f"alice = {self.office.key}\nallow_code = alice"
        text = INI.format(
            pool=self.office.pool,
            hours=hours,
            owner=owner,
            python=sys.executable,
            employers=employers,
        )
        self.ini.write_text(text, encoding="utf-8")

    def agent(self, **env: str) -> Running:
        agent = self.office.stack.enter_context(Running(self.user, "agent", **env))
        agent.until("jobman status says")
        return agent

    def status(self) -> Any:
        return self.user("status", "--json").json

    def codes(self) -> set[str]:
        return {reason["code"] for reason in self.status()["reasons"]}

    def until_state(self, word: str) -> None:
        try:
            wait_until(lambda: self.status()["state"] == word)
        except AssertionError as exc:
            raise AssertionError(f"not {word} in time: {self.status()}") from exc


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    found = Office(tmp_path, f"dir:{tmp_path / 'pool'}")
    marker, gate = str(tmp_path / "marker"), str(tmp_path / "gate")
    packages = {"a1": "long"}
    write_job(tmp_path / "job", packages, LONG.format(marker=marker, gate=gate))
    with found.stack:
        yield found


def strays(folder: Path) -> list[psutil.Process]:
    """Living processes of packages: those that the marker names, and those that run do.py."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            alive = process.status() != psutil.STATUS_ZOMBIE
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        package = "long" in words and any(word.endswith("do.py") for word in words)
        if alive and (package or str(folder / "marker") in words):
            found.append(process)
    return found


def test_an_agent_that_may_not_work_imports_nothing_of_a_pool_and_lets_no_second_one_in(
    office: Office,
):
    pc = Pc(office)
    pc.write_ini(owner="watch")
    with pc.agent(PYTHONPROFILEIMPORTTIME="1") as agent:
        status = pc.status()
        second = pc.user("agent")

        assert status["state"] == "OFF_DUTY"
        assert "owner_unseen" in [reason["code"] for reason in status["reasons"]]
        assert second.code == ExitCode.NOT_ALLOWED
        assert f"process {status['pid']}" in second.err
        assert pc.user("quit").code == ExitCode.DONE
        assert agent.end() == ExitCode.DONE
        assert "jobman_agent.agent.loop" in agent.text
        for name in ("aio_pika", "nacl", "sqlite3", "jobman_agent.pool", "jobman_agent.worker"):
            assert name not in agent.text
    assert pc.user("status").code == ExitCode.NO_AGENT


def test_no_end_of_an_agent_leaves_a_package_running_and_no_package_is_lost(
    office: Office, tmp_path: Path
):
    pc = Pc(office)
    employer = office.employ()
    agent = pc.agent()
    pc.until_state("WORKING")
    wait_until(lambda: len(strays(tmp_path)) == 2)
    wait_until(lambda: bool(pc.status()["packages"]))
    [package] = pc.status()["packages"]
    assert (package["name"], package["employer"]) == ("a1", "alice")

    assert pc.user("pause").code == ExitCode.DONE
    pc.until_state("OFF_DUTY")
    assert strays(tmp_path) == []
    assert pc.codes() == {"paused"}

    assert pc.user("resume").code == ExitCode.DONE
    wait_until(lambda: len(strays(tmp_path)) == 2)
    agent.process.kill()
    wait_until(lambda: strays(tmp_path) == [])

    (tmp_path / "gate").touch()
    agent = pc.agent()
    assert employer.end() == ExitCode.DONE
    assert results(tmp_path / "job") == {"a1": "long"}
    row = summary(tmp_path / "job")["a1"]
    assert (row["state"], row["failed"], row["lost"]) == ("accepted", "0", "0")
    assert int(row["interrupted"]) >= 2
    agent.process.send_signal(signal.SIGTERM)
    assert agent.end() == ExitCode.INTERRUPTED
