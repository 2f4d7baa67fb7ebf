"""An office for a test: an employer, PCs that trust it, a job of small packages."""

from __future__ import annotations

import csv
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from jobman_agent.trust.keys import load_or_make
from tests.acceptance.command import Jobman
from tests.acceptance.running import Running

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

INI = """\
[job]
title = What happens
program = {program}
command = -S -E {{common}}/do.py {{what}}
outputs = result.txt
attempts = 1
time = {time}

[test]
package = test
compare = result.txt
"""
DO = """\
import sys
what = sys.argv[1]
{more}
with open("result.txt", "w", newline="\\n") as file:
    file.write(what + "\\n")
"""


def write_job(
    root: Path,
    packages: Mapping[str, str],
    more: str = "",
    *,
    program: str = "python",
    time: str = "1 min",
) -> None:
    """A job whose packages give back what they are told to do; ``more`` is Python in between."""
    rows = "".join(f"{name},{what}\n" for name, what in packages.items())
    texts = {
        "job.ini": INI.format(program=program, time=time),
        "common/do.py": DO.format(more=more),
        "parameters.csv": f"package,what\n{rows}",
        "test/parameters.csv": "package,what\nknown,nothing\n",
        "test/expected/result.txt": "nothing\n",
    }
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def results(root: Path) -> dict[str, str]:
    """What lies in results/: package to what it gave back."""
    folders = (path for path in (root / "results").iterdir() if path.is_dir())
    return {path.name: (path / "result.txt").read_text().strip() for path in folders}


def summary(root: Path) -> dict[str, dict[str, str]]:
    """summary.csv: package to its row; each package stands there once."""
    with (root / "results" / "summary.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = {row["package"]: row for row in rows}
    assert len(found) == len(rows)
    return found


class Office:
    """An employer, and PCs that trust it; leave its ``stack`` at the end."""

    def __init__(self, folder: Path, pool: str) -> None:
        self.folder, self.pool = folder, pool
        self.alice = Jobman(folder, "alice")
        self.key = load_or_make(self.alice.home / "keys").public
        self.stack = ExitStack()

    def employ(self, *more: str, job: str = "job", **env: str) -> Running:
        words = ("employ", job, "--pool", self.pool, "--name", "alice", *more)
        return self.stack.enter_context(Running(self.alice, *words, **env))

    def worker(self, name: str, *more: str, **env: str) -> Running:
        words = ("work", "--pool", self.pool, "--trust", f"alice={self.key}", "--name", name)
        words += ("--software", f"python={sys.executable}", "--slots", "1")
        words += ("--normal-priority", *more)  # the rest of the machine may be busy with tests

        return self.stack.enter_context(Running(Jobman(self.folder, name), *words, **env))
