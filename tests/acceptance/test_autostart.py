"""``jobman autostart``: what it enables is started by a desktop's launcher, and kept alive."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.acceptance.command import CLONE, Jobman, wait_until
from tests.broker import absent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="XDG autostart is Linux'")

INI = "[pool]\nurl = dir:{folder}/pool\n[idle]\nowner = nobody\n"
# As pip writes it into an environment's folder of scripts.
COMMAND = """\
#!/bin/sh
exec env PYTHONPATH='{clone}' '{python}' -c '
import sys
sys.argv[0] = "{command}"
from jobman_agent.cli.main import main
sys.exit(main())' "$@"
"""


class Desk:
    """A user with a home of a difficult name, a ``jobman`` on PATH, and a desktop."""

    def __init__(self, folder: Path, display: str) -> None:
        self.home = (
            folder / "Jörg O'Neill"
        )  # dex knows no escapes; GLib's launcher is tried with them
        (self.home / "bin").mkdir(parents=True)
        self.user = Jobman(self.home)
        self.command = self.home / "bin" / "jobman"
        self.install(self.command)
        (self.home / "my.ini").write_text(INI.format(folder=folder))
        self.env = {
            **self.user.env,
            "JOBMAN_CONFIG": str(self.home / "my.ini"),
            "JOBMAN_LOCK_DIR": str(folder / "locks"),
            "XDG_DATA_HOME": "",
            "XDG_CONFIG_HOME": "",
            "XDG_CONFIG_DIRS": str(folder / "etc"),
            "DISPLAY": display,
        }

    def install(self, command: Path) -> None:
        named = str(command).replace("'", "'\"'\"'")
        command.write_text(COMMAND.format(clone=CLONE, python=sys.executable, command=named))
        command.chmod(0o755)

    def jobman(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.command, *words],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def log_in(self) -> None:
        """What a desktop does at login, with nothing of the user's but its own environment."""
        kept = ("JOBMAN_HOME", "JOBMAN_CONFIG", "JOBMAN_LOCK_DIR")
        environment = {name: text for name, text in self.env.items() if name not in kept}
        subprocess.run(
            ["dex", "--autostart"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=30,
            check=True,
        )

    def agent(self) -> psutil.Process | None:
        """The agent that answers for this home."""
        found = [p for p in psutil.process_iter(["cmdline"]) if self._is_agent(p)]
        return found[0] if found else None

    def keeper(self) -> psutil.Process | None:
        """The shell that keeps it alive."""
        words = ["/bin/sh", str(self.home / ".local/share/jobman/autostart.sh")]
        found = [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == words]
        assert len(found) < 2
        return found[0] if found else None

    def _is_agent(self, process: psutil.Process) -> bool:
        words = process.info["cmdline"] or [""]
        if words[-1] != "agent" or "python" not in words[0]:
            return False
        try:
            return process.environ().get("JOBMAN_HOME") == str(self.user.home)
        except psutil.Error:
            return False

    def answers(self) -> bool:
        return self.jobman("status").returncode == 0


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    for program in ("dex", "Xvfb"):
        if shutil.which(program) is None:
            absent(f"{program} is not here (Debian: dex, xvfb)")
    far, near = os.pipe()
    screen = ["Xvfb", "-displayfd", str(near), "-screen", "0", "640x480x24", "-nolisten", "tcp"]
    with subprocess.Popen(screen, pass_fds=(near,), stderr=subprocess.DEVNULL) as server:
        os.close(near)
        with open(far, "rb") as told:
            number = told.readline().decode().strip()
        one = Desk(tmp_path, f":{number}")
        try:
            yield one
        finally:
            for process in (one.keeper(), one.agent()):
                if process is not None:
                    process.kill()
            server.terminate()


def test_a_login_starts_the_agent_a_crash_brings_it_again_and_quit_keeps_it_away(desk):
    enabled = desk.jobman("autostart", "enable")
    assert enabled.returncode == 0, enabled.stderr
    assert enabled.stdout.splitlines()[0] == "enabled"

    desk.log_in()
    wait_until(desk.answers)
    first, keeper = desk.agent(), desk.keeper()
    assert first is not None
    assert keeper is not None

    first.send_signal(signal.SIGKILL)
    wait_until(lambda: desk.agent() not in (None, first))
    wait_until(desk.answers)
    second = desk.agent()
    assert second is not None
    assert second.pid != first.pid

    desk.log_in()  # a second session of the same user: its agent finds the first, and ends
    wait_until(lambda: len(shells(desk)) == 1)
    quit_ = desk.jobman("quit")
    wait_until(lambda: desk.keeper() is None)

    assert quit_.returncode == 0, quit_.stderr
    assert desk.agent() is None
    assert desk.jobman("status").returncode == 5


def shells(desk: Desk) -> list[psutil.Process]:
    script = str(desk.home / ".local/share/jobman/autostart.sh")
    return [p for p in psutil.process_iter(["cmdline"]) if script in (p.info["cmdline"] or [])]


def test_the_commands_say_what_is_what_help_is_and_leave_nothing(desk):
    before = set(desk.home.rglob("*"))
    off = desk.jobman("autostart", "status")
    desk.jobman("autostart", "enable", "--systemd")
    systemd = desk.jobman("autostart", "status", "--json")
    desk.jobman("autostart", "enable")
    desk.command.rename(desk.command.with_name("jobman-old"))
    newer = desk.home / "elsewhere" / "jobman"
    newer.parent.mkdir()
    desk.install(newer)
    desk.command = newer
    stale = desk.jobman("autostart", "status")
    desk.jobman("autostart", "enable")
    on = desk.jobman("autostart", "status")
    disabled = desk.jobman("autostart", "disable")

    assert off.stdout.splitlines()[0] == "disabled"
    assert off.stdout.splitlines()[-1].endswith("jobman autostart enable")
    assert '"way": "systemd"' in systemd.stdout
    assert stale.stdout.splitlines()[0] == "stale"
    assert "is not there any more; what helps: jobman autostart enable" in stale.stdout
    assert on.stdout.splitlines() == [
        "enabled",
        f"  entry    {desk.home}/.config/autostart/jobman-agent.desktop",
        f"  program  {newer}",
    ]
    assert disabled.stdout.splitlines()[0] == "disabled"
    new = {p for p in set(desk.home.rglob("*")) - before if p.is_file()}
    assert {p.name for p in new} == {"jobman-old", "jobman"}
