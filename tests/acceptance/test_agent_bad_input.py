"""What may go wrong round a real ``jobman agent``: rivals, junk, a pool away, a full disk."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from jobman_agent.errors import ExitCode
from tests.acceptance.command import wait_until
from tests.acceptance.office import results, summary
from tests.acceptance.pc import Pc, an_office, open_gate, stopped, strays
from tests.acceptance.running import Running
from tests.acceptance.test_bad_input_disks import FULL, disk  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.acceptance.office import Office
    from tests.acceptance.test_bad_input_disks import Disk
    from tests.broker import Broker

RACERS = 10
STRANGERS = 500

pytestmark = pytest.mark.timeout(300)
PATIENCE_S = 90.0
"""Packages have the least share of a machine that other tests keep busy."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path, f"dir:{tmp_path / 'pool'}") as found:
        yield found


def address(pc: Pc) -> dict[str, Any]:
    return json.loads((pc.user.home / "agent.json").read_text())


def call(port: int, *parts: bytes) -> bytes:
    """Say something to the agent's port; what it says before it hangs up, or for half a second."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
        link.settimeout(0.5)
        with suppress(OSError):
            for part in parts:
                link.sendall(part)
            while more := link.recv(65_536):
                said += more
    return said


def test_of_ten_agents_that_start_at_once_one_wins_and_junk_does_not_disturb_it(office: Office):
    pc = Pc(office)
    pc.write_ini(owner="watch")
    with ExitStack() as stack:
        racers = [stack.enter_context(Running(pc.user, "agent")) for _ in range(RACERS)]
        wait_until(lambda: sum(one.process.poll() is None for one in racers) == 1)
        [winner] = [one for one in racers if one.process.poll() is None]
        winner.until("jobman status says")

        pid = winner.process.pid
        losers = [one for one in racers if one is not winner]
        assert {one.end() for one in losers} == {ExitCode.NOT_ALLOWED}
        assert all(f"process {pid}" in one.text for one in losers)
        assert pc.status()["pid"] == pid

        where = address(pc)
        hello = json.dumps({"type": "hello", "token": where["token"]}).encode() + b"\n"
        status = b'{"type":"status"}\n'
        memory = psutil.Process(pid).memory_info().rss
        wrong = b'{"type":"hello","token":"' + b"0" * 64 + b'"}\n'
        for junk in (b"\0\xff" * 1000 + b"\n", b"GET / HTTP/1.1\r\n\r\n", wrong + status, b"{"):
            assert call(where["port"], junk) == b""
        assert call(where["port"], b"x" * 10_000_000) == b""
        call(where["port"], hello, b"x" * 10_000_000 + b"\n")  # its answer may be cut off
        assert b'"refused"' in call(where["port"], hello, b'{"type":"status","more":1}\n')
        assert b'"refused"' in call(where["port"], hello, b'{"type":"stat\n')
        assert call(where["port"], hello, status[:5]) == b""
        strangers = [
            stack.enter_context(socket.create_connection(("127.0.0.1", where["port"]), timeout=10))
            for _ in range(STRANGERS)
        ]
        wait_until(lambda: answers(pc))  # as soon as those who say nothing are let go
        for one in strangers:
            one.close()
        for _ in range(STRANGERS // 5):
            assert b'"done"' in call_once(where["port"], hello + status)

        assert psutil.Process(pid).memory_info().rss < memory + 30_000_000
        assert pc.user("quit").code == ExitCode.DONE
        assert winner.end() == ExitCode.DONE
        assert "Traceback" not in winner.text + log(pc)


def call_once(port: int, said: bytes) -> bytes:
    """One question, and its answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
        link.sendall(said)
        return link.recv(65_536)


def answers(pc: Pc) -> bool:
    return pc.user("status").code == ExitCode.DONE


def log(pc: Pc) -> str:
    return (pc.user.home / "logs" / "jobman.log").read_text(encoding="utf-8")


@pytest.mark.slow
def test_an_agent_whose_pool_is_away_says_so_and_loses_nothing(tmp_path: Path, broker: Broker):
    with an_office(tmp_path, broker.url(broker.vhost())) as office:
        pc = Pc(office)
        employer = office.employ()
        agent = pc.agent()
        members = pc.until_working(PATIENCE_S)

        broker.kill()
        wait_until(lambda: "pool" in log_of_worker(pc))
        time.sleep(1)
        assert sorted(strays(tmp_path), key=lambda one: one.pid) == sorted(
            members, key=lambda one: one.pid
        )
        assert not stopped(members, any)
        open_gate(office)
        wait_until(lambda: strays(tmp_path) == [], PATIENCE_S)
        wait_until(lambda: "pool_away" in pc.codes())
        assert "the pool cannot be reached" in pc.user("why").out

        broker.start()
        assert employer.end(PATIENCE_S) == ExitCode.DONE
        assert results(tmp_path / "job") == {"a1": "long"}
        row = summary(tmp_path / "job")["a1"]
        assert [row[name] for name in ("attempts", "failed", "lost")] == ["1", "0", "0"]
        wait_until(lambda: "pool_away" not in pc.codes())
        assert pc.user("quit").code == ExitCode.DONE
        assert agent.end() == ExitCode.DONE


def log_of_worker(pc: Pc) -> str:
    return (pc.user.home / "logs" / "worker.log").read_text(encoding="utf-8")


def test_an_agent_whose_disk_is_full_freezes_all_the_same_and_hands_back_when_there_is_room(
    office: Office,
    disk: Callable[[Path], Disk],  # noqa: F811 - the fixture
):
    pc = Pc(office)
    home = disk(pc.user.home)
    resize(home, "3g")
    employer = office.employ()
    agent = pc.agent()
    members = pc.until_working(PATIENCE_S)

    resize(home, "8m")
    home.fill()
    paused = pc.user("pause")
    assert (paused.code, FULL in paused.out) == (ExitCode.DONE, True)
    wait_until(lambda: at_rest(members), 3)  # one that is told to end may run for that moment
    wait_until(lambda: "waiting for the disk" in log(pc))
    assert at_rest(members)
    assert pc.codes() == {"paused"}

    home.free()
    resize(home, "3g")
    pc.until_state("OFF_DUTY", PATIENCE_S)
    assert strays(office.folder) == []
    assert pc.user("pause").out.strip() == "OFF_DUTY"  # kept, this time
    pc.user("resume")
    pc.until_working(PATIENCE_S)
    open_gate(office)
    assert employer.end(PATIENCE_S) == ExitCode.DONE
    row = summary(office.folder / "job")["a1"]
    assert [row[name] for name in ("attempts", "failed", "lost")] == ["1", "0", "0"]
    assert pc.user("quit").code == ExitCode.DONE
    assert agent.end() == ExitCode.DONE
    assert log(pc).count("waiting for the disk") == 1
    assert "Traceback" not in agent.text + log(pc)


def at_rest(members: list[psutil.Process]) -> bool:
    """Whether each of them is stopped, or has ended."""
    resting = (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE)
    for one in members:
        with suppress(psutil.NoSuchProcess):
            if one.status() not in resting:
                return False
    return True


def resize(home: Disk, size: str) -> None:
    """An agent wants 2 GB free before anything starts."""
    words = ["mount", "-o", f"remount,size={size}", str(home.folder)]
    subprocess.run(words, check=True, timeout=30)
