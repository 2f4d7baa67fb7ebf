"""The package for Debian: built, judged by lintian, installed, upgraded at work, purged.

All of it happens in a copy of this machine that is thrown away: an overlay over its root, in a
mount namespace of its own. So what is left after the purge can be seen file by file.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.command import CLONE, wait_until
from tests.broker import absent

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform != "linux", reason="a package for Debian"),
]

NOBODY = 65534
TRAY = ("python3-gi", "python3-pil", "gir1.2-ayatanaappindicator3-0.1")
OVERLAY = """\
set -e
mount -t tmpfs scratch {folder}
cd {folder}
mkdir upper work root
mount -t overlay scratch -o lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work root
mount -t proc proc root/proc
mount --rbind /dev root/dev
mount --rbind /sys root/sys
mount -t tmpfs run root/run
mkdir -m 1777 -p root/run/lock
echo ready
exec cat
"""


class Copy:
    """This machine as it would be; root commands and commands of a user run in it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c",
             OVERLAY.format(folder=folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert self._holder.stdout is not None
        with self._holder.stdout as out:
            said = out.readline()
        if said != "ready\n":
            absent(f"an overlay cannot be mounted here: {said}")
        inside = Path(f"/proc/{self._holder.pid}/root{folder}")
        self.root = inside / "root"
        self.upper = inside / "upper"
        self._enter = ["nsenter", "-t", str(self._holder.pid), "-m", "--wd=/", "chroot",
                       str(folder / "root")]  # fmt: skip
        self.home = "/tmp/Jörg's home"
        (self.root / self.home[1:]).mkdir()
        os.chown(self.root / self.home[1:], NOBODY, NOBODY)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """As root."""
        return self._run([*self._enter, *words], dict(os.environ))

    def user(self, *words: str) -> subprocess.CompletedProcess[str]:
        """As somebody who uses the PC."""
        ids = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.home, "LANG": "C.UTF-8"}
        return self._run([*self._enter, *ids, *words], env)

    def processes(self, words: str) -> set[int]:
        """Whose command begins so."""
        found = set()
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if command.startswith(words):
                found.add(int(path.parent.name))
        return found

    def agents(self) -> set[int]:
        start = "/usr/lib/jobman-agent/bin/python3 -I /usr/lib/jobman-agent/start.py agent"
        return self.processes(start)

    def keepers(self) -> set[int]:
        return self.processes("/bin/sh /usr/lib/jobman-agent/autostart")

    def close(self) -> None:
        for pid in self.keepers() | self.agents():
            os.kill(pid, 9)
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        self._holder.wait(30)

    def _run(self, words: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        # Into a file: a program that stays must not keep a pipe of ours open.
        with tempfile.TemporaryFile("w+") as file:
            done = subprocess.run(
                words,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                timeout=120,
                check=False,
            )
            file.seek(0)
            return subprocess.CompletedProcess(words, done.returncode, file.read(), "")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if os.geteuid() != 0:
        absent("needs root, to mount and to install")
    for program in ("dpkg-deb", "strip", "lintian", "dex", "unshare", "nsenter"):
        if shutil.which(program) is None:
            absent(f"{program} is not here")
    folder = tmp_path_factory.mktemp("deb")
    done = subprocess.run(
        [sys.executable, str(CLONE / "installer" / "build_deb.py"), str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("jobman-agent_*.deb")
    return path


@pytest.fixture(scope="module", autouse=True)
def lintian(package: Path) -> Iterator[subprocess.Popen[str]]:
    """It takes long, and so works beside the other tests."""
    words = ["lintian", "--no-cfg", "--profile", "debian", "--allow-root", str(package)]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as one:
        yield one
        one.kill()


@pytest.fixture
def copy(tmp_path: Path, package: Path) -> Iterator[Copy]:
    one = Copy(tmp_path / "copy")
    shutil.copy(package, one.root / "run" / "jobman-agent.deb")
    try:
        yield one
    finally:
        one.close()


def test_the_package_says_what_the_tray_needs(package):
    fields = subprocess.check_output(["dpkg-deb", "--field", package, "Recommends"], text=True)

    assert set(TRAY) <= {word.strip() for word in fields.split(",")}


def test_the_package_carries_all_that_ships_with_jobman_and_no_bytecode(package):
    listed = subprocess.check_output(["dpkg-deb", "--contents", package], text=True)
    names = [line.split(None, 5)[5] for line in listed.splitlines()]
    config = "./usr/lib/jobman-agent/lib/python3/site-packages/jobman_agent/config/"
    ours = {
        path.relative_to(CLONE / "config").as_posix()
        for path in (CLONE / "config").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    carried = {n.removeprefix(config) for n in names if n.startswith(config) and n[-1] != "/"}
    assert carried == ours
    assert not [name for name in names if "__pycache__" in name]
    for version in ("311", "312", "313"):
        assert any(f"msgspec/_core.cpython-{version}-" in name for name in names)


def test_it_is_installed_started_by_a_login_upgraded_at_work_and_purged_without_a_trace(copy):
    installed = copy.run("dpkg", "--force-unsafe-io", "--install", "/run/jobman-agent.deb")
    assert installed.returncode == 0, installed.stdout
    version = copy.user("jobman", "--version")
    icons = list((copy.root / "usr/share/icons/hicolor").glob("*/apps/jobman.png"))
    entry = copy.user("jobman", "autostart", "status")
    doctor = copy.user("jobman", "doctor")
    assert re.fullmatch(r"jobman [0-9.]+\n", version.stdout)
    assert len(icons) == 7
    assert entry.stdout.splitlines()[0] == "enabled (for all users of this PC)"
    assert "Traceback" not in doctor.stdout

    # No pool is named: the login starts a script that ends at once.
    login = ("dex", "/etc/xdg/autostart/jobman-agent.desktop")
    copy.user(*login)
    wait_until(lambda: copy.keepers() == set())
    assert copy.agents() == set()

    ini = copy.root / "etc/jobman/jobman.ini"
    text = ini.read_text()
    ini.write_text(text.replace(";url = amqps://rabbit.office/jobman", "url = dir:/tmp/pool"))
    assert ini.read_text() != text
    copy.user(*login)
    wait_until(lambda: copy.user("jobman", "status").returncode == 0)
    status = json.loads(copy.user("jobman", "status", "--json").stdout)
    first = copy.agents()
    assert status["state"] in ("OFF_DUTY", "SEEKING")
    assert len(first) == 1

    upgraded = copy.run("dpkg", "--force-unsafe-io", "--install", "/run/jobman-agent.deb")
    assert upgraded.returncode == 0, upgraded.stdout
    wait_until(lambda: len(copy.agents() - first) == 1 and copy.agents().isdisjoint(first), 90)
    assert "url = dir:/tmp/pool" in ini.read_text()
    assert copy.keepers() != set()

    purged = copy.run("dpkg", "--purge", "jobman-agent")
    assert purged.returncode == 0, purged.stdout
    assert "not empty" not in purged.stdout
    assert copy.agents() | copy.keepers() == set()
    assert traces(copy) == []


def traces(copy: Copy) -> list[str]:
    """What is another file than before, without what dpkg notes, and what is the user's own."""
    left = []
    for path in copy.upper.rglob("*"):
        name = path.relative_to(copy.upper).as_posix()
        if path.is_dir() or name.startswith(("tmp/", "var/lib/dpkg/", "var/log/", "var/cache/")):
            continue
        # The index of icons is written anew by hicolor-icon-theme's trigger.
        if not name.endswith("icon-theme.cache"):
            left.append(name)
    left += [
        str(p) for p in copy.upper.rglob("*jobman*") if not p.is_relative_to(copy.upper / "tmp")
    ]
    return left


def test_lintian_finds_no_error(lintian):
    said = lintian.communicate(timeout=200)[0]

    assert [line for line in said.splitlines() if line.startswith("E:")] == []
    assert lintian.returncode == 0, said
