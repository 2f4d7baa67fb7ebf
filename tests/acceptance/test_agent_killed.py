"""Agent, worker or both are killed while a package runs; a real RabbitMQ, real processes."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from jobman_agent.errors import ExitCode
from tests.acceptance.command import wait_until
from tests.acceptance.office import results, summary
from tests.acceptance.pc import Pc, an_office, open_gate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.office import Office
    from tests.acceptance.running import Running

TOLD_S = 30.0
"""A lease lapses after 600 s: an employer who knows by then was told."""
COUNTS = ("state", "worker", "interrupted", "lost", "failed", "wrong")


@pytest.fixture
def office(tmp_path: Path, broker_url: str) -> Iterator[Office]:
    with an_office(tmp_path, broker_url) as found:
        yield found


def worker_of(agent: Running) -> psutil.Process:
    """The worker's process."""
    below = psutil.Process(agent.process.pid).children()
    alive = [one for one in below if one.status() != psutil.STATUS_ZOMBIE]
    [worker] = [one for one in alive if "--agent-pipe" in one.cmdline()]
    return worker


@pytest.mark.parametrize(
    ("killed", "counter"),
    # What ran when its worker died may have been what killed it: that is another counter, and
    # another PC gets it first.
    [
        ("agent told to end", "interrupted"),
        ("agent", "interrupted"),
        ("worker", "lost"),
        ("agent and worker", "lost"),
    ],
)
def test_whoever_is_killed_no_process_stays_and_the_employer_hears_it_at_once(
    office: Office, killed: str, counter: str
):
    pc = Pc(office)
    employer = office.employ("-v")
    agent = pc.agent()
    members = pc.until_working()
    worker = worker_of(agent)

    began = time.monotonic()
    if killed == "agent told to end":
        agent.process.send_signal(signal.SIGTERM)
        assert agent.end() == ExitCode.DONE
        assert not worker.is_running()
    elif "agent" in killed:
        agent.process.kill()
    if "worker" in killed:
        worker.kill()
    if killed == "agent and worker":
        agent = pc.agent()  # else nobody is left who could end anything
    wait_until(lambda: not any(one.is_running() for one in members))
    ended = time.monotonic() - began
    employer.until("step 7: 1 result from", count=2)  # the first one is the ability test's
    told = time.monotonic() - began
    print(f"{killed}: all ended after {ended:.1f} s, the employer told after {told:.1f} s")
    assert told < TOLD_S

    if killed in ("agent", "agent told to end"):
        wait_until(lambda: not worker.is_running())
        pc.write_ini(hours="none")  # else it would take the package again
        agent = pc.agent()
    assert pc.user("quit").code == ExitCode.DONE
    assert agent.end() == ExitCode.DONE
    open_gate(office)
    office.worker("bob")
    assert employer.end() == ExitCode.DONE
    assert results(office.folder / "job") == {"a1": "long"}
    row = summary(office.folder / "job")["a1"]
    expected = dict.fromkeys(COUNTS, "0") | {"state": "accepted", "worker": "bob"}
    assert {name: row[name] for name in COUNTS} == {**expected, counter: "1"}
