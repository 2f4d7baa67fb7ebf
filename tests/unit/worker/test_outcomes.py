"""What of a run travels with its result, and what stays here until it is asked for."""

from __future__ import annotations

import hashlib

import pytest

from jobman_agent.execution.orders import FileOut, Finished
from jobman_agent.model.messages import Outcome
from jobman_agent.storage.blobs import BlobStore
from jobman_agent.worker import outcomes
from jobman_agent.worker.session.actions import Start

START = Start("run", "s" * 16, "a1", 2, 1, 0, "key", True)


def a_file(path, content):
    return FileOut(path, len(content), hashlib.sha256(content).hexdigest(), content)


@pytest.fixture
def store(tmp_path):
    return BlobStore(tmp_path / "files")


def finished(*outputs, outcome=Outcome.DONE, **more):
    return Finished(run="run", outcome=outcome, outputs=outputs, seconds=2.5, **more)


async def test_small_files_and_the_log_travel_with_the_result(store):
    event = await outcomes.run_ended(
        finished(a_file("r.out", b"42"), log=b"hello"), START, "3.11", store
    )

    result = event.result
    assert (result.package, result.attempt, result.version) == ("a1", 2, "3.11")
    assert event.contents[result.files[0].sha256] == b"42"
    assert event.contents[result.log.sha256] == b"hello"
    assert store.names() == []


async def test_what_is_too_much_for_one_message_stays_in_the_store(store):
    outputs = [a_file(f"{n}.out", bytes([n]) * 60_000) for n in range(5)]
    event = await outcomes.run_ended(finished(*outputs), START, "", store)

    assert sum(map(len, event.contents.values())) <= outcomes.ATTACHED_MOST
    assert len(event.result.files) == 5
    here = set(event.contents) | set(store.names())
    assert here == {o.sha256 for o in outputs}
    assert len(store.names()) == 2


async def test_a_large_output_comes_into_the_store_under_its_name(store, tmp_path):
    kept = tmp_path / "kept"
    kept.write_bytes(b"large")
    sha256 = hashlib.sha256(b"large").hexdigest()
    event = await outcomes.run_ended(
        finished(FileOut("r.out", 5, sha256, kept=str(kept))), START, "", store
    )

    assert store.names() == [sha256]
    assert not kept.exists()
    assert event.result.files[0].sha256 == sha256


async def test_the_files_of_a_stopped_run_are_its_checkpoint(store):
    event = await outcomes.run_ended(
        finished(a_file("a.rst", b"half"), outcome=Outcome.HANDED_BACK), START, "", store
    )

    assert [f.path for f in event.result.checkpoint] == ["a.rst"]
    assert event.result.files == ()


@pytest.mark.parametrize(
    "outputs",
    [
        [a_file(f"{n}.out", b"") for n in range(outcomes.NAMED_MOST + 1)],
        [a_file("a" * 300, b"")],
        [a_file("a:b", b"")],
        [a_file(f"{n:04}" + "\u00e4" * 200, b"") for n in range(700)],
    ],
    ids=["too many", "too long", "no name everywhere", "too much of names"],
)
async def test_outputs_that_cannot_travel_fail_the_package_with_the_reason(store, outputs):
    event = await outcomes.run_ended(finished(*outputs), START, "", store)

    assert event.result.outcome is Outcome.FAILED
    assert "it left" in event.result.why
    assert event.result.files == ()
