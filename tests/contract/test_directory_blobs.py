"""Larger files in a shared directory: bad copies, second copies, late listings (rule 8)."""

from __future__ import annotations

import asyncio
import hashlib
import os

import pytest

from jobman_agent.errors import PackageCorrupt, PoolUnavailable, StorageError
from jobman_agent.pool import directory_blobs
from tests.contract.office import Office, names

CONTENT = os.urandom(3_000_001)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SIZE = len(CONTENT)


@pytest.fixture
async def office(tmp_path):
    office = Office(tmp_path / "pool")
    (tmp_path / "source").write_bytes(CONTENT)
    yield office
    await office.close()


@pytest.fixture
def copies(office):
    return office.root / "blobs" / SHA256[:2]


@pytest.fixture
def in_vain(monkeypatch):
    """Nobody waits long for a file that is not listed."""
    monkeypatch.setattr(directory_blobs, "PATIENCE_S", 0.0)


async def test_a_file_goes_by_its_hash_and_leaves_nothing_temporary(office, copies, tmp_path):
    alice, bob = await office.connect("alice"), await office.connect("bob")

    await alice.blobs.put(SHA256, tmp_path / "source")

    assert names(copies) == [SHA256]
    assert names(office.root / "blobs" / "tmp") == []
    assert await bob.blobs.get(SHA256, SIZE, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == CONTENT


async def test_a_file_that_is_there_already_is_not_written_again(office, copies, tmp_path):
    alice, bob = await office.connect("alice"), await office.connect("bob")
    await alice.blobs.put(SHA256, tmp_path / "source")
    before = (copies / SHA256).stat().st_ino

    await bob.blobs.put(SHA256, tmp_path / "source")

    assert names(copies) == [SHA256]
    assert (copies / SHA256).stat().st_ino == before


async def test_a_bad_copy_is_told_and_a_second_one_is_taken(office, copies, tmp_path):
    alice, bob = await office.connect("alice"), await office.connect("bob")
    copies.mkdir()
    (copies / SHA256).write_bytes(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))

    assert not await bob.blobs.get(SHA256, SIZE, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    await alice.blobs.put(SHA256, tmp_path / "source", again=True)

    assert names(copies) == [SHA256, f"{SHA256}.1"]
    assert await bob.blobs.get(SHA256, SIZE, tmp_path / "copy")


@pytest.mark.parametrize("bad", [b"", CONTENT[:-1], CONTENT + b"x"], ids=["empty", "short", "long"])
async def test_a_copy_of_the_wrong_size_is_none(office, copies, tmp_path, bad):
    alice, bob = await office.connect("alice"), await office.connect("bob")
    copies.mkdir()
    (copies / SHA256).write_bytes(bad)

    assert not await bob.blobs.get(SHA256, SIZE, tmp_path / "copy")
    await alice.blobs.put(SHA256, tmp_path / "source")

    assert await bob.blobs.get(SHA256, SIZE, tmp_path / "copy")


async def test_a_file_that_is_not_listed_is_waited_for(office, tmp_path):
    alice, bob = await office.connect("alice"), await office.connect("bob")
    getting = asyncio.ensure_future(bob.blobs.get(SHA256, SIZE, tmp_path / "copy"))
    await asyncio.sleep(0)

    await alice.blobs.put(SHA256, tmp_path / "source")

    assert await getting


async def test_a_file_that_never_comes_is_given_up(office, tmp_path, in_vain):
    bob = await office.connect("bob")

    assert not await bob.blobs.get(SHA256, SIZE, tmp_path / "copy")


async def test_a_source_that_has_changed_is_not_put_there(office, copies, tmp_path):
    alice = await office.connect("alice")
    (tmp_path / "source").write_bytes(CONTENT[::-1])

    with pytest.raises(PackageCorrupt, match="has changed"):
        await alice.blobs.put(SHA256, tmp_path / "source")

    await alice.scan()
    assert names(copies) == []
    await _nothing_temporary(office)


async def test_a_source_that_is_gone_and_a_target_that_cannot_be_are_of_this_pc(office, tmp_path):
    alice = await office.connect("alice")
    with pytest.raises(StorageError, match="cannot read"):
        await alice.blobs.put(SHA256, tmp_path / "no source")
    await alice.blobs.put(SHA256, tmp_path / "source")

    with pytest.raises(StorageError, match="cannot write"):
        await alice.blobs.get(SHA256, SIZE, tmp_path / "no folder" / "copy")


async def test_a_target_that_is_there_is_kept(office, tmp_path):
    alice = await office.connect("alice")
    await alice.blobs.put(SHA256, tmp_path / "source")
    (tmp_path / "copy").write_bytes(b"precious")

    with pytest.raises(StorageError):
        await alice.blobs.get(SHA256, SIZE, tmp_path / "copy")

    assert (tmp_path / "copy").read_bytes() == b"precious"


async def test_a_cancelled_put_leaves_nothing_behind(office, tmp_path, monkeypatch):
    alice = await office.connect("alice")
    monkeypatch.setattr(directory_blobs, "PIECE_BYTES", 4096)
    putting = asyncio.ensure_future(alice.blobs.put(SHA256, tmp_path / "source"))
    while not names(office.root / "blobs" / "tmp"):
        await asyncio.sleep(0.001)

    putting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await putting
    await _nothing_temporary(office)


async def test_a_cancelled_get_leaves_no_target(office, tmp_path, monkeypatch):
    alice = await office.connect("alice")
    await alice.blobs.put(SHA256, tmp_path / "source")
    monkeypatch.setattr(directory_blobs, "PIECE_BYTES", 4096)
    getting = asyncio.ensure_future(alice.blobs.get(SHA256, SIZE, tmp_path / "copy"))
    while not (tmp_path / "copy").exists():
        await asyncio.sleep(0.001)

    getting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await getting
    async with asyncio.timeout(10):
        while (tmp_path / "copy").exists():
            await asyncio.sleep(0.001)


async def test_removing_takes_all_copies(office, copies, tmp_path):
    alice = await office.connect("alice")
    await alice.blobs.put(SHA256, tmp_path / "source")
    await alice.blobs.put(SHA256, tmp_path / "source", again=True)
    (copies / f"{SHA256}0").touch()

    await alice.blobs.remove(SHA256)

    assert names(copies) == [f"{SHA256}0"]


@pytest.mark.parametrize("name", ["", "../x", "A" * 64, "a" * 63])
async def test_what_is_no_hash_never_becomes_a_path(office, tmp_path, name):
    alice = await office.connect("alice")

    with pytest.raises(StorageError, match="no SHA-256"):
        await alice.blobs.get(name, 1, tmp_path / "copy")


async def test_after_closing_the_pool_its_files_are_out_of_reach(office, tmp_path):
    alice = await office.connect("alice")
    await alice.close()

    with pytest.raises(PoolUnavailable):
        await alice.blobs.put(SHA256, tmp_path / "source")


async def _nothing_temporary(office):
    async with asyncio.timeout(10):
        while names(office.root / "blobs" / "tmp"):
            await asyncio.sleep(0.001)
