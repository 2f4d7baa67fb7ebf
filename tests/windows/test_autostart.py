"""``jobman autostart`` on Windows: the Run key, and what a login starts by it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from jobman_agent.control.client import Client
from jobman_agent.errors import AgentNotRunning
from tests.acceptance.command import wait_until
from tests.windows.pc import windows_path

if TYPE_CHECKING:
    import subprocess

    from tests.windows.pc import WindowsPC

pytestmark = [pytest.mark.wine, pytest.mark.timeout(200)]

RUN = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run"


def test_a_login_starts_an_agent_that_is_kept_alive_until_it_is_quit(new_windows_pc: WindowsPC):
    pc = new_windows_pc
    home = pc.profile / "Jörg's home"
    home.mkdir()
    env = {"JOBMAN_HOME": windows_path(home)}

    def jobman(*words: str) -> subprocess.CompletedProcess[str]:
        return pc.run(pc.python, "-m", "jobman_agent", *words, env=env)

    def pid() -> int | None:
        with suppress(AgentNotRunning), Client.connect(home) as client:
            found: int = client.ask({"type": "status"})["status"]["pid"]
            return found
        return None

    enabled = jobman("autostart", "enable")
    value = pc.run("reg", "query", RUN, "/v", "Jobman").stdout
    status = json.loads(jobman("autostart", "status", "--json").stdout)
    assert enabled.returncode == 0, enabled.stdout
    before, _, after = f'autostart keep "--set=JOBMAN_HOME={windows_path(home)}"'.partition("ö")
    assert before in value  # reg prints in the console's code page
    assert after in value
    assert (status["state"], status["way"]) == ("enabled", "run-key")
    assert status["program"].endswith("pythonw.exe")

    pc.end_programs()
    assert pc.run("wineboot").returncode == 0
    wait_until(lambda: pid() is not None, 60)
    first = pid()
    # Wine's taskkill lets a program end with 0, as if it had quit.
    pc.run(pc.python, "-c", f"import os; os.kill({first}, 9)")
    wait_until(lambda: pid() not in (None, first), 60)
    stopped = jobman("quit")
    off = jobman("autostart", "disable")

    assert stopped.returncode == 0, stopped.stdout
    assert pid() is None
    assert off.stdout.splitlines()[0].startswith("the next login starts no agent")
    assert "Jobman" not in pc.run("reg", "query", RUN).stdout
    assert json.loads(jobman("autostart", "status", "--json").stdout)["state"] == "disabled"
