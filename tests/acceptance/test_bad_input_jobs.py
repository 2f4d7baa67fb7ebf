"""Wrong job folders, programs that no worker has, clocks that differ: who is told what."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from jobman_agent.errors import ExitCode
from tests.acceptance.command import Jobman
from tests.acceptance.office import Office, write_job
from tests.acceptance.running import Running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def office(tmp_path) -> Iterator[Office]:
    office = Office(tmp_path, f"dir:{tmp_path / 'pool'}")
    write_job(tmp_path / "job", {"a": "well"})
    with office.stack:
        yield office


# ---------------------------------------------------------------- job folders

INI = """\
[job]
titel = Wrong
title = Right
program = python
command = {common}/gone.py {what} {nothing}
outputs = result.txt
time = 10
memory = 500 megs
usual = 5 parsecs
cores = 0
attempts = many
workers = some

[test]
package = test
compare = result.txt within a lot

[tset]
package = test
"""
MISTAKES = [
    "job.ini, line 2, [job] titel: there is no such key: did you mean title?",
    "job.ini, line 7, [job] time: '10' has no unit after 10: write for example 30 s, 10 min",
    "job.ini, line 8, [job] memory: '500 megs': 'megs' is no unit of size: write for example 500 M",
    "job.ini, line 9, [job] usual: '5 parsecs': 'parsecs' is no unit of time: write for example",
    "job.ini, line 10, [job] cores: '0' is no whole number from 1 up: write for example",
    "job.ini, line 11, [job] attempts: 'many' is no whole number from 1 up: write for example",
    "job.ini, line 12, [job] workers: 'some' is not known here: write any or known",
    "job.ini, line 16, [test] compare: ",
    "job.ini, line 18, [tset]: there is no such section",
    "parameters.csv:3: the first column, the package's name, is empty",
    "parameters.csv:4: the package 'A' is in line 2 already",
    "parameters.csv: the package 'con': Windows keeps this name for a device",
    "job.ini, [job] command: common/gone.py is missing",
    "{nothing}",
    "test/expected/: the right outputs are missing: jobman run job --expect [PACKAGE] makes it",
]


def test_check_and_employ_name_all_mistakes_at_once_and_offer_nothing(office):
    root = office.folder / "job"
    (root / "job.ini").write_text(INI)
    (root / "parameters.csv").write_text("package,what\na,well\n,well\nA,well\ncon,well\n")
    (root / "test" / "expected" / "result.txt").unlink()

    for words in (("check", "job"), ("employ", "job", "--pool", office.pool)):
        said = office.alice(*words)
        assert said.code == ExitCode.BAD_INPUT
        assert said.out == ""
        first, *rest = said.err.splitlines()
        assert first == f"jobman: {root}: {len(rest)} mistakes in this job folder:"
        for mistake in MISTAKES:
            assert [line for line in rest if mistake in line], mistake
        assert len(rest) == len(MISTAKES)
    assert not (office.folder / "pool").exists()


@pytest.mark.parametrize(
    ("break_it", "what"),
    [
        (lambda root: (root / "parameters.csv").unlink(), "there are no packages: make packages/"),
        (lambda root: (root / "parameters.csv").write_text("package,what\n"), "it has no rows"),
        (lambda root: (root / "parameters.csv").write_text(""), "parameters.csv"),
        (lambda root: (root / "job.ini").unlink(), "there is no job.ini in it"),
        (lambda root: (root / "job.ini").write_bytes(b"\xff\xfe\x00"), "job.ini"),
        (lambda root: (root / "job.ini").write_text("title = x\n"), "job.ini, line 1"),
        (lambda root: (root / "packages" / "a").mkdir(parents=True), "there are both packages/"),
    ],
)
def test_a_folder_that_is_no_job_says_what_is_missing(office, break_it, what):
    break_it(office.folder / "job")

    for words in (("check", "job"), ("employ", "job", "--pool", office.pool)):
        said = office.alice(*words)
        assert said.code == ExitCode.BAD_INPUT
        assert what in said.err
        assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("key", "text", "shown"),
    [
        ("time", "1 h 30 min", "at most 1 h 30 min"),
        ("time", "90 s", "at most 90 s"),
        ("time", "2 d", "at most 2"),
        ("memory", "1.5 GB", "1.5 GB of memory"),
        ("memory", "512 MiB", "MB of memory"),
    ],
)
def test_durations_and_sizes_are_read_as_people_write_them(office, key, text, shown):
    ini = office.folder / "job" / "job.ini"
    lines = [line for line in ini.read_text().splitlines() if not line.startswith(f"{key} ")]
    ini.write_text("\n".join([*lines[:2], f"{key} = {text}", *lines[2:]]) + "\n")

    said = office.alice("check", "job")

    assert said.code == ExitCode.DONE, said.err
    assert shown in next(line for line in said.lines if line.startswith("each has"))


# ---------------------------------------------------------------- nobody can

CLOCK_OFF = """\
import sys
from datetime import timedelta
from jobman_agent import clock
true = clock.SystemClock.now
clock.SystemClock.now = lambda self: true(self) + timedelta(seconds={off})
from jobman_agent.cli.main import main
sys.exit(main())
"""


class WrongClock(Jobman):
    """A user of a PC whose clock is wrong."""

    def __init__(self, folder: Path, home: str, off: int) -> None:
        super().__init__(folder, home)
        self.off = off

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-c", CLOCK_OFF.format(off=self.off), *words]


@pytest.fixture(scope="module", autouse=True)
def nobody_can(tmp_path_factory) -> Iterator[tuple[Running, list[Running]]]:
    """An employer, and four PCs that cannot serve it; begun first, for it is told after 30 s."""
    folder = tmp_path_factory.mktemp("nobody")
    office = Office(folder, f"dir:{folder / 'pool'}")
    write_job(folder / "job", {"a": "well"}, program="ccx")
    words = ("work", "--pool", office.pool, "--trust", f"alice={office.key}")
    with office.stack:
        employer = office.employ()
        workers = [office.worker("pc-1"), office.worker("pc-2")]
        for name, off in (("behind", -600), ("ahead", 600)):
            user = WrongClock(folder, name, off)
            here = ("--software", f"ccx={sys.executable}", "--name", name)
            workers.append(office.stack.enter_context(Running(user, *words, *here)))
        yield employer, workers


def test_pcs_without_the_program_or_with_a_wrong_clock_are_told_to_the_employer(nobody_can):
    employer, workers = nobody_can
    # The ask of the one that is ahead is refused at once; the others are counted for 30 s.
    time = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    differ = rf"the clocks differ: the employer's says {time}, the worker's {time}"
    assert re.fullmatch(rf"ahead asked and was refused: {differ}", employer.until("was refused"))
    assert re.search(differ, workers[3].until("alice refused: "))
    assert re.search(differ, workers[2].until("passed over What happens of alice: "))
    workers[0].until("passed over What happens of alice: ")
    said = employer.until("workers looked")
    assert said.startswith("3 workers looked: ")
    assert "2 lack ccx" in said
    assert re.search(rf"1: {differ}", said)
    employer.interrupt()
    assert employer.end() == ExitCode.INTERRUPTED
