"""Full disks, each a small tmpfs: at the worker, the employer, the pool, the job folder."""

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
from tests.acceptance.office import Office, results, summary, write_job
from tests.broker import absent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PACKAGES = {f"p{n}": f"well {n}" for n in range(8)}
PRINTS = "import os, time; time.sleep(0.2); print(os.urandom(20_000).hex())"
FULL = "the disk is full"


class Disk:
    """A disk of 8 MB."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ballast = folder / "ballast"

    def fill(self) -> None:
        """Until not a byte is free."""
        block = b"x" * 65536
        with self.ballast.open("ab", buffering=0) as file:
            while block:
                try:
                    file.write(block)
                except OSError:
                    block = block[: len(block) // 2]

    def free(self) -> None:
        self.ballast.unlink()


@pytest.fixture
def disk() -> Iterator[Callable[[Path], Disk]]:
    """Mounts such a disk."""
    if sys.platform != "linux" or os.getuid() != 0 or shutil.which("mount") is None:
        absent("mounts a small disk: needs Linux and root")

    with ExitStack() as stack:

        def mount(folder: Path) -> Disk:
            folder.mkdir(parents=True, exist_ok=True)
            words = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(folder)]
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
            if done.returncode:
                absent(f"mounts a small disk: {done.stderr.strip()}")
            stack.callback(subprocess.run, ["umount", "-l", str(folder)], check=True, timeout=30)
            return Disk(folder)

        yield mount


@pytest.fixture
def office(disk, tmp_path) -> Iterator[Office]:
    """Left before its disks are."""
    office = Office(tmp_path, f"dir:{tmp_path / 'pool'}")
    with office.stack:
        yield office


def check_whole(office) -> None:
    root = office.folder / "job"
    assert results(root) == PACKAGES
    rows = summary(root)
    assert {name: (row["state"], row["failed"]) for name, row in rows.items()} == dict.fromkeys(
        PACKAGES, ("accepted", "0")
    )


def test_a_worker_whose_disk_is_full_waits_and_charges_nothing_to_a_package(office, disk):
    home = disk(office.folder / "pc-1")
    write_job(office.folder / "job", PACKAGES, PRINTS)
    worker = office.worker("pc-1")
    employer = office.employ("-v")
    employer.until("step 8: p1 accepted")

    home.fill()
    worker.until("the disk", seconds=30)
    home.free()

    assert employer.end() == ExitCode.DONE
    check_whole(office)
    assert "Traceback" not in worker.text


def test_a_worker_whose_disk_is_full_from_the_start_says_so(office, disk):
    home = disk(office.folder / "pc-1")
    home.fill()

    worker = office.worker("pc-1")

    assert worker.end(30) == ExitCode.BAD_INPUT
    assert FULL in worker.lines[-1]
    assert str(home.folder) in worker.lines[-1]
    assert "Traceback" not in worker.text


def test_an_employer_whose_disk_is_full_ends_and_goes_on_when_it_is_run_again(disk, tmp_path):
    home = disk(tmp_path / "alice")
    office = Office(tmp_path, f"dir:{tmp_path / 'pool'}")
    write_job(tmp_path / "job", PACKAGES, PRINTS)
    with office.stack:
        office.worker("pc-1")
        employer = office.employ("-v")
        employer.until("step 8: p1 accepted")

        home.fill()
        assert employer.end() == ExitCode.BAD_INPUT
        assert f"{home.folder}" in employer.lines[-1]
        assert (
            f"{FULL}: free some space, nothing that was written before is lost"
            in (employer.lines[-1])
        )
        again = office.employ()
        assert again.end() == ExitCode.BAD_INPUT
        assert FULL in again.lines[-1]
        assert "Traceback" not in employer.text + again.text
        home.free()

        last = office.employ()
        last.until("of them are accepted already: the job goes on")
        assert last.end() == ExitCode.DONE
        check_whole(office)


def test_a_pool_that_is_full_is_waited_for_and_loses_nothing(office, disk):
    share = disk(office.folder / "pool")
    share.folder.chmod(0o755)
    write_job(office.folder / "job", PACKAGES, PRINTS)
    worker = office.worker("pc-1")
    employer = office.employ("-v")
    employer.until("step 8: p1 accepted")

    share.fill()
    told = worker.until("the pool is out of reach, trying again: cannot write into ")
    assert f"{FULL} (or the quota): free some space" in told
    share.free()

    assert employer.end() == ExitCode.DONE
    check_whole(office)


def test_results_that_find_no_room_are_told_once_and_written_when_there_is(office, disk):
    room = disk(office.folder / "job")
    write_job(office.folder / "job", PACKAGES, PRINTS)
    office.worker("pc-1")
    employer = office.employ("-v")
    employer.until("step 8: p1 accepted")

    room.fill()
    assert employer.end() == ExitCode.BAD_INPUT
    told = [line for line in employer.lines if line.startswith("not written yet, but safe: ")]
    assert len(told) == 1
    assert f"{FULL} (or the quota): free some space" in told[0]
    assert "not written to" in employer.lines[-1]
    assert "make room there, then: jobman employ job" in employer.lines[-1]
    half = office.folder / "job" / "results" / "p7"
    assert not half.exists()
    full = office.alice("employ", "job")
    assert (full.code, "not written to results/" in full.err) == (ExitCode.BAD_INPUT, True)
    room.free()

    again = office.alice("employ", "job")  # a finished job needs no pool
    assert (again.code, "writing it again" in again.err) == (ExitCode.DONE, True)
    check_whole(office)
    assert (half / "log.txt").stat().st_size == 40_001


def test_results_that_find_room_before_the_job_ends_are_all_written_at_its_end(office, disk):
    room = disk(office.folder / "job")
    write_job(office.folder / "job", PACKAGES, PRINTS)
    office.worker("pc-1")
    employer = office.employ("-v")
    employer.until("step 8: p1 accepted")

    room.fill()
    employer.until("not written yet, but safe: ")
    room.free()

    assert employer.end() == ExitCode.DONE
    check_whole(office)


def test_a_full_disk_is_told_by_the_commands_that_write(disk, tmp_path):
    user = Jobman(tmp_path)
    home = disk(user.home)
    work = disk(tmp_path / "work")
    assert user("new", "work/first").code == 0
    home.fill()
    work.fill()

    made = user("new", "work/second")
    ran = user("run", "work/first", "--software", f"python={sys.executable}")

    for said in (made, ran):
        assert said.code == ExitCode.BAD_INPUT, said
        assert "full" in said.err or "No space left" in said.err
        assert "Traceback" not in said.err
