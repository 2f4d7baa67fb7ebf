"""Large files arrive whole and right, whatever happens to the chunks."""

from __future__ import annotations

import hashlib
import random

import pytest

from jobman_agent.errors import StorageError
from jobman_agent.model.messages import Attachment, Chunk, Need, Wanted
from jobman_agent.model.names import short_id
from jobman_agent.model.wire import MAX_CHUNK, MAX_UNACKED
from jobman_agent.pool.transfer import (
    ASK_AGAIN_S,
    MOST_WRONG,
    Transfer,
    chunks,
    fetch_blob,
    give_blobs,
)
from jobman_agent.storage.blobs import BlobStore

TIME = "2026-11-24T09:30:00Z"
OFFER = short_id(b"offer")
ALICE, BOB = short_id(b"with alice"), short_id(b"with bob")


class Side:
    """The other side of a session: it has files, and answers needs."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def keep(self, data):
        sha256 = hashlib.sha256(data).hexdigest()
        (self.folder / sha256).write_bytes(data)
        return sha256

    def find(self, sha256):
        path = self.folder / sha256
        return path if path.exists() else None

    def answer(self, wanted, session=ALICE):
        need = Need(time=TIME, offer=OFFER, session=session, start=1, count=1, files=tuple(wanted))
        for piece in chunks(need, self.find):
            yield as_chunk(piece.sha256, piece.offset, piece.total, piece.content, session)


def as_chunk(sha256, offset, total, content, session=ALICE):
    attachment = Attachment(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    message = Chunk(
        time=TIME,
        offer=OFFER,
        session=session,
        sha256=sha256,
        offset=offset,
        total=total,
        attachments=(attachment,),
    )
    return message, content


def run(transfer, side, outcome, session=ALICE, spoil=lambda sent: sent):
    """Answer needs until there is none; all that came, the number of needs, what failed."""
    came, needs, failed = [], 0, {}
    wanted = outcome.needs.get(session)
    while wanted:
        needs += 1
        assert needs < 20
        sent, wanted = spoil(list(side.answer(wanted, session))), None
        for message, content in sent:
            outcome = transfer.on_chunk(session, message, content, now=0.0)
            came += outcome.came.get(session, [])
            failed |= outcome.failed.get(session, {})
            wanted = outcome.needs.get(session, wanted)
    return came, needs, failed


@pytest.fixture
def store(tmp_path):
    return BlobStore(tmp_path / "store")


@pytest.fixture
def side(tmp_path):
    return Side(tmp_path / "side")


def noise(count, seed=1):
    return random.Random(seed).randbytes(count)


def test_files_arrive_and_what_is_here_already_does_not_travel(store, side):
    large, small, here = noise(2_500_000), noise(70_000, 2), noise(10, 3)
    transfer = Transfer(store)
    store.add_bytes(here)
    files = {side.keep(data): len(data) for data in (large, small, here)}

    outcome = transfer.want(ALICE, files, now=0.0)

    assert outcome.came == {ALICE: [hashlib.sha256(here).hexdigest()]}
    came, needs, failed = run(transfer, side, outcome)
    assert (sorted(came), needs, failed) == (sorted(set(files) - set(outcome.came[ALICE])), 1, {})
    for data in (large, small):
        assert store.path(hashlib.sha256(data).hexdigest()).read_bytes() == data


def test_one_need_brings_at_most_16_mib_in_pieces_of_at_most_1_mb(store, side):
    data = noise(MAX_UNACKED + 3_000_000)
    sha256 = side.keep(data)
    transfer = Transfer(store)
    outcome = transfer.want(ALICE, {sha256: len(data)}, now=0.0)

    pieces = list(side.answer(outcome.needs[ALICE]))

    assert sum(len(content) for _, content in pieces) == MAX_UNACKED
    assert max(len(content) for _, content in pieces) == MAX_CHUNK
    assert run(transfer, side, outcome) == ([sha256], 2, {})
    assert store.path(sha256).read_bytes() == data


def test_many_files_share_the_16_mib_of_a_need(store, side):
    files = {side.keep(noise(5_000_000, seed)): 5_000_000 for seed in range(5)}
    transfer = Transfer(store)

    came, needs, _ = run(transfer, side, transfer.want(ALICE, files, now=0.0))

    assert (sorted(came), needs) == (sorted(files), 2)


def test_an_empty_file_needs_no_chunk(store):
    empty = hashlib.sha256().hexdigest()

    outcome = Transfer(store).want(ALICE, {empty: 0, "0" * 64: 0}, now=0.0)

    assert outcome.came == {ALICE: [empty]}
    assert list(outcome.failed[ALICE]) == ["0" * 64]
    assert outcome.needs == {}


def test_chunks_twice_and_in_any_order_make_the_same_file(store, side):
    data = noise(6_500_000)
    sha256 = side.keep(data)
    transfer = Transfer(store)
    shuffled = random.Random(7)

    def shuffle(sent):
        mixed = sent + sent[:3]
        shuffled.shuffle(mixed)
        return mixed

    came, _, _ = run(transfer, side, transfer.want(ALICE, {sha256: len(data)}, 0.0), spoil=shuffle)

    assert came == [sha256]
    assert store.path(sha256).read_bytes() == data


def test_a_hole_is_asked_for_at_once_when_the_last_chunk_has_come(store, side):
    data = noise(5_500_000)
    sha256 = side.keep(data)
    transfer = Transfer(store)
    outcome = transfer.want(ALICE, {sha256: len(data)}, now=0.0)
    sent = list(side.answer(outcome.needs[ALICE]))
    del sent[2]

    for message, content in sent:
        outcome = transfer.on_chunk(ALICE, message, content, now=0.0)

    assert outcome.needs == {ALICE: [Wanted(sha256=sha256, first=2 * MAX_CHUNK)]}
    assert run(transfer, side, outcome) == ([sha256], 1, {})


def test_it_goes_on_at_the_first_missing_byte_after_a_restart(store, side):
    data = noise(4_200_000)
    sha256 = side.keep(data)
    transfer = Transfer(store)
    first, *_ = side.answer(transfer.want(ALICE, {sha256: len(data)}, now=0.0).needs[ALICE])
    transfer.on_chunk(ALICE, *first, now=0.0)

    outcome = Transfer(BlobStore(store.folder)).want(ALICE, {sha256: len(data)}, now=0.0)

    assert outcome.needs == {ALICE: [Wanted(sha256=sha256, first=MAX_CHUNK)]}


def test_a_file_whose_last_byte_came_just_before_a_crash_is_completed(store):
    data = noise(70_000)
    sha256 = hashlib.sha256(data).hexdigest()
    store.append(sha256, 0, data)

    assert Transfer(store).want(ALICE, {sha256: len(data)}, now=0.0).came == {ALICE: [sha256]}


def test_a_damaged_file_is_asked_for_anew_from_the_start(store, side):
    data = noise(2_500_000)
    sha256 = side.keep(data)
    transfer = Transfer(store)
    spoiled = []

    def flip_once(sent):
        if not spoiled:
            spoiled.append(True)
            message, content = sent[1]
            sent[1] = (message, bytes([content[0] ^ 1]) + content[1:])
        return sent

    came, needs, failed = run(
        transfer, side, transfer.want(ALICE, {sha256: len(data)}, 0.0), spoil=flip_once
    )

    assert (came, needs, failed) == ([sha256], 2, {})
    assert store.path(sha256).read_bytes() == data


def test_a_file_that_stays_wrong_fails_and_the_others_come(store, side):
    good, bad = noise(2_000_000), hashlib.sha256(b"what was promised").hexdigest()
    sha256 = side.keep(good)
    (side.folder / bad).write_bytes(noise(1_500_000, 9))
    transfer = Transfer(store)
    outcome = transfer.want(ALICE, {bad: 1_500_000, sha256: len(good)}, now=0.0)

    came, needs, failed = run(transfer, side, outcome)

    assert came == [sha256]
    assert list(failed) == [bad]
    assert "damaged" in failed[bad]
    assert needs == MOST_WRONG
    assert store.names() == [sha256]


def test_a_file_of_another_size_than_promised_fails_at_once(store, side):
    sha256 = side.keep(noise(100_000))
    transfer = Transfer(store)

    _, needs, failed = run(transfer, side, transfer.want(ALICE, {sha256: 99_999}, now=0.0))

    assert needs == 1
    assert "100000 bytes" in failed[sha256]


def test_two_sessions_that_want_a_file_fetch_it_once(store, side):
    data = noise(1_200_000)
    sha256 = side.keep(data)
    transfer = Transfer(store)
    outcome = transfer.want(ALICE, {sha256: len(data)}, now=0.0)
    second = transfer.want(BOB, {sha256: len(data)}, now=0.0)

    for message, content in side.answer(outcome.needs[ALICE]):
        outcome = transfer.on_chunk(ALICE, message, content, now=0.0)

    assert second.needs == {}
    assert outcome.came == {ALICE: [sha256], BOB: [sha256]}


def test_when_the_asked_session_ends_the_other_is_asked_for_the_rest(store, side):
    data = noise(3_000_000)
    sha256 = side.keep(data)
    transfer = Transfer(store)
    outcome = transfer.want(ALICE, {sha256: len(data)}, now=0.0)
    transfer.want(BOB, {sha256: len(data)}, now=0.0)
    first, *_ = side.answer(outcome.needs[ALICE])
    transfer.on_chunk(ALICE, *first, now=0.0)

    outcome = transfer.drop(ALICE, now=1.0)

    assert outcome.needs == {BOB: [Wanted(sha256=sha256, first=MAX_CHUNK)]}
    assert run(transfer, side, outcome, BOB) == ([sha256], 1, {})


def test_wrong_bytes_from_one_employer_do_not_keep_a_file_from_another(store, side, tmp_path):
    data = noise(1_500_000)
    sha256 = side.keep(data)
    mallory = Side(tmp_path / "mallory")
    (mallory.folder / sha256).write_bytes(noise(len(data), 5))
    transfer = Transfer(store)
    outcome = transfer.want(ALICE, {sha256: len(data)}, now=0.0)
    transfer.want(BOB, {sha256: len(data)}, now=0.0)

    handed_over = None
    for _ in range(MOST_WRONG):
        for message, content in mallory.answer(outcome.needs[ALICE]):
            outcome = transfer.on_chunk(ALICE, message, content, now=0.0)
            handed_over = outcome
    late, *_ = mallory.answer([Wanted(sha256=sha256)])
    transfer.on_chunk(ALICE, *late, now=0.0)

    assert list(handed_over.failed[ALICE]) == [sha256]
    assert run(transfer, side, handed_over, BOB) == ([sha256], 1, {})
    assert store.path(sha256).read_bytes() == data


def test_silence_is_asked_about_less_and_less_often_and_never_fails(store, side):
    sha256 = side.keep(noise(100_000))
    transfer = Transfer(store)
    transfer.want(ALICE, {sha256: 100_000}, now=0.0)
    asked = []

    for now in range(0, 8000, 10):
        outcome = transfer.again(float(now))
        if outcome.needs:
            asked.append(now)
        assert not outcome.failed

    assert asked[:5] == [60, 180, 420, 900, 1860]
    assert asked[0] == ASK_AGAIN_S


def test_a_silent_session_gives_way_to_another_that_wants_the_same(store, side):
    sha256 = side.keep(noise(100_000))
    transfer = Transfer(store)
    transfer.want(ALICE, {sha256: 100_000}, now=0.0)
    transfer.want(BOB, {sha256: 100_000}, now=0.0)

    outcome = transfer.again(ASK_AGAIN_S)

    assert run(transfer, side, outcome, BOB) == ([sha256], 1, {})


def test_after_a_reconnect_all_that_is_missing_is_asked_for(store, side):
    sha256 = side.keep(noise(100_000))
    transfer = Transfer(store)
    transfer.want(ALICE, {sha256: 100_000}, now=0.0)

    outcome = transfer.resume(now=1.0)

    assert outcome.needs == {ALICE: [Wanted(sha256=sha256)]}


def test_what_nobody_asked_for_is_dropped(store, side):
    sha256 = side.keep(noise(100_000))
    transfer = Transfer(store)
    for message, content in side.answer([Wanted(sha256=sha256)]):
        outcome = transfer.on_chunk(ALICE, message, content, now=0.0)

    assert (outcome.came, outcome.needs) == ({}, {})
    assert store.partial_size(sha256) == 0


def test_a_giver_passes_over_what_it_has_not_and_says_what_it_cannot_read(side):
    sha256 = side.keep(noise(100))
    missing = Wanted(sha256="0" * 64)

    found = [message.sha256 for message, _ in side.answer([missing, Wanted(sha256=sha256)])]

    assert found == [sha256]
    assert list(side.answer([Wanted(sha256=sha256, first=100)])) == []
    need = Need(time=TIME, offer=OFFER, session=ALICE, start=1, count=1, files=(missing,))
    with pytest.raises(StorageError):
        list(chunks(need, lambda _: side.folder))


class Folder:
    """The `blobs/` of a pool as far as these functions see it."""

    def __init__(self):
        self.files = {}

    async def put(self, sha256, source, *, again=False):
        self.files[sha256] = (source.read_bytes(), again)

    async def get(self, sha256, size, target):
        if sha256 not in self.files:
            return False
        target.write_bytes(self.files[sha256][0])
        return True


async def test_in_a_directory_a_file_comes_by_its_hash(store, side):
    blobs = Folder()
    sha256 = side.keep(noise(100_000))

    assert not await fetch_blob(blobs, store, sha256, 100_000)
    await give_blobs(blobs, {sha256: side.find(sha256)}, again=True)
    assert await fetch_blob(blobs, store, sha256, 100_000)

    assert blobs.files[sha256][1]
    assert store.path(sha256).read_bytes() == noise(100_000)
    assert [p.name for p in store.folder.iterdir()] == [sha256]
    blobs.files.clear()
    assert await fetch_blob(blobs, store, sha256, 100_000)
