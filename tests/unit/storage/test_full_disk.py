"""On a disk that is really full: one clear error, nothing lost, and room heals it."""

from __future__ import annotations

import os
import subprocess

import pytest

from jobman_agent.errors import StorageError
from jobman_agent.storage.blobs import BlobStore
from jobman_agent.storage.database import Database
from jobman_agent.storage.files import write_atomic

pytestmark = pytest.mark.root
SCHEMA = "CREATE TABLE IF NOT EXISTS package (name TEXT)"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 400 kB."""
    if not hasattr(os, "getuid") or os.getuid() != 0:
        if os.environ.get("CI") == "true":
            pytest.fail("needs root, to mount a small disk")
        pytest.skip("needs root, to mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "jobman-test", disk], check=True)
    yield disk
    subprocess.run(["umount", disk], check=True)


def _insert(text):
    return lambda c: c.execute("INSERT INTO package VALUES (?)", (text,))


async def test_a_transaction_on_a_full_disk_changes_nothing_and_room_heals_it(small_disk):
    with Database.open(small_disk / "journal.db", SCHEMA, exclusive=True) as database:
        await database.run(_insert("before"))
        (small_disk / "film.mkv").write_bytes(bytes(200_000))

        async def fill():
            for _ in range(50):
                await database.run(_insert("x" * 50_000))

        with pytest.raises(StorageError, match=r"journal\.db: the disk is full"):
            await fill()

        (small_disk / "film.mkv").unlink()
        await database.run(_insert("after"))
        names = database.run_sync(
            lambda c: [row[0][:6] for row in c.execute("SELECT name FROM package")]
        )

    assert names[0] == "before"
    assert names[-1] == "after"
    assert set(names[1:-1]) <= {"xxxxxx"}


def test_a_file_on_a_full_disk_is_as_it_was_and_nothing_is_left(small_disk):
    write_atomic(small_disk / "key", b"old")

    with pytest.raises(StorageError, match="the disk is full"):
        write_atomic(small_disk / "key", bytes(500_000))

    assert (small_disk / "key").read_bytes() == b"old"
    assert [p.name for p in small_disk.iterdir()] == ["key"]


def test_a_blob_on_a_full_disk_can_be_sent_again_from_where_it_stopped(small_disk, tmp_path):
    store = BlobStore(small_disk / "blobs")
    (tmp_path / "large").write_bytes(bytes(500_000))
    sha256, size = BlobStore(tmp_path / "other").add_file(tmp_path / "large")

    with pytest.raises(StorageError, match="the disk is full"):
        store.add_file(tmp_path / "large")
    assert list(store.folder.iterdir()) == []
    with pytest.raises(StorageError, match="the disk is full"):
        store.append(sha256, 0, bytes(size))
    assert store.partial_size(sha256) < size
    subprocess.run(["mount", "-o", "remount,size=2m", small_disk], check=True)
    store.append(sha256, store.partial_size(sha256), bytes(size - store.partial_size(sha256)))

    assert store.finish(sha256).stat().st_size == size
