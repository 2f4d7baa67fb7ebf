"""What bootstrap decides and says; whole installations are tried in a fresh clone."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

BOOTSTRAP = Path(__file__).parents[3] / "installer" / "bootstrap.py"


def bootstrap(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(BOOTSTRAP), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_a_command_it_says_what_there_is_and_does_nothing():
    done = bootstrap()

    assert done.returncode == 2
    for command in ("demo", "test", "install"):
        assert f"bootstrap.py {command}" in done.stdout
    assert bootstrap("frobnicate").returncode == 2
    assert bootstrap("--help").returncode == 0


def test_it_needs_nothing_but_the_standard_library():
    # -S: no site-packages; every module is imported before the words are looked at
    done = subprocess.run(
        [sys.executable, "-S", "-E", str(BOOTSTRAP), "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_a_dead_network_is_one_line_that_says_what_to_do(installer):
    output = "\n".join(
        f"WARNING: Retrying (Retry(total={n})) after connection broken by "
        "'NewConnectionError: Failed to establish a new connection: [Errno -3] Temporary "
        "failure in name resolution': /simple/aio-pika/"
        for n in range(5)
    )
    said = installer.environment.explain(output + "\nERROR: No matching distribution found")

    assert "\n" not in said
    assert "cannot reach its package index" in said


def test_any_other_pip_error_is_its_last_lines(installer):
    said = installer.environment.explain("\n".join(f"line {n}" for n in range(100)) + "\n\n")

    assert said.splitlines()[0] == "pip failed:"
    assert said.splitlines()[-1] == "line 99"
    assert len(said.splitlines()) < 20


def test_an_environment_without_pip_or_with_a_dead_interpreter_does_not_count(installer, tmp_path):
    assert not installer.environment.works(tmp_path / "bin" / "python")

    venv.create(tmp_path / "bare", with_pip=False)
    assert not installer.environment.works(installer.environment.python_in(tmp_path / "bare"))
    assert installer.environment.works(Path(sys.executable))


def test_installing_is_skipped_only_while_the_stamp_is_unchanged(installer, tmp_path, monkeypatch):
    asked: list[tuple[str, ...]] = []
    # The one thing that a unit test cannot have: the package index.
    monkeypatch.setattr(installer.environment, "pip", lambda _, *words: asked.append(words))
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    stamp = tmp_path / "pyproject.toml"
    stamp.write_text("one")

    for _ in range(2):
        installer.environment.install(python, "x", stamp=stamp)
    assert asked == [("install", "x")]

    stamp.write_text("two")
    installer.environment.install(python, "x", stamp=stamp)
    installer.environment.install(python, "y")
    installer.environment.install(python, "x", stamp=stamp)
    assert asked == [("install", "x"), ("install", "x"), ("install", "y"), ("install", "x")]


@pytest.mark.parametrize(
    ("release", "debian"),
    [
        ("ID=debian\n", True),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', True),
        ("ID=ubuntu\nID_LIKE=debian\n", True),
        ('ID=fedora\nID_LIKE="rhel centos"\n', False),
        ("NAME=debian\n", False),
    ],
)
def test_debian_and_its_children_are_known_by_os_release(
    installer, tmp_path, monkeypatch, release, debian
):
    (tmp_path / "apt-get").write_text("#!/bin/sh\n")
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "os-release").write_text(release)

    assert installer.system_packages.is_debian(tmp_path / "os-release") is debian
    assert installer.system_packages.is_debian(tmp_path / "nothing") is False


def test_each_platform_has_its_own_place_for_a_users_programs(installer):
    folder = installer.on_path.user_data_folder
    home = Path("/home/ann")

    assert folder("linux", {}, home) == home / ".local/share/jobman"
    assert folder("linux", {"XDG_DATA_HOME": "/data"}, home) == Path("/data/jobman")
    assert folder("darwin", {}, home) == home / "Library/Application Support/jobman"
    assert folder("win32", {"LOCALAPPDATA": "/l"}, home) == Path("/l/jobman")
    assert folder("win32", {}, home) == home / "AppData/Local/jobman"


def test_windows_path_grows_by_one_folder_and_only_once(installer):
    grown = installer.on_path.with_folder(r"C:\Tools;C:\Py;", r"C:\Jobman\bin")

    assert grown == r"C:\Tools;C:\Py;C:\Jobman\bin"
    assert installer.on_path.with_folder(grown, r"c:\jobman\BIN") is None
    assert installer.on_path.with_folder("", r"C:\x") == r"C:\x"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no login profile")
def test_the_command_is_linked_and_the_profile_names_its_folder_once(
    installer, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/bin")
    profile = tmp_path / (".zprofile" if sys.platform == "darwin" else ".profile")
    profile.write_text("umask 022")  # without a line's end
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "jobman").write_text("#!/bin/sh\n")

    links = [installer.on_path.publish(tmp_path / "env") for _ in range(2)]

    assert links[0] == tmp_path / ".local/bin/jobman"
    assert links[0].resolve() == tmp_path / "env" / "jobman"
    lines = profile.read_text().splitlines()
    assert lines[0] == "umask 022"
    assert [line for line in lines if "# jobman" in line] == [
        f'export PATH="{tmp_path}/.local/bin:$PATH"  # jobman'
    ]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no links here")
def test_a_program_of_that_name_that_is_not_ours_is_kept(installer, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    theirs = tmp_path / ".local" / "bin" / "jobman"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs")

    installer.on_path.publish(tmp_path)

    assert theirs.with_name("jobman.before").read_text() == "theirs"


def test_a_command_that_is_run_through_hands_on_its_exit_code(installer):
    run = installer.bootstrap.run_through

    assert run([sys.executable, "-c", "raise SystemExit(3)"]) == 3
    if os.name == "posix":
        assert run([sys.executable, "-c", "import os; os.kill(os.getpid(), 15)"]) == 128 + 15


def test_a_failed_check_shows_what_it_said_and_a_passed_one_does_not(installer, capsys):
    program = "import sys; print('long explanation'); sys.exit(int(sys.argv[1]))"

    assert installer.bootstrap.passes("tidy", [sys.executable, "-c", program, "0"])
    assert "long explanation" not in capsys.readouterr().out
    assert not installer.bootstrap.passes("tidy", [sys.executable, "-c", program, "1"])
    assert "long explanation" in capsys.readouterr().out


def test_every_check_of_the_contract_is_run(installer):
    names = [name for name, _ in installer.bootstrap.checks(Path("/env/bin/python"))]

    assert names == [
        "ruff check",
        "ruff format",
        "lint-imports",
        "mypy for linux",
        "mypy for darwin",
        "mypy for win32",
    ]


def test_without_gtks_bindings_the_trays_environment_is_left_out_and_that_is_said(
    installer, monkeypatch, capsys
):
    monkeypatch.setattr(installer.system_packages, "python_with_tray", lambda: None)
    installer.bootstrap.make_tray_environment()

    assert "tests of the tray are skipped" in capsys.readouterr().out
