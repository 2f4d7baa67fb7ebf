"""Messages in a shared directory: junk, order, batches, boxes (PROTOCOL 3.2)."""

from __future__ import annotations

import errno
import os
import sys

import pytest

from jobman_agent.errors import (
    Undeliverable,
)
from jobman_agent.pool import directory_files, directory_inbox
from tests.contract.office import OFFER, SESSION, Office, names
from tests.contract.places import frames, name_id, receive, take

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")


@pytest.fixture
async def office(tmp_path):
    office = Office(tmp_path / "pool")
    yield office
    await office.close()


# ---- junk


@posix
@pytest.mark.parametrize("what", ["pipe", "link", "folder"])
async def test_what_is_no_file_is_junk_and_holds_nobody_up(office, what):
    bob, box = await office.reader()
    path = office.inbox() / "new" / office.message()
    if what == "pipe":
        os.mkfifo(path)
    elif what == "link":
        path.symlink_to("/etc/passwd")
    else:
        path.mkdir()

    await bob.send(box, SESSION, b"message")

    assert await take(bob, 1) == [b"message"]
    assert bob.junk == 1
    assert not os.path.lexists(path)


async def test_a_strange_name_is_left_alone_for_ten_minutes_and_then_removed(office):
    bob, _ = await office.reader()
    strange = office.inbox() / "new" / "backup.zip"
    strange.touch()
    await office.look(bob)
    assert strange.exists()
    assert bob.junk == 0

    office.clock.advance(600)
    await office.look(bob)
    await office.look(bob)

    assert not strange.exists()
    assert bob.junk == 1


async def test_what_does_not_look_like_ours_is_not_looked_at(office):
    bob, _ = await office.reader()
    others = [".nfs000123", "Thumbs.db", "desktop.ini", "NAME WITH SPACE"]
    for name in others:
        (office.inbox() / "new" / name).touch()
    await office.look(bob)
    office.clock.advance(100_000)
    await office.look(bob)

    assert sorted(names(office.inbox() / "new")) == sorted(others)
    assert bob.junk == 0


async def test_an_oversized_offer_is_counted_once_and_left_to_its_poster(office):
    bob = await office.connect("bob")
    path = office.root / "jobman" / f"{name_id('x')}.{OFFER}.0000000001"
    path.write_bytes(b"x" * (1 << 20) + b"x")

    assert await bob.scan() == []
    assert await bob.scan() == []
    assert bob.junk == 1
    assert path.exists()


# ---- messages


async def test_a_message_is_one_file_that_is_gone_once_it_was_acknowledged(office):
    alice = await office.connect("alice")
    bob, box = await office.reader()
    token = await alice.send(box, SESSION, b"work")
    assert names(office.inbox() / "new") == [token]

    await take(bob, 1)

    assert names(office.inbox() / "new") == []
    assert names(office.inbox() / "tmp") == []


async def test_an_unread_message_is_removed_by_the_one_that_replaces_it(office):
    alice = await office.connect("alice")
    bob, box = await office.reader()
    token = await alice.send(box, SESSION, b"old beat")

    await alice.send(box, SESSION, b"new beat", replaces=token)

    assert await take(bob, 1) == [b"new beat"]


async def test_a_listing_that_misses_a_message_does_not_change_the_order(office, monkeypatch):
    alice = await office.connect("alice")
    bob, box = await office.reader()
    for k in range(30):
        await alice.send(box, SESSION, b"%d" % k)
    real = os.listdir
    missing = iter([{5, 7, 29}])

    def gappy(path):
        names = sorted(real(path))
        skip = next(missing, set()) if len(names) == 30 else set()
        return [name for k, name in enumerate(names) if k not in skip]

    monkeypatch.setattr(directory_inbox.os, "listdir", gappy)

    got = frames(await receive(bob, 29))

    assert got == [b"%d" % k for k in range(29)]


async def test_a_message_that_cannot_be_read_yet_holds_up_only_its_own_session(office, monkeypatch):
    alice, carol = await office.connect("alice"), await office.connect("carol")
    bob, box = await office.reader()
    locked = await alice.send(box, SESSION, b"alice 1")
    await alice.send(box, SESSION, b"alice 2")
    await carol.send(box, SESSION, b"carol")
    real = directory_files.open_to_read

    def refuse(path):
        if path.endswith(locked):
            raise PermissionError(errno.EACCES, "antivirus")
        return real(path)

    monkeypatch.setattr(directory_files, "open_to_read", refuse)
    assert await office.look(bob) == [b"carol"]

    monkeypatch.undo()
    assert await office.look(bob) == [b"alice 1", b"alice 2"]


async def test_a_message_that_can_never_be_read_stops_holding_up_after_a_minute(
    office, monkeypatch, caplog
):
    alice = await office.connect("alice")
    bob, box = await office.reader()
    locked = await alice.send(box, SESSION, b"1")
    await alice.send(box, SESSION, b"2")
    real = directory_files.open_to_read

    def refuse(path):
        if path.endswith(locked):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path)

    monkeypatch.setattr(directory_files, "open_to_read", refuse)
    assert await office.look(bob) == []
    assert await office.look(bob) == [b"2"]
    assert "cannot be read: Permission denied" in caplog.text


async def test_a_handled_message_that_cannot_be_removed_is_not_given_again(office, monkeypatch):
    bob, box = await office.reader()
    await bob.send(box, SESSION, b"1")
    with monkeypatch.context() as patch:

        def refuse(path):
            raise PermissionError(errno.EACCES, path)

        patch.setattr(directory_files.os, "unlink", refuse)
        assert await take(bob, 1) == [b"1"]
        assert await office.look(bob) == []
    assert len(names(office.inbox() / "new")) == 1

    await office.look(bob)

    assert names(office.inbox() / "new") == []


async def test_messages_of_many_mib_come_in_several_batches(office):
    alice = await office.connect("alice")
    bob, box = await office.reader()
    for k in range(8):
        await alice.send(box, SESSION, bytes([k]) * (1 << 20))

    first = await bob.receive()

    assert sum(map(len, frames(first))) <= directory_inbox.BATCH_BYTES + (1 << 20)
    rest = await receive(bob, 8 - len(first))
    assert [f[0] for f in frames([*first, *rest])] == list(range(8))


async def test_a_second_worker_in_one_home_has_an_inbox_of_its_own(office):
    alice = await office.connect("alice")
    first, first_box = await office.reader("bob")
    second, second_box = await office.reader("bob", spool="b2")
    await alice.send(first_box, SESSION, b"first")
    await alice.send(second_box, SESSION, b"second")

    assert await take(first, 1) == [b"first"]
    assert await take(second, 1) == [b"second"]
    assert alice.is_work_box(second_box, name_id("bob"), SESSION)


async def test_work_for_a_session_that_is_left_is_given_with_its_box(office):
    alice = await office.connect("alice")
    bob, _ = await office.reader()
    old = bob.work_box(name_id("left session"))
    await alice.send(old, name_id("left session"), b"late work")

    [delivery] = await receive(bob, 1)

    assert (delivery.box, delivery.frame) == (old, b"late work")


async def test_anothers_inbox_is_never_made(office):
    bob = await office.connect("bob")
    box = bob.result_box(name_id("alice"), OFFER, SESSION)
    await bob.open_box(box)

    with pytest.raises(Undeliverable):
        await bob.send(box, SESSION, b"result")
    assert names(office.root / "inbox") == []


@pytest.mark.parametrize("box", ["../x", "a.b/../../x", "a", "A.b/c", "a.b/c/d", "", "a.b/"])
async def test_a_name_that_is_no_box_never_becomes_a_path(office, box):
    bob = await office.connect("bob")

    for call in (
        bob.send(box, SESSION, b"x"),
        bob.open_box(box),
        bob.listen(box),
        bob.remove_box(box),
        bob.backlog(box),
    ):
        with pytest.raises(Undeliverable, match="no name of a box"):
            await call


async def test_the_employer_removes_its_inbox_with_all_in_it(office):
    alice = await office.connect("alice")
    box = alice.ask_box(name_id("alice"), OFFER)
    await alice.open_box(box)
    await alice.send(box, SESSION, b"left")
    (office.root / "inbox" / box / "tmp" / "litter").touch()

    await alice.remove_box(box)

    assert names(office.root / "inbox") == []


async def test_a_worker_removes_only_its_own_messages_from_an_employers_inbox(office):
    alice, bob = await office.connect("alice"), await office.connect("bob")
    carol = await office.connect("carol")
    ask_box = alice.ask_box(name_id("alice"), OFFER)
    await alice.open_box(ask_box)
    await bob.send(ask_box, SESSION, b"bob")
    kept = await carol.send(ask_box, SESSION, b"carol")

    await bob.remove_box(bob.result_box(name_id("alice"), OFFER, SESSION))

    assert names(office.root / "inbox" / ask_box / "new") == [kept]
