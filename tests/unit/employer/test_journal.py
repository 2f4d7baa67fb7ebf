"""The journal gives back exactly what was saved, and a core built from it goes on alike."""

from __future__ import annotations

import os

import pytest

from jobman_agent.employer.journal.identity import ID_FILE, identify
from jobman_agent.employer.journal.journal import Holder, Journal, Kept
from jobman_agent.employer.session.records import (
    JobRow,
    Judgement,
    KeyRow,
    LeaseEnd,
    LeaseRow,
    LeaseState,
    PackageEnd,
    PackageRow,
    SessionRow,
)
from jobman_agent.errors import AlreadyRunning, InputError
from jobman_agent.model.messages import File, HeldState, Outcome
from tests.unit.employer.desk import Desk, handed

ME = Holder(pid=os.getpid(), host="pc7", since="2026-11-24T09:30:00Z")
R = HeldState.RUNNING


@pytest.fixture
def journal(tmp_path):
    journal = Journal.open(tmp_path / "jobs" / "x", ME)
    yield journal
    journal.close()


ROWS = (
    JobRow(2, 5, ended=True),
    PackageRow(
        "a", 3, PackageEnd.FAILED, 1, 2, 3, 4, ((1, "k"),), ("k", "l"), 1.5, "s", "w", 2,
        (File("p", 3, "0" * 64),), 1,
    ),
    LeaseRow(
        "a", 1, "k", "s", 1.0, 2.0, LeaseState.RUNNING, LeaseEnd.LAPSED, True, True, "done", 3.0,
        1.0, Judgement.WRONG, "y",
    ),
    SessionRow("s", "k", "w", "a", "b", 3, 1.0, 2.0, True, False, True, 4, 5),
    KeyRow("k", 1.0, True, 1, 2, "no"),
)  # fmt: skip


async def test_every_field_of_every_row_comes_back(journal):
    await journal.save(ROWS)

    found = journal.load()

    assert (found.job, *found.packages, *found.leases, *found.sessions, *found.keys) == ROWS


async def test_a_changed_row_replaces_the_old_one(journal):
    await journal.save([PackageRow("a")])
    await journal.save([PackageRow("a", attempt=2)])

    assert journal.load().packages == (PackageRow("a", attempt=2),)


async def test_the_signed_message_of_a_result_is_found_by_package_and_attempt(journal):
    await journal.save([], [Kept(b"one", (("a", 1), ("b", 1)))])
    await journal.save([], [Kept(b"two", (("a", 1), ("c", 1)))])

    assert await journal.frame_with("a", 1) == b"one"
    assert await journal.frame_with("c", 1) == b"two"
    assert await journal.frame_with("c", 2) is None


async def test_packages_that_begin_anew_forget_all_but_the_number_of_their_attempt(journal):
    await journal.save([*ROWS, PackageRow("b")], (), {"a": "print", "b": "print"})

    journal.open_again(["a"])

    assert journal.load().packages == (PackageRow("a", attempt=3, since=3), PackageRow("b"))
    assert journal.fingerprints() == {"b": "print"}


def test_a_second_one_on_the_same_job_is_told_who_has_it(journal, tmp_path):
    with pytest.raises(AlreadyRunning, match=f"pid {os.getpid()} on pc7, since 2026"):
        Journal.open(tmp_path / "jobs" / "x", ME)


def test_a_closed_journal_can_be_opened_again(tmp_path):
    Journal.open(tmp_path / "x", ME).close()
    Journal.open(tmp_path / "x", ME).close()


async def test_a_core_from_the_journal_knows_what_the_old_one_knew(journal):
    desk = Desk(test=False)
    desk.ask("w1", slots=2)
    desk.beat("w1", ("a1", 1, R), ("a2", 1, R), slots=2)
    desk.result("a1")
    desk.judge("a1", 1, Judgement.WRONG)
    desk.result("a2", outcome=Outcome.LOST)
    await journal.save(list(desk.kept.values()))

    desk.kept.clear()
    found = journal.load()
    for row in (found.job, *found.packages, *found.leases, *found.sessions, *found.keys):
        desk._save((row,))
    before = desk.core.state
    desk.start()
    after = desk.core.state

    assert set(after.packages) == set(before.packages)
    for name, package in before.packages.items():
        assert after.packages[name].row == package.row
        assert after.packages[name].open.keys() == package.open.keys()
        assert (name in after.waiting) == (name in before.waiting)
    assert after.open_leases == before.open_leases
    assert after.keys == before.keys
    assert after.job.start == before.job.start + 1


async def test_results_of_packages_that_begin_anew_do_not_count(journal):
    desk = Desk()
    desk.ask("w1")
    await journal.save(list(desk.kept.values()))
    journal.open_again(["a1"])
    for row in journal.load().packages:
        desk._save((row,))
    desk.start()

    desk.result("a1", 1)

    assert desk.package("a1").state is PackageEnd.OPEN
    assert desk.lease("a1", 1).judgement is Judgement.DROPPED
    assert ("a1", 2) in handed(desk.done)


# ---------------------------------------------------------------- which job is this folder?


@pytest.fixture
def places(tmp_path):
    folder = tmp_path / "bridge"
    folder.mkdir()
    return tmp_path / "home" / "jobs", folder


def test_a_job_keeps_its_offer(places):
    jobs, folder = places
    first = identify(jobs, folder)

    assert identify(jobs, folder) == first
    assert (folder / ID_FILE).read_text("ascii").strip() == first.offer


def test_a_copy_is_a_job_of_its_own(places, tmp_path):
    jobs, folder = places
    first = identify(jobs, folder)
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / ID_FILE).write_bytes((folder / ID_FILE).read_bytes())

    second = identify(jobs, copy)

    assert second.offer != first.offer
    assert "copy of" in second.note
    assert identify(jobs, folder).offer == first.offer
    assert identify(jobs, copy).note == ""


def test_a_moved_folder_goes_on(places, tmp_path):
    jobs, folder = places
    first = identify(jobs, folder)
    folder.rename(tmp_path / "moved")

    second = identify(jobs, tmp_path / "moved")

    assert second.offer == first.offer
    assert identify(jobs, tmp_path / "moved").note == ""


def test_a_folder_whose_journal_is_elsewhere_begins_as_a_new_job(places, tmp_path):
    jobs, folder = places
    first = identify(jobs, folder)

    second = identify(tmp_path / "other" / "jobs", folder)

    assert second.offer != first.offer
    assert "new job" in second.note


def test_a_folder_that_is_not_there_is_said(places, tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        identify(places[0], tmp_path / "nowhere")
