"""Where the pool's password is taken from, and where not."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from jobman_agent.cli.passwords import find_password
from jobman_agent.errors import InputError
from jobman_agent.settings.pool_url import parse_password

if TYPE_CHECKING:
    from pathlib import Path


def a_file(path: Path, mode: int, text: str = "secret\n") -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def owned_by(monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    """Let files seem to be of a user; the tests may not give files away."""

    def stat(path):
        return SimpleNamespace(st_mode=os.stat(path).st_mode, st_uid=uid)

    monkeypatch.setattr("pathlib.Path.stat", stat)


def test_a_file_may_be_named_from_the_users_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    a_file(tmp_path / "password", 0o600)

    assert find_password(parse_password("file:~/password"), None) == "secret"


@pytest.mark.parametrize(
    ("uid", "mode", "may"),
    [(1000, 0o600, True), (1000, 0o640, False), (0, 0o640, True), (0, 0o644, False)],
)
def test_nobody_else_may_read_the_file_but_a_group_that_root_gave_it_to(
    tmp_path, monkeypatch, uid, mode, may
):
    path = a_file(tmp_path / "password", mode)
    owned_by(monkeypatch, uid)

    if may:
        assert find_password(parse_password(f"file:{path}"), None) == "secret"
        return
    with pytest.raises(InputError, match="others can read it"):
        find_password(parse_password(f"file:{path}"), None)


def test_a_file_with_more_than_a_password_is_refused(tmp_path):
    path = a_file(tmp_path / "password", 0o600, "one\ntwo\n")

    with pytest.raises(InputError, match="must hold one line"):
        find_password(parse_password(f"file:{path}"), None)


def test_a_variable_that_is_not_set_is_named(monkeypatch):
    monkeypatch.setenv("A_PASSWORD", "secret")

    assert find_password(parse_password("env:A_PASSWORD"), None) == "secret"
    with pytest.raises(InputError, match="env:NO_PASSWORD: the variable is not set"):
        find_password(parse_password("env:NO_PASSWORD"), None)
