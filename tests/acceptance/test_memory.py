"""How much memory a job of 10,000 packages takes, in real processes over a shared directory.

The promise: a worker holds at most 60 MB (its runner, the process that starts packages, included)
and an employer at most 150 MB. Counted is private memory, at its peak.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.acceptance.command import Jobman
from tests.acceptance.running import Running

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = 10_000
MB = 1_000_000
JOB = """\
[job]
title = Ten thousand
program = true
command = {number}
outputs = input.txt
time = 1 min

[test]
package = test
compare = input.txt exactly

[evaluate]
exit_code = 0
require = input.txt
"""


class Peak:
    """The highest private memory of a process and those of its descendants that are jobman's."""

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            with suppress(psutil.NoSuchProcess):
                ours = [self._process, *self._process.children()]
                self.bytes = max(self.bytes, sum(private_bytes(each) for each in ours))

    def end(self) -> int:
        self._over.set()
        self._thread.join()
        return self.bytes


def private_bytes(process: psutil.Process) -> int:
    try:
        return process.memory_full_info().uss if "jobman" in " ".join(process.cmdline()) else 0
    except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
        return 0


def make_job(root: Path) -> None:
    (root / "common").mkdir(parents=True)
    (root / "common" / "input.txt.template").write_text("number = {number}\n")
    (root / "job.ini").write_text(JOB)
    (root / "test" / "expected").mkdir(parents=True)
    (root / "test" / "expected" / "input.txt").write_text("number = 7\n")
    (root / "test" / "parameters.csv").write_text("package,number\nknown,7\n")
    rows = "".join(f"p{n},{n}\n" for n in range(PACKAGES))
    (root / "parameters.csv").write_text(f"package,number\n{rows}")


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_ten_thousand_packages_fit_into_the_promised_memory(tmp_path: Path):
    job, pool = tmp_path / "job", f"dir:{tmp_path}/pool"
    make_job(job)
    employer = Jobman(tmp_path, "employer")
    key = employer("keys", "export", "--name", "alice").out.split("=", 1)[1].strip()
    work = ("work", "--pool", pool, "--slots", "2", "--trust", f"alice={key}", "--normal-priority")

    with (
        Running(Jobman(tmp_path, "pc"), *work, "--software", "true=/bin/true") as worker,
        Running(employer, "employ", str(job), "--pool", pool) as employ,
    ):
        peaks = Peak(worker.process.pid), Peak(employ.process.pid)
        try:
            code = employ.end(180)
        finally:
            of_worker, of_employer = (peak.end() for peak in peaks)

    assert code == 0
    assert len(list((job / "results").glob("p*/input.txt"))) == PACKAGES
    print(f"worker {of_worker / MB:.0f} MB, employer {of_employer / MB:.0f} MB")
    assert 10 * MB < of_worker <= 60 * MB
    assert 10 * MB < of_employer <= 150 * MB
