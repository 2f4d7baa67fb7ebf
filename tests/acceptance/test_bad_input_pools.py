"""Pools that are wrong, refuse, or are not there yet: what people are told."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from jobman_agent.errors import ExitCode
from tests.acceptance.office import Office, results, write_job

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def office(tmp_path) -> Iterator[Office]:
    office = Office(tmp_path, f"dir:{tmp_path / 'pool'}")
    write_job(tmp_path / "job", {"a": "well"}, "import time; time.sleep(0.2)")
    with office.stack:
        yield office


def with_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}").geturl()


@contextmanager
def door(port: int, url: str) -> Iterator[None]:
    """A port that leads to the broker of a URL, as long as this lasts."""
    server = socket.create_server(("127.0.0.1", port))
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def begin(*words: object) -> None:
        threads.append(threading.Thread(target=pump, args=words))
        threads[-1].start()

    def accept() -> None:
        parts = urlsplit(url)
        with suppress(OSError):
            while True:
                near = server.accept()[0]
                far = socket.create_connection((str(parts.hostname), parts.port or 5672))
                sockets.extend((near, far))
                begin(near, far)
                begin(far, near)

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        accepting.join(10)
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(10)
        for each in sockets:
            each.close()


def test_a_broker_that_is_not_there_yet_is_waited_for(office, broker_url):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    office.pool = with_port(broker_url, port)
    vhost = urlsplit(broker_url).path
    employer, worker = office.employ(), office.worker("pc-1")
    missing = f"amqp://127.0.0.1:{port}{vhost}: nothing listens there (yet)"
    employer.until(f"waiting for the pool: {missing}")
    worker.until(f"the pool is out of reach, trying again: {missing}")

    with door(port, broker_url):
        employer.until("the pool is there")
        assert employer.end() == ExitCode.DONE

    assert results(office.folder / "job") == {"a": "well"}
    assert employer.text.count("waiting for the pool") == 1


def test_a_virtual_host_that_does_not_exist_is_named_and_nobody_waits(office, broker_url):
    office.pool = urlsplit(broker_url)._replace(path="/nowhere").geturl()

    for program in (office.employ(), office.worker("pc-1")):
        assert program.end(30) == ExitCode.NOT_ALLOWED
        last = program.lines[-1]
        assert last.startswith("jobman: amqp://127.0.0.1:")
        assert "nowhere" in last
        assert "virtual host" in last


def test_a_refused_login_says_for_whom_and_never_the_password(office, broker_url):
    parts = urlsplit(broker_url)
    netloc = f"{parts.username}:opensesame@{parts.netloc.rpartition('@')[2]}"
    office.pool = parts._replace(netloc=netloc).geturl()

    for program in (office.employ("-v"), office.worker("pc-1", "-v")):
        assert program.end(30) == ExitCode.NOT_ALLOWED
        assert f"{parts.username}" in program.lines[-1]
        assert "opensesame" not in program.text


def test_the_command_that_goes_on_holds_no_password(office, broker_url):
    office.pool = broker_url
    employer = office.employ("-v")
    employer.until("step 1")

    employer.interrupt()

    assert employer.end() == ExitCode.INTERRUPTED
    parts = urlsplit(broker_url)
    shown = f"--pool amqp://...@{parts.hostname}:{parts.port}{parts.path} --name alice"
    assert employer.lines[-1].endswith(shown)
    assert f":{parts.password}@" not in employer.text


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("rabbit.office", "'rabbit.office' is no URL of a pool"),
        ("dir:", "is no whole path"),
        ("amqps://rabbit.office:99999", "Port out of range"),
        ("amqp://rabbit.office/x", "write amqps://"),
        ("amqps://alice:opensesame@rabbit.office/x", "write password = keyring, file:PATH"),
        ("amqp://127.0.0.1/a/b", "is written %2F: amqp://127.0.0.1/a%2Fb"),
        ("dir:job/job.ini", "is a file; a pool is a folder: name an empty or a new one"),
        ("dir:job", "is no pool, and not empty: it holds common, job.ini"),
    ],
)
def test_a_wrong_url_is_exit_2_with_what_would_be_right(office, url, what):
    office.pool = url

    for program in (office.employ(), office.worker("pc-1")):
        assert program.end(30) == ExitCode.BAD_INPUT
        assert program.lines[-1].startswith("jobman: ")
        assert what in program.lines[-1]
        assert "opensesame" not in program.text
        assert "Traceback" not in program.text
    assert not (office.folder / "job" / "jobman").exists()
