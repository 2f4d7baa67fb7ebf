"""``jobman autostart``: what it enables is started by a desktop's launcher, and kept alive."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.acceptance.command import CLONE, Jobman, wait_until
from tests.broker import absent

if TYPE_CHECKING:
    from collections.abc import Iterator

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
            "WAYLAND_DISPLAY": "",
            "XDG_CURRENT_DESKTOP": "",
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
    desk.env["DISPLAY"] = ""
    without = desk.jobman("autostart", "enable")
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
    assert "no desktop is seen here; for a PC without one: --systemd" in without.stderr
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


# ---- systemd
# systemd looks whether it is the system's own by this folder; nothing else here may see it.
RUN = """\
set -e
mount -t tmpfs run /run
mkdir -p /run/systemd/system
mkdir -m 700 /run/mine
echo ready
exec cat
"""


class Manager:
    """A user's systemd, with a /run of its own."""

    def __init__(self, desk: Desk) -> None:
        words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", RUN]
        self._holder = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._holder.stdout is not None
        with self._holder.stdout as out:
            assert out.readline() == "ready\n"
        self._enter = ["nsenter", "-t", str(self._holder.pid), "-m", "--wd=/"]
        dropped = ("JOBMAN_HOME", "JOBMAN_CONFIG", "JOBMAN_LOCK_DIR", "DBUS_SESSION_BUS_ADDRESS")
        # An empty variable means something else to systemd than none.
        self._env = {n: text for n, text in desk.env.items() if text and n not in dropped}
        self._env["XDG_RUNTIME_DIR"] = "/run/mine"
        self._systemd = subprocess.Popen(
            [*self._enter, "/lib/systemd/systemd", "--user"],
            env=self._env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def show(self, what: str) -> str:
        """A property of the unit; empty while the manager is not there yet."""
        done = subprocess.run(
            [*self._enter, "systemctl", "--user", "show", "--value", "-p", what, "jobman-agent"],
            env=self._env,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.stdout.strip()

    def close(self) -> None:
        self._systemd.terminate()
        self._systemd.wait(30)
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        self._holder.wait(30)


@pytest.fixture
def manager(desk: Desk) -> Iterator[Manager]:
    if os.geteuid() != 0 or not Path("/lib/systemd/systemd").exists():
        absent("needs root, to give a systemd a /run of its own (Debian: systemd)")
    assert desk.jobman("autostart", "enable", "--systemd").returncode == 0
    sooner = desk.home / ".config/systemd/user/jobman-agent.service.d/sooner.conf"
    sooner.parent.mkdir()
    sooner.write_text("[Service]\nRestartSec=1\n")  # half a minute is long for a test
    one = Manager(desk)
    try:
        yield one
    finally:
        one.close()


@pytest.mark.root
def test_systemd_starts_the_agent_a_crash_brings_it_again_and_quit_keeps_it_away(desk, manager):
    wait_until(desk.answers)
    first = manager.show("MainPID")
    os.kill(int(first), signal.SIGKILL)
    wait_until(lambda: manager.show("NRestarts") == "1")
    wait_until(desk.answers)
    second = manager.show("MainPID")

    quit_ = desk.jobman("quit")
    wait_until(lambda: manager.show("ActiveState") == "inactive")

    assert second not in ("0", first)
    assert quit_.returncode == 0, quit_.stderr
    assert manager.show("Result") == "success"
    assert desk.agent() is None
