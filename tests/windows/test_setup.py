"""The Windows setup, built by its own script: installed, logged in to, upgraded, removed."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
import pytest

from jobman_agent.errors import ExitCode
from tests.acceptance.command import wait_until
from tests.acceptance.office import Office, results, summary, write_job
from tests.broker import absent
from tests.windows.pc import windows_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.broker import Broker
    from tests.windows.pc import WindowsPC

pytestmark = [pytest.mark.wine, pytest.mark.timeout(400)]

CLONE = Path(__file__).parents[2]
RUN = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run"
UNINSTALL = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\Jobman"
# What the PC in the test about work is like; the user has written it before the setup came.
INI = """\
# written by hand
[pool]
url = {pool}
[hours]
monday-sunday = all day
[idle]
owner = nobody
for = 1 s
cpu_below = 100 %
on_battery = yes
[limits]
cores = 1
[software]
python = {python}
[employers]
alice = {key}
allow_code = alice
"""
WAITS = """\
import os, time
while what == "long" and not os.path.exists({gate!r}):
    time.sleep(0.05)
"""


class Setups(NamedTuple):
    """Two versions of the setup, and one that takes every disk for large enough; and who signed."""

    first: Path
    second: Path
    boastful: Path
    certificate: Path


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate to sign programs with, and its key."""
    certificate, key = folder / "firm.pem", folder / "firm.key"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=firm", "-addext", "extendedKeyUsage=codeSigning"]
    words += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(words, check=True, capture_output=True)
    return certificate, key


@pytest.fixture(scope="module")
def setups(windows_box: Path, tmp_path_factory: pytest.TempPathFactory) -> Setups:
    """Built as for users, but for quicker compression and what Wine 8 cannot do."""
    folder = tmp_path_factory.mktemp("setups")
    tree = folder / "tree"
    certificate, key = make_certificate(folder)
    found = Setups(*(folder / f"{name}.exe" for name in Setups._fields[:3]), certificate)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(CLONE / "installer")
        patch.setenv("JOBMAN_SIGN_CERTIFICATE", str(certificate))
        patch.setenv("JOBMAN_SIGN_KEY", str(key))
        build: Any = importlib.import_module("windows_setup")
        build.lay_tree(tree, "0.1.0")
        site = tree / "python" / "Lib" / "site-packages"
        shutil.copy(windows_box / "python" / "Lib" / "site-packages" / "sitecustomize.py", site)
        (site / "jobman_agent" / "only_in_the_first.py").touch()
        build.pack(tree, found.first, "0.1.0", "zlib")
        (site / "jobman_agent" / "only_in_the_first.py").rename(site / "only_in_the_second.py")
        build.pack(tree, found.second, "0.1.1", "zlib")
        build.pack(tree, found.boastful, "0.1.0", "zlib", size=1)
    shutil.rmtree(tree)
    return found


class Installation:
    """jobman on a Windows PC, as its setup leaves it."""

    def __init__(self, pc: WindowsPC) -> None:
        self.pc = pc
        pc.env.pop("PYTHONPATH")  # nothing of the clone may be found
        self.folder = pc.profile / "AppData" / "Local" / "Programs" / "Jobman"
        self.kept = pc.profile / "AppData" / "Local" / "jobman"
        self.ini = self.kept / "jobman.ini"
        self._there = rf"C:\users\{pc.profile.name}\AppData\Local\Programs\Jobman"

    def setup(self, exe: Path, *words: str) -> subprocess.CompletedProcess[str]:
        return self.pc.run(windows_path(exe), "/S", *words, timeout=240)

    def jobman(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.pc.run(rf"{self._there}\jobman.exe", *words)

    def status(self) -> Any:
        done = self.jobman("status", "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def agent_is_up(self) -> None:
        wait_until(lambda: self.status() is not None, 90)

    def until_working(self) -> None:
        wait_until(lambda: (self.status() or {}).get("state") == "WORKING", 90)

    def agents(self) -> list[psutil.Process]:
        """The processes of jobman-agent.exe on this PC: the one that starts, and the agent."""
        found = []
        for process in psutil.process_iter():
            try:
                program = "".join(process.cmdline()[:1])
                if program.endswith("jobman-agent.exe") and self._is_here(process):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def _is_here(self, process: psutil.Process) -> bool:
        return bool(process.environ().get("WINEPREFIX") == str(self.pc.prefix))

    def registry(self, *where: str) -> str:
        return self.pc.run("reg", "query", *where).stdout

    def uninstall(self) -> None:
        done = self.pc.run(rf"{self._there}\uninstall.exe", "/S", timeout=120)
        assert done.returncode == 0
        # It goes on as a copy of itself, so that it can remove itself.
        wait_until(lambda: not self.folder.exists(), 120)


@pytest.fixture
def jobman(new_windows_pc: WindowsPC) -> Installation:
    return Installation(new_windows_pc)


def test_a_preset_setup_works_at_every_login_and_leaves_nothing_but_the_ini(
    jobman: Installation, setups: Setups, tmp_path: Path
):
    office = Office(tmp_path, "dir:nowhere")
    (tmp_path / "them.ini").write_text(f"Jürgen = {office.key}\n", encoding="utf-8")
    hours = "monday-friday=18:00-07:00; saturday, sunday=all day"
    words = (r"/POOL=dir:C:\pool", f"/HOURS={hours}", f"/AUTHORITY={office.key}")

    done = jobman.setup(setups.first, *words, f"/EMPLOYERS={windows_path(tmp_path / 'them.ini')}")

    assert done.returncode == 0, done.stdout
    for program in (setups.first, jobman.folder / "jobman.exe", jobman.folder / "jobman-agent.exe"):
        verify = ["osslsigncode", "verify", "-CAfile", str(setups.certificate), "-in", str(program)]
        assert subprocess.run(verify, capture_output=True, check=False).returncode == 0
    text = jobman.ini.read_text(encoding="utf-8")
    for line in (
        r"url = dir:C:\pool",
        "monday-friday = 18:00-07:00",
        f"authority = {office.key}",
        f"Jürgen = {office.key}",
    ):
        assert line in text.splitlines()
    assert "jobman-agent.exe" in jobman.registry(RUN)
    assert "/S" in jobman.registry(UNINSTALL, "/v", "QuietUninstallString")
    assert r"Programs\Jobman" in jobman.registry(r"HKCU\Environment", "/v", "Path")
    menu = "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/jobman.lnk"
    assert (jobman.pc.profile / menu).exists()
    jobman.agent_is_up()

    # The next login: it is there; killed, it comes again; told to quit, it stays away.
    jobman.pc.end_programs()
    assert jobman.pc.run("wineboot").returncode == 0
    jobman.agent_is_up()
    first = jobman.status()["pid"]
    # As taskkill does it on Windows; Wine's taskkill lets a program end with 0, as if it had quit.
    jobman.pc.run(jobman.pc.python, "-c", f"import os; os.kill({first}, 9)")
    wait_until(lambda: (jobman.status() or {"pid": first})["pid"] != first, 90)
    assert jobman.jobman("quit").returncode == ExitCode.DONE
    wait_until(lambda: jobman.agents() == [], 60)

    jobman.uninstall()
    assert [path.name for path in jobman.kept.rglob("*")] == ["jobman.ini"]
    assert jobman.ini.read_text(encoding="utf-8") == text
    assert not (jobman.pc.profile / menu).exists()
    for where in (RUN, UNINSTALL, r"HKCU\Software\Jobman", r"HKCU\Environment"):
        assert "Jobman" not in jobman.registry(where)


def test_an_upgrade_while_it_works_hands_back_first_and_no_result_is_lost(
    jobman: Installation, setups: Setups, tmp_path: Path, broker: Broker
):
    office = Office(tmp_path, f"dir:{tmp_path / 'pool'}")
    gate = tmp_path / "gate"
    more = WAITS.format(gate=windows_path(gate))
    write_job(tmp_path / "job", {"a1": "long", "a2": "short"}, more)
    write_job(tmp_path / "second", {"b1": "short"}, more)
    ini = INI.format(
        pool=f"dir:{windows_path(tmp_path / 'pool')}", python=jobman.pc.python, key=office.key
    )
    jobman.kept.mkdir(parents=True)
    jobman.ini.write_text(ini, encoding="utf-8")
    with office.stack:
        assert jobman.setup(setups.first).returncode == 0
        employer = office.employ()
        jobman.until_working()
        wait_until(lambda: [one["name"] for one in jobman.status()["packages"]] == ["a1"], 60)

        assert jobman.setup(setups.second).returncode == 0

        assert jobman.ini.read_text(encoding="utf-8") == ini
        site = jobman.folder / "python" / "Lib" / "site-packages"
        assert (site / "only_in_the_second.py").exists()
        assert not (site / "jobman_agent" / "only_in_the_first.py").exists()
        assert "0.1.1" in jobman.registry(UNINSTALL, "/v", "DisplayVersion")
        gate.touch()
        assert employer.end(120) == ExitCode.DONE
        assert results(tmp_path / "job") == {"a1": "long", "a2": "short"}
        rows = summary(tmp_path / "job")
        assert int(rows["a1"]["interrupted"]) >= 1
        assert {(row["failed"], row["lost"]) for row in rows.values()} == {("0", "0")}

        # The user names another pool in the ini: the agent reads it, and works there.
        office.pool = broker.url(broker.vhost())
        jobman.ini.write_text(ini.replace("url = dir:", f"url = {office.pool} ; "), "utf-8")
        assert office.employ(job="second").end(120) == ExitCode.DONE
        assert results(tmp_path / "second") == {"b1": "short"}


def test_a_wrong_preset_is_told_and_starts_nothing(jobman: Installation, setups: Setups):
    done = jobman.setup(setups.first, r"/POOL=dir:C:\pool", "/HOURS=mondays=all day")

    assert done.returncode == 2
    assert "--hours, [hours] mondays: " in done.stdout
    assert not jobman.ini.exists()
    assert "Jobman" not in jobman.registry(RUN)
    assert jobman.agents() == []
    # Told again, and right this time.
    done = jobman.setup(setups.first, r"/POOL=dir:C:\pool", "/AUTOSTART=no")
    assert (done.returncode, jobman.agents()) == (0, [])
    assert jobman.jobman("config", "check").returncode == 0


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of 20 MB: too small for the setup."""
    if sys.platform != "linux" or shutil.which("mount") is None:
        absent("mounts a small disk: needs Linux")
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        absent("mounts a small disk: needs root")
    with ExitStack() as stack:
        stack.callback(subprocess.run, ["umount", "--lazy", str(folder)], check=True)
        yield


@pytest.mark.root
def test_a_disk_that_is_or_becomes_full_is_told_and_nothing_stays(
    jobman: Installation, setups: Setups, tmp_path: Path
):
    disk = tmp_path / "disk"
    with small_disk(disk):
        folder = windows_path(disk / "Jobman")
        for setup, said in (
            (setups.first, "MB free; there are 20"),
            (setups.boastful, "is the disk full?"),
        ):
            done = jobman.setup(setup, r"/POOL=dir:C:\pool", f"/D={folder}")

            assert done.returncode == 1
            assert said in done.stdout
            assert list(disk.iterdir()) == []
    assert not jobman.ini.exists()
    assert "Jobman" not in jobman.registry(RUN)
