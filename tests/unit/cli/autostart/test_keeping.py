"""The agent is started again when it crashed, later and later, and not when it was quit."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from jobman_agent.cli.autostart import keep_alive
from jobman_agent.cli.autostart.entry import AgentStart

if TYPE_CHECKING:
    from pathlib import Path

WAITS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def run_script(folder: Path, agent: str, *, date: str = "echo 0", **env: str) -> list[int]:
    """Run the script with an agent, a clock and a sleep that are programs; the waits."""
    tools = folder / "tools"
    tools.mkdir()
    waits = folder / "waits"
    waits.touch()
    program(tools / "sleep", f'echo "$1" >> {waits}')
    program(tools / "date", date)
    command = program(folder / "an 'agent'", agent)
    script = folder / "autostart.sh"
    script.write_text(keep_alive.script(AgentStart((command,), ("--pool", "a b"), env)))
    done = subprocess.run(
        ["/bin/sh", script],
        cwd=folder,
        env={**os.environ, "PATH": f"{tools}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    said = done.stderr.replace("Killed\n", "")  # as a shell says it
    assert (done.returncode, said) == (0, "")
    return [int(line) for line in waits.read_text().split()]


# An agent that crashes CRASHES times, and then ends with the code in `end`.
CRASHES = """
echo x >> tries
[ $(wc -l < tries) -gt %d ] && exit %d
%s
"""


def test_the_waits_between_starts_double_up_to_five_minutes(tmp_path):
    waits = run_script(tmp_path, CRASHES % (len(WAITS), 0, "exit 70"))

    assert waits == WAITS


@pytest.mark.parametrize("crash", ["kill -9 $$", "exit 1", "exit 130"])
def test_any_end_but_its_own_is_a_crash(tmp_path, crash):
    assert run_script(tmp_path, CRASHES % (2, 0, crash)) == [1, 2]


@pytest.mark.parametrize("code", [0, 4])
def test_an_agent_that_was_quit_or_has_another_beside_it_stays_away(tmp_path, code):
    assert run_script(tmp_path, CRASHES % (0, code, "")) == []


def test_after_a_calm_time_the_wait_is_short_again(tmp_path):
    # Each look at the clock is eleven minutes later than the one before.
    date = "echo x >> looks; echo $(($(wc -l < looks) * 660))"

    assert run_script(tmp_path, CRASHES % (3, 0, "exit 1"), date=date) == [1, 1, 1]


def test_the_agent_has_its_arguments_and_variables(tmp_path):
    run_script(
        tmp_path, 'printf "%s\\n" "$@" "$JOBMAN_HOME" > seen', JOBMAN_HOME="/it's $x `y` \\ 100%"
    )

    seen = (tmp_path / "seen").read_text().splitlines()
    assert seen == ["--pool", "a b", "agent", "/it's $x `y` \\ 100%"]


def test_a_script_that_was_removed_starts_nothing_any_more(tmp_path):
    assert run_script(tmp_path, "rm autostart.sh; exit 1") == [1]
