"""Files are whole or not there."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from jobman_agent.errors import StorageError
from jobman_agent.storage.files import explain, make_private_dir, remove, write_atomic

posix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX permissions")


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(b"old")

    write_atomic(path, b"new")

    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize("act", [remove, lambda path: write_atomic(path, b"new")])
def test_who_reads_a_file_for_a_moment_keeps_nobody_from_removing_or_replacing_it(tmp_path, act):
    path = tmp_path / "key"
    path.write_bytes(b"old")
    opened = path.open("rb")  # on Windows nobody may remove it until this is closed
    closing = threading.Timer(0.15, opened.close)
    closing.start()

    act(path)

    closing.join()
    assert not path.exists() or path.read_bytes() == b"new"


def test_a_file_that_is_not_there_is_removed(tmp_path):
    remove(tmp_path / "none")


@posix
def test_a_private_file_is_private(tmp_path):
    write_atomic(tmp_path / "key", b"secret", mode=0o600)

    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_when_the_rename_fails_the_old_file_stands_and_the_error_names_it(tmp_path):
    (tmp_path / "key").mkdir()

    with pytest.raises(StorageError, match=r"cannot write .*key"):
        write_atomic(tmp_path / "key", b"new")

    assert [p.name for p in tmp_path.iterdir()] == ["key"]


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(StorageError, match="No such file"):
        write_atomic(tmp_path / "not" / "key", b"new")


def test_a_full_disk_is_told_in_words(tmp_path):
    import errno

    assert "the disk is full" in explain(OSError(errno.ENOSPC, "x"), "write", tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_write_that_the_disk_refuses_leaves_no_temporary_file(tmp_path, monkeypatch):
    # /dev/full answers every write with ENOSPC, as a full disk does; only the name is redirected.
    real = os.open
    monkeypatch.setattr(os, "open", lambda *_a: real("/dev/full", os.O_WRONLY))

    with pytest.raises(StorageError, match="the disk is full"):
        write_atomic(tmp_path / "key", b"new")

    assert list(tmp_path.iterdir()) == []


@posix
def test_a_private_folder_is_made_or_made_private(tmp_path):
    loose = tmp_path / "home"
    loose.mkdir(mode=0o755)

    make_private_dir(loose)
    make_private_dir(tmp_path / "a" / "b")

    assert stat.S_IMODE(loose.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


@posix
def test_a_link_in_the_place_of_a_private_folder_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StorageError, match="no link"):
        make_private_dir(tmp_path / "home")


def test_of_many_that_write_at_once_one_is_first_and_all_read_the_same(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    from jobman_agent.storage.files import write_first

    with ThreadPoolExecutor(8) as threads:
        first = list(threads.map(lambda n: write_first(tmp_path / "key", b"%d" % n), range(40)))

    assert first.count(True) == 1
    assert (tmp_path / "key").read_bytes() == b"%d" % first.index(True)
    assert [p.name for p in tmp_path.iterdir()] == ["key"]
