"""A share that is full, refuses, hangs or holds strangers (PROTOCOL 3.2, rules 2, 4, 5, 10)."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from jobman_agent.errors import (
    PoolRefused,
    PoolUnavailable,
    Unconfirmed,
)
from jobman_agent.pool import directory, directory_door, directory_files, directory_inbox
from jobman_agent.pool.contract import Sender
from jobman_agent.pool.directory import DirectoryPool
from tests.contract.office import OFFER, SESSION, Office, names
from tests.contract.places import WAIT_SECONDS, name_id, take

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")


@pytest.fixture
async def office(tmp_path):
    office = Office(tmp_path / "pool")
    yield office
    await office.close()


@pytest.fixture
def no_waiting(monkeypatch):
    monkeypatch.setattr(directory_door, "BUSY_WAITS_S", (0.001,) * 5)
    monkeypatch.setattr(directory, "BUSY_WAITS_S", (0.001,) * 5)


# ---- what goes wrong in a share


@pytest.fixture
def broken_write(monkeypatch):
    """Writing a file into the pool fails with an error."""

    def fail_with(number):
        def refuse(descriptor, data):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(directory_files, "write_all", refuse)

    return fail_with


async def test_a_full_share_is_told_in_words_and_leaves_no_litter(office, broken_write):
    alice = await office.connect("alice")
    _, box = await office.reader()
    broken_write(errno.ENOSPC)

    with pytest.raises(PoolUnavailable, match="the disk is full"):
        await alice.send(box, SESSION, b"x")

    assert names(office.inbox() / "tmp") == []


async def test_an_error_that_passes_is_not_seen(office, monkeypatch, no_waiting):
    alice = await office.connect("alice")
    bob, box = await office.reader()
    real = directory_files.write_all
    errors = iter([errno.EACCES, errno.EBUSY, errno.EPERM])

    def sometimes(descriptor, data):
        if number := next(errors, None):
            raise OSError(number, "busy")
        real(descriptor, data)

    monkeypatch.setattr(directory_files, "write_all", sometimes)
    await alice.send(box, SESSION, b"x")

    assert await take(bob, 1) == [b"x"]


async def test_a_rename_that_reports_an_error_leaves_it_open(office, monkeypatch, no_waiting):
    alice = await office.connect("alice")
    _, box = await office.reader()

    def refuse(source, target):
        raise PermissionError(errno.EACCES, "sharing violation")

    monkeypatch.setattr(directory_files.os, "rename", refuse)
    with pytest.raises(Unconfirmed):
        await alice.send(box, SESSION, b"x")


async def test_permission_that_is_missing_for_a_minute_is_told_as_refused(
    office, broken_write, no_waiting
):
    _, box = await office.reader()
    broken_write(errno.EACCES)
    alice = await office.connect("alice")
    with pytest.raises(PoolUnavailable, match="no permission"):
        await alice.send(box, SESSION, b"x")

    office.clock.advance(61)
    again = await office.connect("alice")
    with pytest.raises(PoolRefused, match="no permission in the shared folder for a minute"):
        await again.send(box, SESSION, b"x")


async def test_permission_that_comes_back_is_forgotten(office, monkeypatch, no_waiting):
    _, box = await office.reader()
    alice = await office.connect("alice")
    with monkeypatch.context() as patch:
        patch.setattr(directory_files.os, "fsync", _refuse)
        with pytest.raises(PoolUnavailable):
            await alice.send(box, SESSION, b"x")
    await alice.send(box, SESSION, b"x")
    office.clock.advance(61)

    monkeypatch.setattr(directory_files.os, "fsync", _refuse)
    with pytest.raises(PoolUnavailable):
        await alice.send(box, SESSION, b"x")


def _refuse(*_):
    raise PermissionError(errno.EACCES, "Permission denied")


@pytest.fixture
def frozen(monkeypatch):
    """Every look into an inbox hangs until the event is set."""
    thaw = threading.Event()
    monkeypatch.setattr(directory_inbox.Inbox, "look", lambda _: thaw.wait(30))
    yield thaw
    thaw.set()


async def test_a_share_that_hangs_is_out_of_reach_and_stops_nothing_else(tmp_path, frozen):
    root = tmp_path / "pool"
    bob = DirectoryPool(root, Sender(name_id("bob"), 1))
    await bob.connect()
    await bob.open_box(bob.work_box(SESSION))
    await bob.listen(bob.work_box(SESSION))
    bob._door._opened().deadline_s = 0.3
    beats = 0

    async def heart():
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    beating = asyncio.ensure_future(heart())
    with pytest.raises(PoolUnavailable, match="has not answered"):
        async with asyncio.timeout(WAIT_SECONDS):
            await bob.receive()
    beating.cancel()

    assert beats > 10
    await _no_new_call_begins(bob, root)
    frozen.set()
    async with asyncio.timeout(WAIT_SECONDS):
        await _connects_again(root)


async def _no_new_call_begins(bob, root):
    with pytest.raises(PoolUnavailable, match="has not answered"):
        await bob.scan()
    await bob.close()
    with pytest.raises(PoolUnavailable, match="has not answered"):
        await DirectoryPool(root, Sender(name_id("bob"), 1)).connect()


async def _connects_again(root):
    pool = DirectoryPool(root, Sender(name_id("bob"), 1))
    while True:
        try:
            await pool.connect()
        except PoolUnavailable:
            await asyncio.sleep(0.01)
        else:
            return await pool.close()


async def test_a_message_on_its_way_into_a_share_that_hangs_is_unconfirmed(office, monkeypatch):
    alice = await office.connect("alice")
    _, box = await office.reader()
    thaw = threading.Event()
    monkeypatch.setattr(directory_files.os, "fsync", lambda _: thaw.wait(30))
    alice._door._opened().deadline_s = 0.1

    with pytest.raises(Unconfirmed):
        await alice.send(box, SESSION, b"x")

    thaw.set()


# ---- with root


def _needs_root():
    if sys.platform != "linux" or os.geteuid() != 0:
        why = "needs root on Linux, to mount a small file system and to be two users"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)


@pytest.fixture
def small_disk(tmp_path):
    _needs_root()
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, timeout=20)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, timeout=20)


@pytest.mark.root
async def test_a_full_disk_stops_sending_and_nothing_else(small_disk, tmp_path):
    office = Office(small_disk / "pool")
    alice = await office.connect("alice")
    bob, box = await office.reader()
    await alice.send(box, SESSION, b"before")
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (400 << 10))
    source = tmp_path / "source"
    source.write_bytes(b"y" * (200 << 10))
    blob = hashlib.sha256(source.read_bytes()).hexdigest()

    for call in (
        alice.send(box, SESSION, b"x" * (200 << 10)),
        alice.post(OFFER, 1, b"x" * (200 << 10)),
        alice.blobs.put(blob, source),
    ):
        with pytest.raises(PoolUnavailable, match="the disk is full"):
            await call

    assert await take(bob, 1) == [b"before"]
    filler.unlink()
    await alice.send(box, SESSION, b"x" * (200 << 10))
    assert await take(bob, 1) == [b"x" * (200 << 10)]
    assert await bob.scan() == []
    await office.close()
    assert not list(office.root.rglob("tmp/*"))


STRANGER = """
import asyncio, os, sys
from pathlib import Path
from jobman_agent.pool import directory_blobs
from jobman_agent.pool.contract import Sender
from jobman_agent.pool.directory import DirectoryPool
root, box, session, stranger = Path(sys.argv[1]), *sys.argv[2:]
os.setgid(65534); os.setuid(65534)

async def main():
    pool = DirectoryPool(root, Sender(stranger, 1))
    await pool.connect()
    assert list(await pool.scan()) == [b"offer"]
    await pool.open_box(pool.work_box(session))
    await pool.send(box, session, b"from a stranger")
    for path in [p for p in root.rglob("*") if p.is_file() and p.stat().st_uid == 0]:
        assert path.read_bytes()
        for harm in (path.unlink, lambda: path.rename(path.with_name("x")),
                     lambda: path.write_bytes(b"forged")):
            try:
                harm()
            except PermissionError:
                continue
            raise SystemExit(f"{path} was harmed")
    await pool.close()

asyncio.run(main())
"""


@pytest.mark.root
async def test_a_stranger_creates_and_reads_and_cannot_harm(tmp_path_factory):
    _needs_root()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        office = Office(Path(folder) / "pool")
        alice = await office.connect("alice")
        box = alice.ask_box(name_id("alice"), OFFER)
        await alice.open_box(box)
        await alice.listen(box)
        await alice.post(OFFER, 1, b"offer")
        await alice.send(box, SESSION, b"from alice")
        arguments = [str(office.root), box, SESSION, name_id("stranger")]
        command = [sys.executable, "-c", STRANGER, *arguments]

        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=60, check=False
        )

        assert done.returncode == 0, done.stderr
        assert sorted(await take(alice, 2)) == [b"from a stranger", b"from alice"]
        assert names(office.root / "inbox" / box / "new") == []
        await office.close()
