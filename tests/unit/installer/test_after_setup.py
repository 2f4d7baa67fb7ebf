"""What the Windows setup is told: options that there are, and clear words about others."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

WINDOWS = Path(__file__).parents[3] / "installer" / "windows"


@pytest.fixture
def after_setup(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(WINDOWS)
    return importlib.import_module("after_setup")


def test_options_are_read_without_regard_to_case_and_the_folder_is_left_to_the_setup(after_setup):
    words = ["/S", "/pool=amqps://a/b", "/Hours=monday=all day", "/D=C:\\My", "Programs"]

    assert after_setup.parse(words) == {"pool": "amqps://a/b", "hours": "monday=all day"}


@pytest.mark.parametrize("word", ["/POLL=x", "/POOL", "POOL=x", "--pool=x", "more"])
def test_another_option_is_refused_with_those_that_there_are(after_setup, word):
    with pytest.raises(after_setup.Mistake, match=r"/S, /POOL=, /HOURS=, .*/AUTOSTART= and /D="):
        after_setup.parse([word])


@pytest.mark.parametrize("words", [["/AUTOSTART=perhaps"], ["/POOL"]])
def test_a_mistake_is_told_before_anything_is_touched(after_setup, words, capsys):
    assert after_setup.install(words) == after_setup.MISTAKE

    assert capsys.readouterr().out.startswith("/")


def test_a_file_that_was_cut_short_is_seen(after_setup, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(after_setup, "HERE", tmp_path)
    (tmp_path / "files.json").write_text('{"a": 3, "b/c": 1}')
    (tmp_path / "a").write_text("xx")

    assert after_setup.verify() == 1
    assert capsys.readouterr().out == "2 of 2 files are missing or cut short, as a\n"
