"""A pool's URL is judged before anybody connects, and no password is ever repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobman_agent.settings.pool_url import (
    PasswordSource,
    absolute_pool_url,
    is_loopback,
    needs_insecure,
    parse_password,
    parse_pool_url,
)


@pytest.mark.parametrize(
    "url",
    [
        "amqps://rabbit.office/jobman",
        "amqp://127.0.0.1:5673/jobman",
        "amqp://user:secret@localhost/jobman",
        "amqp://user:secret@[::1]:5672/",
        "amqps://user@rabbit.office",
    ],
)
def test_urls_of_brokers(url):
    assert parse_pool_url(url) == url


def test_urls_of_folders(tmp_path):
    assert parse_pool_url(f"dir:{tmp_path}") == f"dir:{tmp_path}"
    assert parse_pool_url(f"DIR: {tmp_path}/a/") == f"dir:{tmp_path / 'a'}"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("rabbit.office", "is no URL of a pool: write for example amqps://"),
        ("http://rabbit.office/", "is no URL of a pool"),
        ("amqps://", "is no URL of a pool"),
        ("amqps:///jobman", "is no URL of a pool"),
        ("amqps://rabbit.office:port/", "is no URL"),
        ("amqps://rabbit.office:99999/", "is no URL"),
        ("amqps://[::1/", "is no URL"),
        ("amqps://rabbit.office/jobman?heartbeat=1", r"no \?"),
        ("dir:", "no whole path"),
        ("dir:pool", "no whole path"),
        ("amqps://u:hunter2@rabbit.office/", "for this PC itself only.*keyring"),
    ],
)
def test_mistakes_in_urls(url, why):
    with pytest.raises(ValueError, match=why) as caught:
        parse_pool_url(url)

    assert "hunter2" not in str(caught.value)


def test_a_password_in_a_wrong_url_is_not_shown():
    for url in ("http://u:hunter2@rabbit.office/", "amqps://u:hunter2@rabbit.office:x/"):
        with pytest.raises(ValueError, match="URL") as caught:
            parse_pool_url(url)
        assert "hunter2" not in str(caught.value)


def test_plain_text_beyond_this_pc_needs_insecure():
    assert needs_insecure("amqp://rabbit.office/jobman")
    assert not needs_insecure("amqp://127.0.0.1/jobman")
    assert not needs_insecure("amqps://rabbit.office/jobman")
    assert not needs_insecure("dir:/srv/jobman")
    assert is_loopback("127.8.8.8")
    assert not is_loopback("128.0.0.1")


def test_passwords_stand_elsewhere_and_are_not_repeated():
    assert parse_password("keyring") == PasswordSource("keyring")
    assert parse_password("file:C:\\secret") == PasswordSource("file", "C:\\secret")
    assert parse_password("env:RABBIT") == PasswordSource("env", "RABBIT")
    for text in ("hunter2", "file:", "hunter:2"):
        with pytest.raises(ValueError, match="write keyring, file:PATH") as caught:
            parse_password(text)
        assert "hunter" not in str(caught.value)


def test_in_a_shell_a_folder_may_be_relative(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    assert absolute_pool_url("dir:pool") == f"dir:{tmp_path / 'pool'}"
    assert absolute_pool_url("dir:") == "dir:"
    assert absolute_pool_url("amqps://a/b") == "amqps://a/b"
    assert Path(absolute_pool_url("dir:~/x")[4:]) == Path("~/x").expanduser()
