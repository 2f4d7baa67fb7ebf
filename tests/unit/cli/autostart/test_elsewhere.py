"""What `jobman autostart` writes for macOS and Windows, whose own programs are not needed here."""

from __future__ import annotations

import os
import plistlib
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobman_agent.cli.autostart.entry import CALM_S, AgentStart, State
from jobman_agent.cli.autostart.keeping import keep, starter
from jobman_agent.cli.autostart.launch_agent import LaunchAgent
from jobman_agent.cli.autostart.run_key import APPROVED, LAUNCHER, NAME, RUN, RunKey
from jobman_agent.errors import InputError

NASTY = "Bü ro 100% 'a' `d` & $HOME"


class FakeRegistry:
    """HKEY_CURRENT_USER in memory; `winreg` behaves so, names are compared without case there."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], str | bytes] = {}

    def get(self, key: str, name: str) -> str | bytes | None:
        return self.values.get((key, name))

    def put(self, key: str, name: str, text: str) -> None:
        self.values[key, name] = text

    def remove(self, key: str, name: str) -> bool:
        return self.values.pop((key, name), None) is not None


def run_key_of(home: Path) -> RunKey:
    python = Path(home / "venv" / "python.exe")
    return RunKey(FakeRegistry(), python, Path(home / "base"))


def start_of(program: Path, **environment: str) -> AgentStart:
    program.parent.mkdir(parents=True, exist_ok=True)
    program.touch(mode=0o755)
    return AgentStart((str(program),), (), environment)


# ---- macOS'
def test_launchd_starts_it_again_after_any_exit_but_0(tmp_path):
    way = LaunchAgent.of(tmp_path)
    way.enable(start_of(tmp_path / NASTY / "jobman", JOBMAN_HOME="/h"))

    contents = plistlib.loads(way.file.read_bytes())

    assert way.file == tmp_path / "Library" / "LaunchAgents" / "jobman.agent.plist"
    assert contents["ProgramArguments"] == [str(tmp_path / NASTY / "jobman"), "agent"]
    assert contents["EnvironmentVariables"] == {"JOBMAN_HOME": "/h"}
    assert contents["KeepAlive"] == {"SuccessfulExit": False}
    assert contents["RunAtLoad"] is True


@pytest.mark.parametrize("junk", ["", "no xml", "<plist><dict/></plist>"])
def test_a_property_list_that_is_none_is_stale(tmp_path, junk):
    way = LaunchAgent.of(tmp_path)
    way.file.parent.mkdir(parents=True)
    way.file.write_text(junk)

    assert way.look().state is State.STALE


# ---- Windows'
def windows_start(**environment: str) -> AgentStart:
    return AgentStart((r"C:\venv\python.exe", "-m", "jobman_agent"), (), environment)


def test_the_setups_launcher_is_what_windows_starts_where_it_is_installed(tmp_path):
    way = run_key_of(tmp_path)
    without = way.command(windows_start())
    launcher = tmp_path / LAUNCHER
    launcher.touch()
    pythonw = tmp_path / "venv" / "pythonw.exe"
    pythonw.parent.mkdir()
    pythonw.touch()

    assert Path(without[0]).name == "python.exe"
    assert without[1:] == ["-m", "jobman_agent", "autostart", "keep"]
    assert way.command(windows_start()) == [str(launcher)]
    with_variable = way.command(windows_start(JOBMAN_HOME="D:\\x"))
    assert with_variable[0] == str(pythonw)
    assert with_variable[-1] == "--set=JOBMAN_HOME=D:\\x"


def test_a_path_with_spaces_and_umlauts_is_quoted_in_the_registry():
    way = run_key_of(Path("C:\\Jörg Müller"))
    way.enable(windows_start())

    assert isinstance(way.registry, FakeRegistry)
    assert way.registry.values[RUN, NAME] == (f'"{way.python}" -m jobman_agent autostart keep')
    assert way.look().program == str(way.python)


def test_what_task_manager_switched_off_is_disabled_until_it_is_enabled_again():
    way = run_key_of(Path("C:/x"))
    way.enable(windows_start())
    assert isinstance(way.registry, FakeRegistry)
    way.registry.values[APPROVED, NAME] = bytes([3, *[0] * 11])

    switched_off = way.look()
    way.enable(windows_start())

    assert switched_off.state is State.DISABLED
    assert switched_off.note == "switched off in Task Manager"
    assert (APPROVED, NAME) not in way.registry.values
    assert way.look().state is State.STALE  # nobody has made that program here
    assert way.disable()
    assert not way.disable()


def test_windows_variables_go_with_the_command_and_too_long_a_command_is_refused():
    way = run_key_of(Path("C:/x"))
    way.enable(windows_start(JOBMAN_HOME="D:\\a b"))

    assert isinstance(way.registry, FakeRegistry)
    assert str(way.registry.values[RUN, NAME]).endswith(
        'autostart keep "--set=JOBMAN_HOME=D:\\a b"'
    )
    with pytest.raises(InputError, match="more than 260 characters"):
        way.enable(windows_start(JOBMAN_HOME="D:\\" + "x" * 260))


# ---- where no launcher is installed
WAITS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


class StandingClock:
    """Moves only when somebody says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


def test_the_same_rule_holds_for_the_python_of_windows():
    clock, waits = StandingClock(), []
    codes = [70] * len(WAITS) + [0]
    assert keep(lambda: codes.pop(0), clock, waits.append) == 0
    assert waits == WAITS

    waits.clear()
    codes = [1, 1, 1, 4]

    def eleven_minutes() -> int:
        clock.seconds += CALM_S
        return codes.pop(0)

    assert keep(eleven_minutes, clock, waits.append) == 0
    assert waits == [1, 1, 1]


def test_the_python_of_windows_starts_a_command_with_the_variables(tmp_path):
    line = "import os, sys; sys.exit(int(os.environ['CODE']))"

    assert starter([sys.executable, "-c", line], {**os.environ, "CODE": "7"})() == 7
