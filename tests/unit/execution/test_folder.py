"""The folder that packages fill."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from jobman_agent.errors import PackageRefused
from jobman_agent.execution import Folder, remove_tree
from jobman_agent.execution.orders import FileIn
from jobman_agent.execution.unpack import MOST_FILES, check_names, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

posix = pytest.mark.skipif(sys.platform == "win32", reason="links and modes")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    with Folder(str(tmp_path / "w")) as folder:
        yield folder


@posix
def test_nothing_is_written_through_a_link(folder: Folder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "w" / "sub").symlink_to(outside)
    (tmp_path / "w" / "file").symlink_to(outside / "file")

    with pytest.raises(OSError, match="sub"):
        folder.write("sub/file", b"x")
    with pytest.raises(FileExistsError):
        folder.write("file", b"x")

    assert list(outside.iterdir()) == []


@posix
def test_nothing_is_read_through_a_link(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x", encoding="utf-8")
    (tmp_path / "w" / "file").symlink_to(tmp_path / "secret")
    (tmp_path / "w" / "sub").symlink_to(tmp_path)

    for path in ("file", "sub/secret"):
        with pytest.raises(OSError, match=r"file|sub"), folder.open(path):
            pass
    assert [path for path, regular in folder.files(lambda _: True) if regular] == []


@posix
def test_emptying_removes_links_and_never_what_they_lead_to(folder: Folder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x", encoding="utf-8")
    (tmp_path / "w" / "sub").symlink_to(outside)

    folder.empty()

    assert list((tmp_path / "w").iterdir()) == []
    assert (outside / "file").exists()


@posix
def test_a_folder_that_was_replaced_or_changed_is_not_sound(folder: Folder, tmp_path: Path) -> None:
    assert folder.is_sound()
    (tmp_path / "w").chmod(0o755)
    assert not folder.is_sound()
    (tmp_path / "w").chmod(0o700)
    assert folder.is_sound()
    (tmp_path / "w").rename(tmp_path / "x")
    (tmp_path / "w").mkdir(0o700)
    assert not folder.is_sound()


def test_a_deep_folder_is_removed(folder: Folder, tmp_path: Path) -> None:
    for i in range(20):
        folder.write("/".join(["1"] * (i + 1)) + "/file", b"x")
        folder.write("/".join(["2"] * (i + 1)) + "/file", b"x")

    folder.empty()
    assert list((tmp_path / "w").iterdir()) == []

    folder.write("a/b", b"x")
    remove_tree(folder.path)
    assert not (tmp_path / "w").exists()


def test_the_size_of_a_folder_is_what_it_takes_on_the_disk(folder: Folder) -> None:
    folder.write("a", b"x" * 100_000)
    folder.write("b/c", b"x" * 100_000)

    assert 200_000 <= folder.size(10**9) < 400_000
    assert folder.size(1) > 1


def test_looking_at_the_size_does_not_disturb_whoever_works_in_the_folder(
    folder: Folder, tmp_path: Path
) -> None:
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            folder.size(10**9)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(500):
            for name in ("a", "b", "c"):
                folder.write(name, b"x")
            assert sorted(path for path, _ in folder.files(lambda _: True)) == ["a", "b", "c"]
            folder.empty()
    finally:
        ended.set()
        looking.join()

    assert list((tmp_path / "w").iterdir()) == []


@posix
def test_a_file_on_another_disk_or_with_a_second_name_is_copied_out(
    folder: Folder, tmp_path: Path
) -> None:
    folder.write("a", b"content")
    os.link(tmp_path / "w" / "a", tmp_path / "twin")
    with folder.open("a") as fd:
        folder.move_out("a", fd, str(tmp_path / "kept"))

    (tmp_path / "twin").write_bytes(b"changed")

    assert (tmp_path / "kept").read_bytes() == b"content"


def test_too_many_files_are_refused() -> None:
    with pytest.raises(PackageRefused, match="10001 files"):
        check_names([str(i) for i in range(MOST_FILES + 1)])


def test_two_names_that_are_one_on_some_systems_are_named(folder: Folder) -> None:
    with pytest.raises(PackageRefused, match=r"'a/Mesh' and 'A/mesh'"):
        unpack(folder, [FileIn("a/Mesh", b""), FileIn("A/mesh", b"")])


@posix
def test_only_a_file_that_is_meant_to_be_run_can_be_run(folder: Folder, tmp_path: Path) -> None:
    unpack(folder, [FileIn("tool", b"", executable=True), FileIn("data", b"")])

    assert (tmp_path / "w" / "tool").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "w" / "data").stat().st_mode & 0o777 == 0o600
