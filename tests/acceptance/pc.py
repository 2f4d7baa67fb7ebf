"""The PC of an agent: its ini, the real ``jobman agent`` and what its packages' processes do."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psutil

from jobman_agent.control.client import Client
from jobman_agent.sensors.proof import FILE
from jobman_agent.settings.places import host_name
from tests.acceptance.command import Jobman, wait_until
from tests.acceptance.office import Office, write_job
from tests.acceptance.running import Running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

INI = """\
[pool]
url = {pool}
[hours]
monday-sunday = {hours}
[idle]
owner = {owner}
user_away = {resume}
for = 1 s
cpu_below = 100 %
on_battery = yes
[yield]
resume_after = {resume}
give_back_after = {give_back}
[limits]
sandbox = no
cores = 1
[software]
python = {python}
[employers]
{employers}
"""
# The package burns CPU, with a child, and in a session of its own another child that has one; all
# of them run until the gate is open.
LONG = """\
import os, subprocess, time
if what == "long":
    burn = [sys.executable, "-S", "-c", "while True: pass", {marker!r}]
    fork = "import subprocess, sys; subprocess.Popen(sys.argv[2:])\\nwhile True: pass"
    subprocess.Popen(burn)
    subprocess.Popen([sys.executable, "-S", "-c", fork, {marker!r}, *burn], start_new_session=True)
    while not os.path.exists({gate!r}):
        time.sleep(0.01)
"""
PROCESSES = 4
"""So many of one package."""
# The real agent counts every X server of this PC; here tests run side by side, each with its own.
ONE_SCREEN = """\
import sys
from pathlib import Path
from jobman_agent.sensors import system_linux
system_linux._X_SOCKETS = Path("/nowhere")
{more}
from jobman_agent.cli.main import main
sys.exit(main())
"""


def open_gate(office: Office) -> None:
    """Let the long package come to its end."""
    (office.folder / "gate").touch()


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

    def write_ini(
        self,
        *,
        hours: str = "all day",
        owner: str = "nobody",
        resume: str = "1 s",
        give_back: str = "15 min",
    ) -> None:
        text = INI.format(
            pool=self.office.pool,
            hours=hours,
            owner=owner,
            resume=resume,
            give_back=give_back,
            python=sys.executable,
            employers=f"alice = {self.office.key}\nallow_code = alice",
        )
        self.ini.write_text(text, encoding="utf-8")

    def has(self, display: str, more: str = "") -> None:
        """An X server is this PC's only one; ``more`` is Python for the agent's start."""
        self.user.env["DISPLAY"] = display
        self.user.program = [sys.executable, "-c", ONE_SCREEN.format(more=more)]

    def watches(self, display: str, more: str = "") -> None:
        """The same, and it was seen to notice keys before."""
        self.has(display, more)
        seen = {f"x11 {display}": datetime.now(UTC).isoformat()}
        self.user.home.mkdir(mode=0o700, exist_ok=True)
        kept = {"host": host_name(), "seen_to_reset": seen}
        (self.user.home / FILE).write_text(json.dumps(kept), encoding="utf-8")

    def agent(self, **env: str) -> Running:
        agent = self.office.stack.enter_context(Running(self.user, "agent", **env))
        agent.until("jobman status says")
        return agent

    def status(self) -> Any:
        """What ``jobman status --json`` prints, without a process for each look."""
        with Client.connect(self.user.home) as agent:
            return agent.ask({"type": "status"})["status"]

    def codes(self) -> set[str]:
        return {reason["code"] for reason in self.status()["reasons"]}

    def until_state(self, word: str, seconds: float = 30.0) -> None:
        try:
            wait_until(lambda: self.status()["state"] == word, seconds)
        except AssertionError as exc:
            raise AssertionError(f"not {word} in time: {self.status()}") from exc

    def until_working(self, seconds: float = 60.0) -> list[psutil.Process]:
        """Once the long package and all its processes run: these.

        A package has the least share of the PC: where tests keep it busy, that takes its time.
        """
        self.until_state("WORKING", seconds)
        wait_until(lambda: len(strays(self.office.folder)) == PROCESSES, seconds)
        return strays(self.office.folder)


def strays(folder: Path) -> list[psutil.Process]:
    """Living processes of packages: those that the marker names, and those that run do.py.

    Of this office only: tests run side by side, and this is also whom `an_office` ends.
    """
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            alive = process.status() != psutil.STATUS_ZOMBIE
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        ours = [word for word in words if word.startswith(str(folder))]
        package = "long" in words and any(word.endswith("do.py") for word in ours)
        if alive and (package or str(folder / "marker") in ours):
            found.append(process)
    return found


def stopped(members: list[psutil.Process], how: Callable[[Iterable[bool]], bool]) -> bool:
    """Whether all of them, or any, are stopped."""
    return how(one.status() == psutil.STATUS_STOPPED for one in members)


def seconds_until_frozen(members: list[psutil.Process], press: Callable[[], None]) -> float:
    """Press a key; how long until every process is stopped."""
    began = time.monotonic()
    press()
    while not stopped(members, all):
        assert time.monotonic() - began < 20, [one.status() for one in members]
        time.sleep(0.002)
    return time.monotonic() - began


@contextmanager
def an_office(folder: Path, pool: str) -> Iterator[Office]:
    """An office whose job is one long package, a1; nothing of it burns on afterwards."""
    office = Office(folder, pool)
    texts = {"marker": str(folder / "marker"), "gate": str(folder / "gate")}
    write_job(folder / "job", {"a1": "long"}, LONG.format(**texts))
    try:
        with office.stack:
            yield office
    finally:
        for one in strays(folder):
            with suppress(psutil.NoSuchProcess):
                one.kill()
        for log in sorted(folder.glob("*/logs/*.log")):  # shown of a test that failed
            print(f"---- {log.relative_to(folder)}\n{log.read_text(encoding='utf-8')}")
