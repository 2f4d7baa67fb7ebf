"""``jobman agent`` on Windows, for real: keys, frozen packages, priorities, its sudden end.

The employer is a Linux program; the pool is a folder that both see. A package and its two
descendants write down when they run, so what stands still is seen from outside.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from jobman_agent.control.client import Client
from jobman_agent.errors import AgentNotRunning, ExitCode
from tests.acceptance.command import wait_until
from tests.acceptance.office import Office, results, summary, write_job
from tests.windows.pc import windows_path

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.windows.pc import WindowsPC

pytestmark = [pytest.mark.wine, pytest.mark.timeout(300)]

INI = """\
[pool]
url = dir:{pool}
[hours]
monday-sunday = all day
[idle]
owner = {owner}
user_away = 3 s
for = 1 s
cpu_below = 100 %
on_battery = yes
[yield]
resume_after = 2 s
[limits]
cores = 1
[software]
python = {python}
[employers]
alice = {key}
allow_code = alice
"""
# Each of three writes a line every 10 ms: when, its priority, its number, and how deep it is.
TICKS = """\
import ctypes, os, subprocess, time
if what.startswith("long") and os.name == "nt":
    depth = int(what[4:] or 2)
    if depth:
        words = [sys.executable, "-S", "-E", sys.argv[0], f"long{{depth - 1}}"]
        subprocess.Popen(words)
    kernel = ctypes.WinDLL("kernel32")
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    kernel.GetPriorityClass.argtypes = [ctypes.c_void_p]
    with open({ticks!r} + str(depth), "a", buffering=1) as file:
        while not os.path.exists({gate!r}):
            priority = kernel.GetPriorityClass(kernel.GetCurrentProcess())
            file.write(f"{{time.time()}} {{priority}} {{os.getpid()}}\\n")
            time.sleep(0.01)
    what = "long"
"""
DEPTHS = (0, 1, 2)
IDLE_PRIORITY = 0x40
STILL_S = 0.7
"""Nothing written for so long: it does not run (a busy machine makes a tick late at times)."""
RETURNS = 3


class Watched:
    """The PC with its agent, and what the package's processes write."""

    def __init__(self, pc: WindowsPC, office: Office) -> None:
        self.pc, self.office = pc, office
        self.ini = office.folder / "pc.ini"
        self.home = pc.profile / "AppData/Local/jobman-here"
        self.env = {
            "JOBMAN_CONFIG": windows_path(self.ini),
            "JOBMAN_HOME": r"%LOCALAPPDATA%\jobman-here".replace(
                "%LOCALAPPDATA%", rf"C:\users\{pc.profile.name}\AppData\Local"
            ),
        }
        write_job(
            office.folder / "job",
            {"a1": "long"},
            TICKS.format(ticks=windows_path(office.folder / "ticks"), gate=windows_path(self.gate)),
        )
        self.write_ini("watch")

    @property
    def gate(self) -> Path:
        """Once it is there, the package ends by itself."""
        return self.office.folder / "gate"

    def write_ini(self, owner: str) -> None:
        pool = windows_path(self.office.folder / "pool")
        text = INI.format(pool=pool, owner=owner, python=self.pc.python, key=self.office.key)
        self.ini.write_text(text, encoding="utf-8")

    @contextmanager
    def agent(self) -> Iterator[subprocess.Popen[bytes]]:
        words = (self.pc.python, "-u", "-m", "jobman_agent", "agent", "--no-tray")
        process = self.pc.start(*words, env=self.env)
        try:
            wait_until(lambda: self.ask("status") is not None)
            yield process
        finally:
            self.pc.end_programs()
            said, _ = process.communicate()
            print(said.decode(errors="replace"))
            for log in sorted((self.home / "logs").glob("*.log")):
                print(f"---- {log.name}\n{log.read_text(encoding='utf-8')}")

    def ask(self, request: str, **more: Any) -> Any:
        """Ask the agent from this side of the wall; None if it does not answer."""
        with suppress(AgentNotRunning), Client.connect(self.home) as client:
            return client.ask({"type": request, **more})["status"]
        return None

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The same as a person on that PC asks."""
        return self.pc.run(self.pc.python, "-m", "jobman_agent", *words, env=self.env)

    def until_state(self, word: str, seconds: float = 60.0) -> None:
        seen: list[Any] = []

        def holds() -> bool:
            seen[:] = [self.ask("status")]
            return seen[0] is not None and seen[0]["state"] == word

        try:
            wait_until(holds, seconds)
        except AssertionError as exc:
            raise AssertionError(f"not {word} in time: {seen}") from exc

    def last_ticks(self) -> list[list[str]]:
        """When, priority and number of each process of the package, as it wrote them last."""
        found = []
        for depth in DEPTHS:
            with suppress(OSError, ValueError):  # it is not there yet, or has no line
                *_, line, _ = (self.office.folder / f"ticks{depth}").read_text().split("\n")
                found.append(line.split())
        return found

    def run_now(self) -> bool:
        """Whether all three run."""
        last = self.last_ticks()
        return len(last) == len(DEPTHS) and all(time.time() - float(t[0]) < STILL_S for t in last)

    def stood_still_at(self) -> float:
        """Wait until none of the three runs; when the last of them did."""
        seen: list[float] = []

        def holds() -> bool:
            seen[:] = [float(tick[0]) for tick in self.last_ticks()]
            return all(time.time() - at > STILL_S for at in seen)

        wait_until(holds)
        return max(seen)

    def press_a_key(self) -> float:
        """What the owner does; when."""
        at = time.time()
        self.pc.xdotool("key", "a")
        return at

    def prove_the_keyboard(self) -> None:
        """A new PC wants to see it reset: a key, a pause, a key."""
        assert "owner_unseen" in {reason["code"] for reason in self.ask("status")["reasons"]}
        self.press_a_key()
        began = time.time()
        # Every question is a look at the keyboard.
        wait_until(lambda: self.ask("status") is not None and time.time() - began > 2.5)
        self.press_a_key()
        wait_until(lambda: "owner_unseen" not in {r["code"] for r in self.ask("status")["reasons"]})


@pytest.fixture
def watched(new_windows_pc: WindowsPC, tmp_path: Path) -> Iterator[Watched]:
    office = Office(tmp_path, f"dir:{tmp_path / 'pool'}")
    with office.stack:
        yield Watched(new_windows_pc, office)


def test_the_owner_of_a_windows_pc_comes_first(watched: Watched) -> None:
    employer = watched.office.employ()
    employer.until("offer")
    watched.pc.log_in()
    with watched.agent() as agent:
        watched.prove_the_keyboard()
        watched.until_state("WORKING")
        wait_until(watched.run_now)

        # Of the package's first process: what it starts inherits that on Windows, not in Wine.
        assert int(watched.last_ticks()[-1][1]) == IDLE_PRIORITY
        took = []
        for _ in range(RETURNS):
            pressed = watched.press_a_key()
            took.append(watched.stood_still_at() - pressed)
            watched.until_state("SUSPENDED")
            watched.until_state("WORKING")
            wait_until(watched.run_now)
        print("frozen after", [round(seconds, 3) for seconds in took])
        assert max(took) < 1.0

        assert watched.command("pause").returncode == ExitCode.DONE
        watched.until_state("OFF_DUTY")
        watched.stood_still_at()
        employer.until("has left")
        said = watched.command("status")
        assert "paused" in said.stdout
        assert watched.command("resume").returncode == ExitCode.DONE
        watched.until_state("WORKING")
        wait_until(watched.run_now)

        # What is frozen is handed back, too, and nobody has to end the worker for that.
        watched.press_a_key()
        watched.stood_still_at()
        watched.ask("pause", kind="resume")
        watched.until_state("OFF_DUTY")
        employer.until("has left", count=2)
        assert "taken too long" not in (watched.home / "logs/jobman.log").read_text(
            encoding="utf-8"
        )
        watched.ask("resume")
        watched.until_state("WORKING")
        wait_until(watched.run_now)

        watched.gate.touch()
        assert employer.end() == ExitCode.DONE
        assert results(watched.office.folder / "job") == {"a1": "long"}
        assert watched.command("quit").returncode == ExitCode.DONE
        assert agent.wait(20) == ExitCode.DONE


def test_a_killed_agent_leaves_nothing_running_and_its_next_start_tells(watched: Watched) -> None:
    watched.write_ini("nobody")
    employer = watched.office.employ("-v")
    employer.until("offer")
    with watched.agent():
        watched.until_state("WORKING")
        wait_until(watched.run_now)
        pid = watched.ask("status")["pid"]

        watched.pc.run(watched.pc.python, "-c", f"import os; os.kill({pid}, 9)")
        killed = time.time()

        assert watched.stood_still_at() - killed < 1.0
        left = watched.pc.run("tasklist").stdout
        assert "python.exe" not in left
        assert watched.command("status").returncode == ExitCode.NO_AGENT

    with watched.agent() as agent:
        employer.until("step 7: 1 result from", count=2)  # the first one is the ability test's
        assert watched.command("quit").returncode == ExitCode.DONE
        assert agent.wait(20) == ExitCode.DONE
    watched.office.worker("bob")  # what may have killed its worker goes to another PC first
    assert employer.end() == ExitCode.DONE
    row = summary(watched.office.folder / "job")["a1"]
    assert (row["state"], row["worker"], row["lost"]) == ("accepted", "bob", "1")
