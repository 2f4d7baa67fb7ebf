"""jobman as it is installed: from a wheel, with no clone in sight."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CLONE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the wheel puts into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=CLONE,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (wheel,) = folder.glob("jobman_agent-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run_outside(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python outside the clone, with the wheel's files before those of the clone."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed), "JOBMAN_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_wheel_carries_config_exactly_once_and_nothing_that_is_not_in_the_clone(installed):
    ours = {
        path.relative_to(CLONE / "config").as_posix()
        for path in (CLONE / "config").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    carried = {
        path.relative_to(installed / "jobman_agent" / "config").as_posix()
        for path in (installed / "jobman_agent" / "config").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert "examples/beams/job.ini" in ours
    assert carried == ours
    assert not [path for path in installed.iterdir() if path.name in ("config", "tests", "docs")]


def test_what_ships_with_jobman_is_found_in_the_wheel(installed, tmp_path):
    program = "from jobman_agent.settings.places import shipped; print(shipped('examples'))"

    done = run_outside(installed, tmp_path, "-c", program)

    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == installed / "jobman_agent" / "config" / "examples"


def test_the_type_marker_and_the_command_are_in_the_wheel(installed, tmp_path):
    (entries,) = installed.glob("jobman_agent-*.dist-info/entry_points.txt")

    assert "jobman = jobman_agent.cli.main:main" in entries.read_text(encoding="utf-8")
    assert (installed / "jobman_agent" / "py.typed").exists()
    done = run_outside(installed, tmp_path, "-m", "jobman_agent", "--version")
    assert done.stdout.startswith("jobman ")


def test_a_job_and_a_settings_file_are_made_from_the_wheel(installed, tmp_path):
    new = run_outside(installed, tmp_path, "-m", "jobman_agent", "new", "job")
    words = ("--config", "my.ini", "config", "init", "--pool", "dir:pool")
    init = run_outside(installed, tmp_path, "-m", "jobman_agent", *words)
    check = run_outside(installed, tmp_path, "-m", "jobman_agent", "check", "job")

    assert (new.returncode, init.returncode, check.returncode) == (0, 0, 0)
    assert (tmp_path / "job" / "job.ini").is_file()
    assert f"url = dir:{tmp_path / 'pool'}" in (tmp_path / "my.ini").read_text(encoding="utf-8")
    assert check.stdout.endswith("no mistakes\n")


def test_public_holidays_are_known_outside_the_clone_whatever_lies_in_the_users_folder(
    installed, tmp_path
):
    (tmp_path / "holidays.py").write_text("raise SystemExit('a file of the user')")
    (tmp_path / "my.ini").write_text("[hours]\nsunday = all day\nholidays = DE-BY\n")
    words = ("--config", "my.ini", "policy", "--at", "2026-01-06T12:00")

    epiphany = run_outside(installed, tmp_path, "-m", "jobman_agent", *words)

    assert (epiphany.returncode, epiphany.stderr) == (0, "")
    assert epiphany.stdout.endswith("may start work\n")
