"""employers.ini, when several processes write it at once."""

from __future__ import annotations

import subprocess
import sys

import pytest
from filelock import FileLock

from jobman_agent.errors import StorageError
from jobman_agent.trust import employers_file
from jobman_agent.trust.employers_file import EmployersFile
from jobman_agent.trust.keys import KeyPair

KEY = KeyPair.from_seed(b"a" * 32).public
WRITER = """\
import sys
from pathlib import Path
from jobman_agent.trust.employers_file import EmployersFile
file = EmployersFile(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for n in range(int(sys.argv[3])):
    name = f"{sys.argv[2]}-{n}"
    file.change(lambda known: known.with_employer(name, sys.argv[4], code=False))
"""


def test_of_several_processes_that_trust_at_once_none_loses_what_another_wrote(tmp_path):
    path, each = tmp_path / "home" / "employers.ini", 15
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), name, str(each), KEY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b", "c", "d")
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)

    assert [writer.returncode for writer in writers] == [0, 0, 0, 0]
    known = EmployersFile(path).read()
    assert set(known.keys) == {f"{name}-{n}" for name in "abcd" for n in range(each)}


def test_a_lock_that_somebody_keeps_is_told_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(employers_file, "LOCK_S", 0.1)
    path = tmp_path / "employers.ini"

    with FileLock(tmp_path / "employers.lock"), pytest.raises(StorageError, match="try again"):
        EmployersFile(path).change(lambda known: known)

    assert not path.exists()
