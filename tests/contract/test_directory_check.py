"""`jobman pool check` and `--clean`: what is fit to be a pool, and what nobody needs in it."""

from __future__ import annotations

import os
import re
import sys
import time
from collections import namedtuple
from datetime import timedelta

import pytest

from jobman_agent.clock import SystemClock
from jobman_agent.errors import PoolUnsuitable
from jobman_agent.pool import directory_check
from jobman_agent.pool.contract import Sender
from jobman_agent.pool.directory import DirectoryPool
from jobman_agent.pool.directory_check import Level, check, clean
from tests.contract.office import OFFER, SESSION, Office, names
from tests.contract.places import name_id

ME = Sender(name_id("me"), 1)
DAY = 86_400


@pytest.fixture
async def office(tmp_path):
    office = Office(tmp_path / "pool")
    yield office
    await office.close()


def _levels(findings):
    return {finding.what: finding.level for finding in findings}


async def test_a_good_folder_is_all_right_and_as_it_was_afterwards(office):
    await office.connect("alice")

    findings = await check(office.root, ME)

    assert set(_levels(findings).values()) == {Level.OK}
    assert set(_levels(findings)) == {
        "travel", "space", "case", "cloud", "mount", "modes", "people", "clock"
    }  # fmt: skip
    assert [p for p in office.root.rglob("*") if p.is_file()] == []
    assert names(office.root / "inbox") == []


async def test_a_new_pool_is_told_of(office):
    findings = await check(office.root, ME)

    assert findings[0].text == f"made a new pool in dir:{office.root}"


async def test_a_folder_that_is_not_there_is_a_finding(tmp_path):
    [finding] = await check(tmp_path / "not mounted" / "pool", ME)

    assert finding.level is Level.WRONG
    assert "is the share mounted" in finding.text


@pytest.mark.parametrize(
    ("folder", "service"),
    [
        ("OneDrive - Office Ltd", "OneDrive"),
        ("Dropbox", "Dropbox"),
        ("Google Drive", "Google Drive"),
        ("Nextcloud", "Nextcloud"),
        ("com~apple~CloudDocs", "iCloud"),
    ],
)
async def test_a_folder_of_a_cloud_service_is_refused(tmp_path, folder, service):
    (tmp_path / folder).mkdir()
    root = tmp_path / folder / "pool"

    with pytest.raises(PoolUnsuitable, match=f"lies in a folder of {service}"):
        await DirectoryPool(root, ME).connect()

    assert not root.exists()
    assert _levels(await check(root, ME)) == {"pool": Level.WRONG}


@pytest.mark.parametrize("mark", [".stfolder", ".sync_0a1b2c.db", ".dropbox.cache"])
async def test_a_folder_with_a_services_mark_is_refused(tmp_path, mark):
    (tmp_path / mark).touch()

    with pytest.raises(PoolUnsuitable, match="lies in a folder of"):
        await DirectoryPool(tmp_path / "pool", ME).connect()


async def test_a_service_that_came_after_the_pool_is_found_by_the_check(office, tmp_path):
    await office.connect("alice")
    (tmp_path / ".stfolder").touch()

    assert _levels(await check(office.root, ME))["cloud"] is Level.WRONG


async def test_little_space_and_a_risky_file_system_are_warned_about(office, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(directory_check.shutil, "disk_usage", lambda _: usage(10, 9, 10**8))
    monkeypatch.setattr(directory_check, "_file_system", lambda _: "fuse.sshfs")

    levels = _levels(await check(office.root, ME))

    assert levels["space"] is levels["mount"] is Level.WARNING


@pytest.mark.skipif(sys.platform != "linux", reason="the list of mounts of Linux")
def test_the_file_system_is_that_of_the_nearest_mount():
    from pathlib import Path

    assert directory_check._file_system(Path("/proc/self")) == "proc"


@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
async def test_folders_that_others_cannot_use_are_warned_about(office):
    await office.connect("alice")
    real = directory_check._modes
    (office.root / "blobs").chmod(0o755)

    finding = real(office.root)

    assert finding.level is Level.WARNING
    assert "blobs" in finding.text


@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
async def test_a_root_into_which_others_can_write_is_warned_about(office):
    await office.connect("alice")
    found = []
    for mode in (0o777, 0o1777, 0o2775, 0o2750, 0o755):
        office.root.chmod(mode)
        found.append(directory_check._modes(office.root).level)

    assert found == [Level.WARNING, Level.OK, Level.WARNING, Level.OK, Level.OK]


async def test_many_programs_are_told_of_rabbitmq(office, monkeypatch):
    monkeypatch.setattr(directory_check, "MANY_PCS", 1)
    await office.reader("bob")
    await office.reader("carol")

    assert _levels(await check(office.root, ME))["people"] is Level.WARNING


# ---- clean


def _age(path, days):
    then = time.time() - days * DAY
    for each in [*path.rglob("*"), path] if path.is_dir() else [path]:
        os.utime(each, (then, then))


async def test_cleaning_removes_what_nobody_has_touched_for_7_days(office, tmp_path):
    alice = await office.connect("alice")
    _, old_box = await office.reader("bob")
    _, new_box = await office.reader("carol")
    for box in (old_box, new_box):
        await alice.send(box, SESSION, b"unread")
    await alice.post(OFFER, 1, b"dead")
    await alice.post(name_id("alive"), 1, b"alive")
    (tmp_path / "source").write_bytes(b"blob")
    sha256 = "fa2c8cc4f28176bbeed4b736df569a34c79cd3723e9ec42f9674b4d46ac6b8b8"
    await alice.blobs.put(sha256, tmp_path / "source")
    offer = office.root / "jobman" / f"{name_id('alice')}.{OFFER}.0000000001"
    blob = office.root / "blobs" / sha256[:2] / sha256
    litter = office.root / "blobs" / "tmp" / office.message(session="blob")
    litter.touch()
    for path in (office.inbox("bob"), offer, blob, litter):
        _age(path, 8)
    _age(office.root / "jobman" / f"{name_id('alice')}.{name_id('alive')}.0000000001", 6)

    removed = await clean(office.root, ME)

    old = [office.inbox("bob"), offer, blob, litter]
    assert sorted(removed) == sorted(p.relative_to(office.root).as_posix() for p in old)
    assert not any(path.exists() for path in old)
    assert names(office.root / "inbox") == [f"{name_id('carol')}.0"]
    assert len(names(office.root / "jobman")) == 2  # the living offer, and tmp


async def test_an_old_inbox_with_a_fresh_message_stays(office):
    alice = await office.connect("alice")
    _, box = await office.reader("bob")
    _age(office.inbox("bob"), 8)
    await alice.send(box, SESSION, b"fresh")

    assert await clean(office.root, ME) == []


async def test_what_is_not_jobmans_is_not_cleaned(office):
    await office.connect("alice")
    for path in (office.root / "jobman" / "README.txt", office.root / "inbox" / "Old stuff"):
        path.touch()
        _age(path, 100)

    assert await clean(office.root, ME) == []


async def test_a_file_server_whose_clock_is_wrong_is_a_warning_with_the_difference(office):
    await office.connect("alice")

    class Fast(SystemClock):
        def now(self):
            return super().now() + timedelta(hours=2)

    findings = {finding.what: finding for finding in await check(office.root, ME, clock=Fast())}

    assert findings["clock"].level is Level.WARNING
    assert re.search(r"clock is 7[12]\d\d s behind this PC's", findings["clock"].text)
