"""A file is shown by the desktop's own opener, and not having one is said."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import pytest

from jobman_agent.errors import InputError
from jobman_agent.tray import open_file
from jobman_agent.tray.face import what_is_there

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="xdg-open is Linux's")


def test_the_desktop_is_asked_to_open_it_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    told = tmp_path / "told"
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho "$1" > {told}.part && mv {told}.part {told}\nsleep 5\n')
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    began = time.monotonic()

    open_file(tmp_path / "Grüße an alle.ini")

    assert time.monotonic() - began < 3
    while not told.exists():
        assert time.monotonic() - began < 10
        time.sleep(0.02)
    assert told.read_text() == f"{tmp_path}/Grüße an alle.ini\n"


def test_a_desktop_without_an_opener_is_told_with_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"xdg-open.*jobman\.ini"):
        open_file(tmp_path / "jobman.ini")


def test_where_there_is_no_ini_yet_its_folder_is_opened(tmp_path: Path):
    ini = tmp_path / "jobman" / "jobman.ini"
    assert what_is_there(ini) == tmp_path
    ini.parent.mkdir()
    assert what_is_there(ini) == ini.parent
    ini.touch()
    assert what_is_there(ini) == ini
