"""What an agent costs while it waits, and what asking it costs.

    python -m tests.benchmarks.waiting [--seconds 60]

An agent outside its hours, on a PC without a display, and under Xvfb (where it is installed) with
the icon switched off and on: processor time, wake-ups (threads that began to wait) and memory of
its own. Then ``jobman status`` beside ``python -c pass``. Linux.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

INI = """\
[pool]
url = dir:{folder}/pool
[hours]
monday-sunday = none
"""
TICK = os.sysconf("SC_CLK_TCK")
SETTLE_S = 25.0
"""Until it has started, and the first samples are taken."""
WANTED = (0.005, 18.0, 25.0)
"""CPU s and wake-ups a minute, MB: what the design measured of a Python loop with a tray."""


class Agent:
    """One, with a home of its own."""

    def __init__(self, folder: Path, display: str, *words: str) -> None:
        (folder / "jobman.ini").write_text(INI.format(folder=folder))
        taken = ("JOBMAN_", "DISPLAY", "WAYLAND_DISPLAY")
        self.env = {name: v for name, v in os.environ.items() if not name.startswith(taken)} | {
            "JOBMAN_HOME": str(folder / "home"),
            "JOBMAN_CONFIG": str(folder / "jobman.ini"),
            "JOBMAN_LOCK_DIR": str(folder / "locks"),
        }
        if display:
            self.env["DISPLAY"] = display
        self.process = subprocess.Popen(
            [*JOBMAN, "agent", *words], env=self.env, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        self.process.stderr.readline()

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    def used(self) -> tuple[float, int]:
        """CPU seconds and wake-ups so far, of the process and its threads."""
        root = Path(f"/proc/{self.process.pid}")
        fields = (root / "stat").read_text().rpartition(")")[2].split()
        wakes = 0
        for task in (root / "task").iterdir():
            with contextlib.suppress(FileNotFoundError):  # a thread that has just ended
                for line in (task / "status").read_text().splitlines():
                    if line.startswith("voluntary_ctxt_switches"):
                        wakes += int(line.split()[1])
        return (int(fields[11]) + int(fields[12])) / TICK, wakes

    def memory(self) -> float:
        """MB that are its own."""
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        kib = sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private"))
        return kib / 1000


JOBMAN = [sys.executable, "-m", "jobman_agent"]


@contextlib.contextmanager
def a_screen() -> Iterator[str]:
    """Xvfb; its name."""
    far, near = os.pipe()
    command = ["Xvfb", "-displayfd", str(near), "-screen", "0", "640x480x24", "-nolisten", "tcp"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, pass_fds=(near,), stdout=quiet, stderr=quiet) as process:
        os.close(near)
        with open(far, "rb") as told:
            number = told.readline().decode().strip()
        try:
            yield f":{number}"
        finally:
            process.terminate()


def wait(name: str, seconds: float, display: str, *words: str) -> None:
    """Let one wait, and print what it cost."""
    with tempfile.TemporaryDirectory() as folder:
        agent = Agent(Path(folder), display, *words)
        try:
            time.sleep(SETTLE_S)
            cpu, wakes = agent.used()
            time.sleep(seconds)
            cpu_after, wakes_after = agent.used()
            a_minute = 60 / seconds
            print(
                f"{name:24} {(cpu_after - cpu) * a_minute:6.3f} CPU s a minute"
                f" {(wakes_after - wakes) * a_minute:6.0f} wake-ups a minute"
                f" {agent.memory():6.1f} MB of its own"
            )
            if not display:
                ask(agent.env)
        finally:
            agent.end()


def ask(env: dict[str, str]) -> None:
    """What a question costs."""
    status, nothing = [*JOBMAN, "status", "--json"], [sys.executable, "-c", "pass"]
    took: dict[str, list[float]] = {"status": [], "pass": []}
    for _ in range(TURNS):
        for name, command in (("pass", nothing), ("status", status)):
            began = time.perf_counter()
            subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
            took[name].append(1000 * (time.perf_counter() - began))
    one, other = statistics.median(took["status"]), statistics.median(took["pass"])
    print(f"jobman status: {one:.0f} ms; python -c pass: {other:.0f} ms; {one / other:.1f} times")


TURNS = 20


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args().seconds
    cpu, wakes, memory = WANTED
    print(f"{'wanted':24} {cpu:6.3f} CPU s, {wakes:.0f} wake-ups a minute, {memory:.1f} MB")
    wait("no display", seconds, "")
    if shutil.which("Xvfb"):
        with a_screen() as display:
            wait("X11, no icon", seconds, display, "--no-tray")
            wait("X11, icon", seconds, display)


if __name__ == "__main__":
    main()
