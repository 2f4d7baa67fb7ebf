"""``jobman agent`` as a real process; the worker that it starts runs packages of a real job."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from jobman_agent.errors import ExitCode
from tests.acceptance.command import wait_until
from tests.acceptance.office import results, summary
from tests.acceptance.pc import Pc, an_office, open_gate, strays

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path, f"dir:{tmp_path / 'pool'}") as found:
        yield found


def test_an_agent_that_may_not_work_imports_nothing_of_a_pool_and_lets_no_second_one_in(
    office: Office,
):
    pc = Pc(office)
    pc.write_ini(owner="watch")
    with pc.agent(PYTHONPROFILEIMPORTTIME="1") as agent:
        status = pc.status()
        second = pc.user("agent")

        assert status["state"] == "OFF_DUTY"
        assert "owner_unseen" in [reason["code"] for reason in status["reasons"]]
        assert second.code == ExitCode.NOT_ALLOWED
        assert f"process {status['pid']}" in second.err
        assert pc.user("quit").code == ExitCode.DONE
        assert agent.end() == ExitCode.DONE
        assert "jobman_agent.agent.loop" in agent.text
        for name in ("aio_pika", "nacl", "sqlite3", "jobman_agent.pool", "jobman_agent.worker"):
            assert name not in agent.text
    assert pc.user("status").code == ExitCode.NO_AGENT


def test_no_end_of_an_agent_leaves_a_package_running_and_no_package_is_lost(
    office: Office, tmp_path: Path
):
    pc = Pc(office)
    employer = office.employ()
    agent = pc.agent()
    pc.until_working()
    wait_until(lambda: bool(pc.status()["packages"]))
    [package] = pc.status()["packages"]
    assert (package["name"], package["employer"]) == ("a1", "alice")

    assert pc.user("pause").code == ExitCode.DONE
    pc.until_state("OFF_DUTY")
    assert strays(tmp_path) == []
    assert pc.codes() == {"paused"}

    assert pc.user("resume").code == ExitCode.DONE
    pc.until_working()
    agent.process.kill()
    wait_until(lambda: strays(tmp_path) == [])

    open_gate(office)
    agent = pc.agent()
    assert employer.end() == ExitCode.DONE
    assert results(tmp_path / "job") == {"a1": "long"}
    row = summary(tmp_path / "job")["a1"]
    assert (row["state"], row["failed"], row["lost"]) == ("accepted", "0", "0")
    assert int(row["interrupted"]) >= 2
    agent.process.send_signal(signal.SIGTERM)
    assert agent.end() == ExitCode.DONE
