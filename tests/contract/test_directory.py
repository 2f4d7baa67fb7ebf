"""What a pool in a shared directory is: folders, files, offers, litter (PROTOCOL 3.2)."""

from __future__ import annotations

import asyncio
import os
import stat
import sys

import pytest

from jobman_agent.errors import (
    PoolUnavailable,
    PoolUnsuitable,
)
from jobman_agent.pool import directory_inbox
from jobman_agent.pool.contract import Pace, Sender
from jobman_agent.pool.directory import DirectoryPool
from tests.contract.office import OFFER, SESSION, Office, names
from tests.contract.places import name_id

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")


@pytest.fixture
async def office(tmp_path):
    office = Office(tmp_path / "pool")
    yield office
    await office.close()


# ---- becoming a pool


async def test_a_missing_folder_becomes_a_pool_and_says_so_once(office):
    first = await office.connect("alice")
    second = await office.connect("bob")

    assert first.notes == [f"made a new pool in dir:{office.root}"]
    assert second.notes == []


async def test_an_empty_folder_becomes_a_pool(office):
    office.root.mkdir()
    for litter in (".DS_Store", "Thumbs.db", ".nfs0001"):
        (office.root / litter).touch()

    assert (await office.connect("alice")).notes


async def test_a_folder_with_other_files_is_refused_and_stays_as_it_was(office):
    office.root.mkdir()
    (office.root / "thesis.doc").touch()

    with pytest.raises(PoolUnsuitable, match=r"holds thesis\.doc; name an empty") as caught:
        await office.connect("alice")

    assert caught.value.exit_code == 2
    assert names(office.root) == ["thesis.doc"]


async def test_a_file_is_no_pool(office):
    office.root.touch()

    with pytest.raises(PoolUnsuitable, match="is a file"):
        await office.connect("alice")


async def test_a_pool_stays_one_when_somebody_puts_a_file_into_it(office):
    await office.connect("alice")
    (office.root / "readme.txt").touch()

    assert (await office.connect("bob")).notes == []


async def test_without_the_folder_around_it_the_pool_is_not_there_yet(tmp_path):
    pool = DirectoryPool(tmp_path / "share" / "pool", Sender(name_id("alice"), 1))

    with pytest.raises(PoolUnavailable, match=r"no folder .*share \(yet\)"):
        await pool.connect()

    (tmp_path / "share").mkdir()
    await pool.connect()
    await pool.close()


@posix
async def test_everybody_may_add_to_the_folders_and_read_the_files(office):
    old = os.umask(0o077)
    try:
        alice = await office.connect("alice")
        _, box = await office.reader()
        await alice.send(box, SESSION, b"x")
        await alice.post(OFFER, 1, b"offer")
    finally:
        os.umask(old)

    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in office.root.rglob("*")}
    assert stat.S_IMODE(office.root.stat().st_mode) == 0o755
    assert {m for n, m in modes.items() if (office.root / "inbox" / n).is_dir()} == {0o1777}
    assert modes["jobman"] == modes["tmp"] == modes["new"] == modes["blobs"] == 0o1777
    files = [p for p in office.root.rglob("*") if p.is_file()]
    assert len(files) == 2
    assert all(modes[p.name] == 0o644 for p in files)


async def test_a_share_that_is_not_mounted_any_more_is_no_removed_box(office):
    alice = await office.connect("alice")
    bob, box = await office.reader()
    office.root.rename(office.root.with_name("unmounted"))
    office.root.mkdir()

    for call in (alice.send(box, SESSION, b"x"), alice.backlog(box), bob.receive(), bob.scan()):
        with pytest.raises(PoolUnavailable):
            await call


# ---- offers


async def test_an_offer_that_nobody_refreshes_for_15_minutes_is_dead(office):
    alice, bob = await office.connect("alice"), await office.connect("bob")
    await alice.post(OFFER, 1, b"1")
    await bob.scan()
    office.clock.advance(899)
    assert list(await bob.scan()) == [b"1"]

    office.clock.advance(2)
    assert await bob.scan() == []

    await alice.post(OFFER, 2, b"2")
    assert list(await bob.scan()) == [b"2"]


async def test_a_refreshed_offer_is_one_file(office):
    alice = await office.connect("alice")
    await alice.post(OFFER, 1, b"1")
    await alice.post(OFFER, 2, b"2")

    assert names(office.root / "jobman") == [f"{name_id('alice')}.{OFFER}.0000000002", "tmp"]


# ---- polling and litter


async def test_a_reader_with_enough_to_do_looks_every_5_seconds(office, monkeypatch):
    bob, _ = await office.reader()
    looks = 0
    real = os.listdir

    def counting(path):
        nonlocal looks
        looks += 1
        return real(path)

    bob.expect(Pace.FULL)
    monkeypatch.setattr(directory_inbox.os, "listdir", counting)
    receiving = asyncio.ensure_future(bob.receive())
    await asyncio.wait([receiving], timeout=0.3)
    receiving.cancel()

    assert looks == 1


async def test_a_temporary_file_of_an_earlier_start_is_removed_after_a_minute(office):
    await office.connect("alice")
    tmp = office.root / "jobman" / "tmp"
    ours = tmp / office.message(sender="alice")
    others = tmp / office.message(sender="carol")
    ours.touch()
    others.touch()
    alice = await office.connect("alice", start=2)
    assert ours.exists()

    office.clock.advance(61)
    await alice.close()

    assert names(tmp) == [others.name]


async def test_a_temporary_file_that_grows_is_being_written_by_a_twin(office):
    await office.connect("alice")
    growing = office.root / "blobs" / "tmp" / office.message(sender="alice", session="blob")
    growing.touch()
    alice = await office.connect("alice", start=2)

    office.clock.advance(61)
    growing.write_bytes(b"more")
    await alice.close()

    assert growing.exists()


async def test_the_owner_of_an_inbox_removes_others_litter_after_a_day(office):
    bob, _ = await office.reader()
    litter = office.inbox() / "tmp" / office.message()
    litter.touch()
    await office.look(bob)
    office.clock.advance(80_000)
    await office.look(bob)
    assert litter.exists()

    office.clock.advance(7_000)
    await office.look(bob)

    assert not litter.exists()
