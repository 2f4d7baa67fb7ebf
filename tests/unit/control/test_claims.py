"""One agent for each JOBMAN_HOME, one agent's worker for each PC: with real processes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from jobman_agent.control.claims import AgentClaim, claim_machine, machine_is_claimed
from jobman_agent.errors import AlreadyRunning, ExitCode, StorageError

RACER = """\
import sys
from pathlib import Path
from jobman_agent.control.claims import AgentClaim, claim_machine
from jobman_agent.errors import AlreadyRunning

sys.stdin.readline()
try:
    claim = {claim}(Path(sys.argv[1]))
except AlreadyRunning as exc:
    print("lost", exc, flush=True)
    sys.exit(exc.exit_code)
print("won", flush=True)
sys.stdin.readline()
"""


def racer(folder, claim="AgentClaim.take"):
    return subprocess.Popen(
        [sys.executable, "-c", RACER.format(claim=claim), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def end(processes):
    for process in processes:
        process.kill()
        process.communicate()


def go(process):
    process.stdin.write("go\n")
    process.stdin.flush()


@pytest.mark.parametrize("claim", ["AgentClaim.take", "claim_machine"])
def test_of_ten_that_start_at_once_one_wins_and_a_killed_winner_is_no_obstacle(tmp_path, claim):
    racers = [racer(tmp_path / "home", claim) for _ in range(10)]
    try:
        for process in racers:
            go(process)
        said = {process.pid: process.stdout.readline() for process in racers}
        winners = [process for process in racers if said[process.pid] == "won\n"]
        losers = [process for process in racers if process not in winners]

        (winner,) = winners
        assert {process.wait(10) for process in losers} == {ExitCode.NOT_ALLOWED}
        if claim == "AgentClaim.take":
            assert all(f"(process {winner.pid})" in said[process.pid] for process in losers)

        winner.kill()
        winner.wait(10)
        heir = racer(tmp_path / "home", claim)
        racers.append(heir)
        go(heir)
        assert heir.stdout.readline() == "won\n"
    finally:
        end(racers)


def test_a_second_agent_is_told_who_has_the_folder_until_it_is_released(tmp_path):
    with AgentClaim.take(tmp_path / "home"):
        with pytest.raises(AlreadyRunning, match=rf"\(process {os.getpid()}\): jobman quit"):
            AgentClaim.take(tmp_path / "home")
        AgentClaim.take(tmp_path / "another").release()

    AgentClaim.take(tmp_path / "home").release()


def test_what_a_claim_writes_is_private(tmp_path):
    home = tmp_path / "home"
    with AgentClaim.take(home):
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "agent.pid").stat().st_mode) == 0o600


def test_a_home_that_cannot_be_one_is_named(tmp_path):
    (tmp_path / "home").write_text("")

    with pytest.raises(StorageError, match="home"):
        AgentClaim.take(tmp_path / "home")


def test_the_machine_can_be_asked_whether_an_agents_worker_runs(tmp_path):
    assert not machine_is_claimed(tmp_path)

    lock = claim_machine(tmp_path)
    assert machine_is_claimed(tmp_path)
    with pytest.raises(AlreadyRunning, match="another agent's worker"):
        claim_machine(tmp_path, wait_s=0.0)

    lock.release()
    assert not machine_is_claimed(tmp_path)


def test_the_machines_lock_is_taken_of_a_file_that_only_another_user_may_write(tmp_path):
    # What root left must not keep others from locking it: flock asks for no permission to write.
    lock = claim_machine(tmp_path)
    lock.release()
    (path,) = tmp_path.iterdir()
    path.chmod(0o444)

    claim_machine(tmp_path, wait_s=0.0).release()


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_a_trap_in_the_place_of_the_machines_lock_is_not_stepped_into(tmp_path, kind):
    path = tmp_path / "locks" / "jobman-worker.lock"
    path.parent.mkdir()
    if kind == "link":
        path.symlink_to(tmp_path / "precious")
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)

    with pytest.raises(StorageError, match=r"jobman-worker\.lock"):
        claim_machine(path.parent, wait_s=0.0)

    assert not (tmp_path / "precious").exists()


def test_who_asks_for_the_holder_does_not_keep_an_agent_from_ending(tmp_path):
    claim = AgentClaim.take(tmp_path / "home")

    with (tmp_path / "home" / "agent.pid").open("rb"):  # on Windows it cannot be removed now
        claim.release()

    AgentClaim.take(tmp_path / "home").release()
    assert not (tmp_path / "home" / "agent.pid").exists()
