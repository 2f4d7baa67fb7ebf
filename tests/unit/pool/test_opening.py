"""A pool's URL becomes a pool, or one clear error."""

from __future__ import annotations

import subprocess
import sys

import pytest

from jobman_agent.errors import InputError
from jobman_agent.pool.contract import Sender
from jobman_agent.pool.opening import (
    BrokerAddress,
    DirectoryAddress,
    make_pool,
    parse_pool_url,
)

SENDER = Sender("a" * 16, 1)
posix = pytest.mark.skipif(sys.platform == "win32", reason="paths of POSIX")


def test_a_folder_may_be_whole_relative_or_at_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))

    for text in (f"dir:{tmp_path / 'pool'}", "dir:pool", "DIR: ~/pool", f" dir:{tmp_path}/pool/ "):
        assert parse_pool_url(text) == DirectoryAddress(tmp_path / "pool")


def test_a_folder_becomes_a_directory_pool(tmp_path):
    pool = make_pool(parse_pool_url(f"dir:{tmp_path}"), SENDER)

    assert type(pool).__name__ == "DirectoryPool"


@pytest.mark.parametrize(
    "url",
    [
        "amqps://rabbit.office",
        "amqps://rabbit.office:5671/jobman",
        "amqps://user@rabbit.office/a%2Fb",
        "amqp://localhost/",
        "amqp://user:secret@127.0.0.1:5672/jobman",
        "amqp://u%40office:p%2Fw@[::1]:5672/%2F",
    ],
)
def test_urls_of_a_broker(url):
    address = parse_pool_url(url)

    assert address == BrokerAddress(url)
    assert type(make_pool(address, SENDER)).__name__ == "AmqpPool"


def test_an_address_is_shown_without_its_password():
    address = parse_pool_url("amqp://user:hunter2@127.0.0.1:5672/jobman")

    assert str(address) == "amqp://127.0.0.1:5672/jobman"
    assert "hunter2" not in repr(address)


@posix
@pytest.mark.parametrize(
    ("text", "right"),
    [
        (r"dir:\\server\share", "dir:/mnt/jobman"),
        ("dir://server/share", "dir:/mnt/jobman"),
        (r"dir:C:\pool", "dir:/mnt/jobman"),
        ("/srv/pool", "write dir:/srv/pool"),
        ("./pool", r"write dir:\./pool"),
        (r"\\server\share", "named as dir:PATH"),
        (r"C:\pool", "named as dir:PATH"),
        ("file:///srv/pool", "dir:/srv/jobman"),
    ],
)
def test_a_folder_that_is_written_otherwise_is_answered_with_what_is_right(text, right):
    with pytest.raises(InputError, match=right):
        parse_pool_url(text)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("", "write for example"),
        ("dir:", "write for example"),
        ("rabbit.office", "write for example"),
        ("https://rabbit.office", "write for example"),
        ("amqps:///vhost", "write for example"),
        ("amqps://rabbit.office/a/b", "%2F: amqps://rabbit.office/a%2Fb"),
        ("amqps://rabbit.office/100%", "%25"),
        ("amqps://rabbit.office:12345678/", "Port out of range"),
        ("amqps://[::1/x", "no URL"),
        ("amqp://rabbit.office/jobman", "amqps://, or insecure = yes"),
        ("amqp://10.0.0.1/jobman", "plain text"),
        ("amqps://me:hunter2@rabbit.office/x", "password = keyring"),
    ],
)
def test_a_wrong_url_is_one_clear_error_and_shows_no_password(text, right):
    with pytest.raises(InputError, match=right) as caught:
        parse_pool_url(text)

    assert "hunter2" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_plain_amqp_to_another_pc_can_be_allowed():
    assert parse_pool_url("amqp://rabbit.office/x", insecure=True)


def test_a_pool_in_a_folder_imports_nothing_of_rabbitmq(tmp_path):
    code = (
        "import sys; from jobman_agent.pool.opening import *; "
        "from jobman_agent.pool.contract import Sender; "
        f"make_pool(parse_pool_url('dir:{tmp_path.as_posix()}'), Sender('a', 1)); "
        "sys.exit('aio_pika' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
