"""Packages in lists: what travels with them, and what does not."""

from __future__ import annotations

import hashlib

import pytest

from jobman_agent.employer.hiring.packing import Packer
from jobman_agent.employer.job.loading import load_job
from jobman_agent.employer.session.events import Assignment
from jobman_agent.errors import InputError
from jobman_agent.model.messages import Work
from jobman_agent.model.wire import MAX_FRAME, MAX_INLINE, MAX_LIST, encode_body
from tests.unit.employer.job_folders import FILES, TABLE_FILES, a_job, put


def assigned(*names: str, test: bool = False) -> list[Assignment]:
    return [Assignment(name, 1, test, ()) for name in names]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def packer_of(tmp_path, files: dict[str, str] | None = None, **changes: str) -> Packer:
    return Packer(load_job(a_job(tmp_path, FILES if files is None else files, **changes)))


def test_small_files_are_attached_and_common_ones_only_in_the_first_work(tmp_path):
    packer = packer_of(tmp_path)

    (first,) = packer.pack(assigned("a2"), first=True).parcels
    (later,) = packer.pack(assigned("a10"), first=False).parcels

    assert set(first.contents.values()) == {b"print(1)\n", b"2\n"}
    assert set(later.contents.values()) == {b"10\n", b"deep\n"}
    assert [a.sha256 for a in first.attachments] == list(first.contents)
    assert [f.path for f in later.packages[0].files] == ["in.txt", "sub/deep.txt"]
    assert [f.path for f in packer.recipe().common] == ["solve.py"]


def test_the_same_content_is_attached_once(tmp_path):
    changes = {f"packages/b{n}/in.txt": "same\n" for n in range(50)}
    packer = packer_of(tmp_path, **changes)

    (parcel,) = packer.pack(assigned(*(f"b{n}" for n in range(50))), first=False).parcels

    assert list(parcel.contents.values()) == [b"same\n"]
    assert len(parcel.packages) == 50


def test_a_list_grows_to_256_kib_and_no_more(tmp_path):
    changes = {f"packages/b{n}/in.txt": f"{n:05d}" * 2000 for n in range(60)}
    packer = packer_of(tmp_path, **changes)

    parcels = packer.pack(assigned(*(f"b{n}" for n in range(60))), first=False).parcels

    assert len(parcels) == 3
    assert sum(len(parcel.packages) for parcel in parcels) == 60
    for parcel in parcels:
        work = Work(
            time="2026-11-24T09:30:00Z", offer="o" * 16, session="s" * 16,
            recipe=packer.recipe(), packages=tuple(parcel.packages),
            attachments=parcel.attachments,
        )  # fmt: skip
        attached = sum(map(len, parcel.contents.values()))
        assert len(encode_body(work)) * 4 // 3 + attached < MAX_LIST * 1.1


def test_one_package_with_much_is_still_a_message(tmp_path):
    changes = {f"packages/a2/f{n}.txt": f"{n:04d}" * 15_000 for n in range(30)}
    packer = packer_of(tmp_path, **changes)

    (parcel,) = packer.pack(assigned("a2"), first=True).parcels

    assert sum(map(len, parcel.contents.values())) < MAX_FRAME - (200 << 10)
    assert len(parcel.packages[0].files) == 31


def test_a_large_file_is_only_named(tmp_path):
    packer = packer_of(tmp_path)
    large = b"x" * (MAX_INLINE + 1)
    put(tmp_path / "bridge/packages/a2/mesh.bin", large)

    (parcel,) = packer.pack(assigned("a2"), first=False).parcels

    assert sha(large) not in parcel.contents
    assert packer.sources[sha(large)].name == "mesh.bin"
    assert packer.large == {sha(large)}


def test_a_row_of_the_table_travels_as_values(tmp_path):
    packer = packer_of(tmp_path, TABLE_FILES)

    packed = packer.pack(assigned("b", "a"), first=False)

    rows = [package.values for package in packed.parcels[0].packages]
    assert [row["height"] for row in rows] == ["1.5", "-2"]
    assert set(packed.fingerprints) == {"a", "b"}


def test_the_test_looks_like_any_package_and_leaves_no_fingerprint(tmp_path):
    packer = packer_of(tmp_path)

    packed = packer.pack(assigned("a7", test=True), first=False)

    (package,) = packed.parcels[0].packages
    assert package.name == "a7"
    assert [f.path for f in package.files] == ["in.txt"]
    assert packed.fingerprints == {}


def test_a_package_that_cannot_be_read_is_named_and_the_others_go(tmp_path):
    packer = packer_of(tmp_path)
    folder = tmp_path / "bridge/packages/a2"
    (folder / "in.txt").unlink()
    folder.rmdir()

    packed = packer.pack(assigned("a2", "a10"), first=False)

    assert [(name, attempt) for name, attempt, _ in packed.unreadable] == [("a2", 1)]
    assert "is gone" in packed.unreadable[0][2]
    assert [p.name for p in packed.parcels[0].packages] == ["a10"]


def test_without_its_common_files_nothing_can_be_handed_out(tmp_path):
    packer = packer_of(tmp_path)
    (tmp_path / "bridge/common/solve.py").unlink()
    (tmp_path / "bridge/common/solve.py").symlink_to("/etc/passwd")

    with pytest.raises(InputError):
        packer.pack(assigned("a2"), first=True)
