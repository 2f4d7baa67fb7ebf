"""What `jobman autostart` writes on each system, and reads back."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from jobman_agent.cli.autostart.desktop import DesktopEntry
from jobman_agent.cli.autostart.entry import AgentStart, Look, State, Way, this_agent
from jobman_agent.cli.autostart.launch_agent import LaunchAgent
from jobman_agent.cli.autostart.systemd import UserUnit
from jobman_agent.errors import InputError, StorageError
from tests.acceptance.command import wait_until
from tests.broker import absent

NASTY = "Bü ro 100% 'a' \"b\" \\c `d` & $HOME"


def desktop_of(home: Path) -> DesktopEntry:
    return DesktopEntry.of({"XDG_CONFIG_DIRS": str(home / "etc")}, home)


WAYS = {
    "desktop": desktop_of,
    "systemd": lambda home: UserUnit.of({}, home),
    "launch-agent": LaunchAgent.of,
}


@pytest.fixture(params=WAYS)
def way(request, tmp_path):
    return WAYS[request.param](tmp_path)


def start_of(program: Path, **environment: str) -> AgentStart:
    program.parent.mkdir(parents=True, exist_ok=True)
    program.touch(mode=0o755)
    return AgentStart((str(program),), (), environment)


def look_at(way: Way) -> tuple[State, str | None]:
    look = way.look()
    return look.state, look.program


def test_enable_disable_and_status_can_be_said_again_and_again(way, tmp_path):
    start = start_of(tmp_path / "bin" / "jobman")
    before = way.look().state

    way.enable(start)
    once = look_at(way)
    way.enable(start)
    twice = look_at(way)
    removed = (way.disable(), way.disable())

    assert before is State.DISABLED
    assert once == twice == (State.ENABLED, start.program)
    assert removed == (True, False)
    assert way.look().state is State.DISABLED
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [Path(start.program)]


def test_an_entry_whose_program_has_gone_is_stale_until_it_is_enabled_anew(way, tmp_path):
    old, new = start_of(tmp_path / "old" / "jobman"), start_of(tmp_path / "new" / "jobman")
    way.enable(old)
    Path(old.program).unlink()

    gone = look_at(way)
    way.enable(new)

    assert gone == (State.STALE, old.program)
    assert look_at(way) == (State.ENABLED, new.program)


@pytest.mark.parametrize("name", ["plain", NASTY])
def test_no_character_of_a_path_is_lost(way, tmp_path, name):
    start = start_of(tmp_path / name / "jobman", JOBMAN_HOME=f"/{NASTY}/home")

    way.enable(start)

    assert look_at(way) == (State.ENABLED, start.program)


def test_what_cannot_be_written_is_told_with_its_path(tmp_path):
    (tmp_path / ".config").write_text("a file")

    with pytest.raises(StorageError, match=r"cannot make the folder .*\.config"):
        desktop_of(tmp_path).enable(start_of(tmp_path / "jobman"))


# ---- the command of this installation
def test_a_command_on_path_is_named_as_it_was_called_and_its_link_is_kept(tmp_path):
    real = tmp_path / "venv-1" / "jobman"
    start_of(real)
    link = tmp_path / "jobman"
    link.symlink_to(real)

    by_link = this_agent(str(link), "/usr/bin/python3", {"JOBMAN_HOME": "/h", "JOBMAN_CONFIG": ""})
    by_module = this_agent("/x/jobman_agent/__main__.py", "/usr/bin/python3", {}, ["--pool", "p"])

    assert by_link == AgentStart((str(link),), (), {"JOBMAN_HOME": "/h"})
    assert by_module.argv == ("/usr/bin/python3", "-m", "jobman_agent", "--pool", "p", "agent")


def test_a_line_break_in_a_path_is_refused():
    with pytest.raises(InputError, match="cannot hold"):
        this_agent("x", "/usr/bin/python3", {"JOBMAN_HOME": "/home/a\nb"})


# ---- the desktop's
def read_desktop(path: Path) -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment]
    parser.read(path, encoding="utf-8")
    return parser["Desktop Entry"]


def test_what_a_package_starts_for_all_users_is_hidden_from_one_and_shown_again(tmp_path):
    start = start_of(tmp_path / "usr" / "jobman")
    way = desktop_of(tmp_path)
    (system,) = way.for_all
    system.parent.mkdir(parents=True)
    system.write_text(f"[Desktop Entry]\nType=Application\nTryExec={start.program}\n")

    for_all = way.look()
    disabled = way.disable()
    hidden = way.look()
    entry = read_desktop(way.file)
    way.enable(start)

    assert for_all == Look(State.ENABLED, str(system), start.program, "for all users of this PC")
    assert disabled
    assert hidden.state is State.DISABLED
    assert entry["Hidden"] == "true"
    assert way.look() == for_all
    assert not way.file.exists()


def test_a_variable_needs_an_entry_of_ones_own_beside_that_of_all(tmp_path):
    start = start_of(tmp_path / "usr" / "jobman", JOBMAN_HOME="/elsewhere")
    way = desktop_of(tmp_path)
    way.for_all[0].parent.mkdir(parents=True)
    way.for_all[0].write_text(f"[Desktop Entry]\nTryExec={start.program}\n")

    way.enable(start)

    assert way.look().entry == str(way.file)
    assert "JOBMAN_HOME=/elsewhere\n" in way.script.read_text()


@pytest.mark.parametrize("key", ["Hidden=true", "X-GNOME-Autostart-enabled=false"])
def test_what_the_desktops_own_settings_switch_off_is_disabled(tmp_path, key):
    way = desktop_of(tmp_path)
    way.enable(start_of(tmp_path / "jobman"))
    text = way.file.read_text()
    way.file.write_text(text.replace("X-GNOME-Autostart-enabled=true", key))

    assert way.look().state is State.DISABLED


def test_the_desktop_file_is_valid(tmp_path):
    if shutil.which("desktop-file-validate") is None:
        absent("desktop-file-validate is not here (Debian: desktop-file-utils)")
    way = desktop_of(tmp_path / NASTY)
    way.enable(start_of(tmp_path / NASTY / "jobman"))

    done = subprocess.run(
        ["desktop-file-validate", way.file], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_glibs_launcher_reads_the_command_as_it_was_meant(tmp_path):
    if shutil.which("gio") is None:
        absent("gio is not here (Debian: libglib2.0-bin)")
    home = tmp_path / NASTY
    way = desktop_of(home)
    start = start_of(home / "jobman", JOBMAN_HOME=str(home))
    Path(start.program).write_text(
        '#!/bin/sh\nprintf "%s\\n" "$JOBMAN_HOME" "$@" > "$JOBMAN_HOME/seen"\n'
    )
    way.enable(start)

    subprocess.run(["gio", "launch", way.file], timeout=30, check=True)

    wait_until(lambda: (home / "seen").is_file() and (home / "seen").read_text() != "")
    assert (home / "seen").read_text() == f"{home}\nagent\n"


# ---- systemd's
def test_systemd_finds_no_fault_with_the_unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        absent("systemd-analyze is not here (Debian: systemd)")
    way = UserUnit.of({}, tmp_path)
    program = tmp_path / NASTY / "jobman"
    start = start_of(program, JOBMAN_HOME=f"/{NASTY}")
    program.write_text("#!/bin/sh\n")
    way.enable(start)
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)

    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", way.file],
        env={**os.environ, "XDG_RUNTIME_DIR": str(runtime), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    ours = [line for line in done.stderr.splitlines() if "jobman" in line]
    assert (done.returncode, ours) == (0, [])
    assert way.link.resolve() == way.file
