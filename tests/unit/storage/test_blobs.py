"""A blob is what its name says, however it arrived."""

from __future__ import annotations

import hashlib

import pytest

from jobman_agent.errors import PackageCorrupt, StorageError
from jobman_agent.storage.blobs import BlobStore

DATA = bytes(range(256)) * 40
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path):
    return BlobStore(tmp_path / "blobs")


def test_bytes_and_files_are_kept_under_their_hash(store, tmp_path):
    (tmp_path / "input.dat").write_bytes(DATA)

    assert not store.has(SHA)
    assert store.add_file(tmp_path / "input.dat") == (SHA, len(DATA))
    assert store.add_file(tmp_path / "input.dat") == (SHA, len(DATA))
    assert store.add_bytes(DATA) == SHA
    assert store.add_bytes(b"") == hashlib.sha256(b"").hexdigest()
    assert store.has(SHA)
    assert store.size(SHA) == len(DATA)
    assert store.path(SHA).read_bytes() == DATA
    assert store.names() == sorted([SHA, hashlib.sha256(b"").hexdigest()])


def test_chunks_that_come_twice_early_or_overlapping_make_the_same_file(store):
    assert store.append(SHA, 0, DATA[:1000]) == 1000
    assert store.append(SHA, 2000, DATA[2000:3000]) == 1000  # a hole is not written
    assert store.append(SHA, 0, DATA[:1000]) == 1000
    assert store.append(SHA, 500, DATA[500:4000]) == 4000
    assert store.partial_size(SHA) == 4000
    assert store.append(SHA, 4000, DATA[4000:]) == len(DATA)

    assert store.finish(SHA).read_bytes() == DATA
    assert store.partial_size(SHA) == 0
    assert store.finish(SHA) == store.path(SHA)


def test_a_wrong_hash_is_corrupt_and_the_file_can_be_sent_again(store):
    store.append(SHA, 0, b"x" + DATA[1:])

    with pytest.raises(PackageCorrupt, match=SHA):
        store.finish(SHA)

    assert not store.has(SHA)
    assert store.partial_size(SHA) == 0
    store.append(SHA, 0, DATA)
    store.finish(SHA)
    assert store.has(SHA)


def test_finishing_what_never_came_is_an_error(store):
    with pytest.raises(StorageError):
        store.finish(SHA)


def test_remove_forgets_both_and_twice_is_fine(store):
    store.add_bytes(DATA)
    other = "0" * 64
    store.append(other, 0, b"part")

    for sha256 in (SHA, other, SHA):
        store.remove(sha256)

    assert list(store.folder.iterdir()) == []


def test_a_partial_file_survives_a_restart_and_litter_is_swept(store):
    store.append(SHA, 0, DATA[:10])
    (store.folder / ".0123456789abcdef.tmp").write_bytes(b"left by a killed process")

    again = BlobStore(store.folder)
    again.sweep()

    assert again.partial_size(SHA) == 10
    assert again.names() == []
    assert [p.name for p in store.folder.iterdir()] == [f"{SHA}.part"]


@pytest.mark.parametrize("name", ["", "../" * 10, SHA.upper(), SHA + "\n", SHA[:-1], "/etc/passwd"])
def test_a_name_that_is_no_hash_never_becomes_a_path(store, name):
    with pytest.raises(StorageError, match="no SHA-256"):
        store.path(name)


def test_a_missing_source_is_named_and_leaves_nothing(store, tmp_path):
    with pytest.raises(StorageError, match=r"cannot copy .*gone"):
        store.add_file(tmp_path / "gone")

    assert list(store.folder.iterdir()) == []
