"""Folders that cannot be written or read, odd names in every path, clocks that are wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from jobman_agent.errors import ExitCode
from tests.acceptance.command import Jobman
from tests.acceptance.office import Office, results, write_job
from tests.broker import absent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ODD = "Ä ö ü ß (日本) it's 100 % & $HOME"


@pytest.fixture
def office(tmp_path) -> Iterator[Office]:
    office = Office(tmp_path, f"dir:{tmp_path / 'pool'}")
    write_job(tmp_path / "job", {"a": "well"})
    with office.stack:
        yield office


@pytest.fixture
def read_only() -> Iterator[object]:
    """Makes a folder as if it were on read-only media, for root too."""
    if sys.platform != "linux" or os.getuid() != 0 or shutil.which("mount") is None:
        absent("mounts a folder read-only: needs Linux and root")
    with ExitStack() as stack:

        def mount(folder: Path) -> None:
            for words in (["--bind", str(folder)], ["-o", "remount,bind,ro"]):
                subprocess.run(["mount", *words, str(folder)], check=True, timeout=30)
            stack.callback(subprocess.run, ["umount", "-l", str(folder)], check=True, timeout=30)

        yield mount


# ---------------------------------------------------------------- places


def test_spaces_umlauts_and_signs_in_every_path_do_no_harm(tmp_path):
    folder = tmp_path / ODD
    folder.mkdir()
    office = Office(folder, f"dir:{folder / 'der Pool ü'}")
    job = "Brücke Nr. 7"
    write_job(folder / job, {"Fall 1": "well well", "größer+x": "an ü"})
    with office.stack:
        office.worker("pc ü 1")
        employer = office.employ(job=job)
        assert employer.end() == ExitCode.DONE
    assert results(folder / job) == {"Fall 1": "well well", "größer+x": "an ü"}


def test_a_job_folder_that_is_read_only_is_told_before_anything_is_offered(office, read_only):
    read_only(office.folder / "job")

    assert office.alice("check", "job").code == ExitCode.DONE
    said = office.alice("employ", "job", "--pool", office.pool)

    assert said.code == ExitCode.BAD_INPUT
    last = said.err.splitlines()[-1]
    assert str(office.folder / "job") in last
    assert "read-only" in last
    assert "Traceback" not in said.err


def test_results_that_is_a_file_is_told_before_anything_is_offered(office):
    (office.folder / "job" / "results").write_text("mine\n")

    said = office.alice("employ", "job", "--pool", office.pool)

    assert said.code == ExitCode.BAD_INPUT
    assert "results must be a folder that jobman makes" in said.err.splitlines()[-1]
    assert "move it away" in said.err.splitlines()[-1]
    assert (office.folder / "job" / "results").read_text() == "mine\n"


def test_a_home_that_cannot_be_written_is_named(office, read_only):
    for name in ("alice", "pc-1"):
        home = office.folder / name
        home.mkdir(exist_ok=True)
        read_only(home)
        user = Jobman(office.folder, name)
        for words in (("employ", "job"), ("work",)):
            said = user(*words, "--pool", office.pool)
            assert said.code == ExitCode.BAD_INPUT, said
            last = said.err.splitlines()[-1]
            assert str(home) in last
            assert "read-only" in last or "Read-only" in last
            assert "Traceback" not in said.err


def test_a_home_that_is_a_file_is_named(office):
    (office.folder / "flat").write_text("")

    for words in (("employ", "job"), ("work",)):
        said = Jobman(office.folder, "flat")(*words, "--pool", office.pool)
        assert said.code == ExitCode.BAD_INPUT, said
        assert str(office.folder / "flat") in said.err.splitlines()[-1]
        assert "Traceback" not in said.err


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_packages_that_cannot_be_read_are_all_named(office):
    root = office.folder / "job"
    (root / "parameters.csv").unlink()
    (root / "test" / "parameters.csv").unlink()
    ini = root / "job.ini"
    ini.write_text(ini.read_text().replace("{what}", "well"))
    for name in ("a", "b", "c"):
        (root / "packages" / name).mkdir(parents=True)
        (root / "packages" / name / "in.txt").write_text("1\n")
    (root / "packages" / "b").chmod(0)
    (root / "packages" / "c" / "in.txt").chmod(0)
    try:
        words = office.alice.command("check", "job")
        env = office.alice.env | {"JOBMAN_HOME": "/nonexistent"}
        if os.getuid() == 0:  # whom no permission stops
            less = "-dac_override,-dac_read_search"
            words = ["setpriv", f"--bounding-set={less}", f"--inh-caps={less}", *words]
            if shutil.which("setpriv") is None:
                absent("needs setpriv, to be stopped by permissions as others are")
        done = subprocess.run(
            words, cwd=office.folder, env=env, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
    finally:
        (root / "packages" / "b").chmod(0o755)
        (root / "packages" / "c" / "in.txt").chmod(0o644)
    assert done.returncode == ExitCode.BAD_INPUT, done
    assert "packages/b" in done.stderr
    assert "Traceback" not in done.stderr
