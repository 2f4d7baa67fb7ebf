from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from jobman_agent.employer.job.inputs import hash_file
from jobman_agent.employer.job.loading import load_job, natural
from jobman_agent.errors import InputError
from tests.unit.employer.job_folders import TABLE_FILES, a_job, put

if TYPE_CHECKING:
    from pathlib import Path


def test_inputs_are_read_and_hashed_when_handed_out(tmp_path: Path) -> None:
    job = a_job(tmp_path)
    put(job / "packages" / "a2" / "large.bin", b"\0" * 70_000)

    small, large = load_job(job).load("a2")

    assert (small.path, small.size, small.content) == ("in.txt", 2, b"2\n")
    assert small.sha256 == hashlib.sha256(b"2\n").hexdigest()
    assert (large.path, large.size, large.content) == ("large.bin", 70_000, None)
    assert hash_file(large.source) == (70_000, large.sha256)


def test_an_input_that_has_gone_or_become_a_link_is_an_error(tmp_path: Path) -> None:
    loaded = load_job(a_job(tmp_path))
    file = loaded.root / "packages" / "a2" / "in.txt"
    (listed,) = loaded.files("a2")
    file.unlink()

    with pytest.raises(InputError, match=r"in\.txt: cannot be read"):
        hash_file(listed.source)
    file.symlink_to(loaded.root / "job.ini")
    with pytest.raises(InputError, match=r"in\.txt: cannot be read"):
        hash_file(listed.source)
    with pytest.raises(InputError, match="it is a link"):
        loaded.load("a2")


def test_a_fingerprint_changes_with_the_packages_own_inputs_alone(tmp_path: Path) -> None:
    loaded = load_job(a_job(tmp_path))
    before = {name: loaded.fingerprint(name) for name in loaded.package_names}
    shared = loaded.job_fingerprint()
    put(loaded.root / "packages" / "a2" / "in.txt", "other")

    assert loaded.fingerprint("a2") != before["a2"]
    assert loaded.fingerprint("a10") == before["a10"]
    assert loaded.fingerprint("a10", loaded.load("a10")) == before["a10"]
    assert loaded.job_fingerprint() == shared
    put(loaded.root / "common" / "solve.py", "print(2)\n")
    assert loaded.job_fingerprint() != shared


@pytest.mark.parametrize(
    ("path", "text", "touched"),
    [
        ("parameters.csv", "package,height,note\nb,1.5,x\na,-3,y\n", {"a"}),
        ("parameters.csv", "package,height,note,more\nb,1.5,z,1\na,-2,y,2\n", set()),
        ("common/in.txt.template", "h={height}", {"a", "b"}),
        ("common/in.txt.template", "h = {height}\n", set()),
    ],
)
def test_with_a_table_only_what_a_change_touches_has_changed(
    tmp_path: Path, path: str, text: str, touched: set[str]
) -> None:
    job = load_job(a_job(tmp_path, TABLE_FILES))
    before = {name: job.fingerprint(name) for name in job.package_names}
    shared = job.job_fingerprint()
    put(job.root / path, text)
    if path == "parameters.csv":
        put(job.root / "test" / path, text.splitlines()[0] + "\ntest" + "," * text.count(","))
        header = text.splitlines()[0]
        put(job.root / "test" / path, f"{header}\ntest{',' * header.count(',')}\n")

    again = load_job(job.root)

    assert {n for n in before if again.fingerprint(n) != before[n]} == touched
    assert again.job_fingerprint() == shared


def test_numbers_in_names_are_ordered_as_numbers() -> None:
    names = ["a10", "a2", "B1", "a", "10", "9", "a2b", "²"]

    assert sorted(names, key=natural) == ["9", "10", "a", "a2", "a2b", "a10", "B1", "²"]
