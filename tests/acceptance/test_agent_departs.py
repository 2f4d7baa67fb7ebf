"""A PC is shut down, or sent to sleep, while its agent works: logind says so beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jobman_agent.errors import ExitCode
from jobman_agent.sensors import people_linux
from tests.acceptance.command import wait_until
from tests.acceptance.office import summary
from tests.acceptance.pc import Pc, an_office, open_gate, stopped, strays
from tests.unit.sensors.conftest import bus  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.office import Office
    from tests.unit.sensors.conftest import MockBus, Service

MANAGER = f"{people_linux.SERVICE}.Manager"

pytestmark = pytest.mark.timeout(300)
PATIENCE_S = 90.0
"""Packages have the least share of a machine that other tests keep busy."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path, f"dir:{tmp_path / 'pool'}") as found:
        yield found


def says(logind: Service, member: str, begins: bool) -> None:
    logind.call("EmitSignal", "sssav", (MANAGER, member, "b", [("b", begins)]))


def waits(logind: Service) -> bool:
    """Whether the PC waits for the agent before it goes."""
    (held,) = logind.call("ListInhibitors", interface=MANAGER)
    return any(row[1] == "jobman" for row in held)


def test_a_pc_that_sleeps_is_frozen_and_one_that_is_shut_down_hands_back_first(
    office: Office,
    bus: MockBus,  # noqa: F811 - the fixture
):
    logind = bus.serve_template("logind", people_linux.SERVICE, people_linux.PATH)
    pc = Pc(office)
    pc.user.env["DBUS_SYSTEM_BUS_ADDRESS"] = bus.address
    employer = office.employ()
    agent = pc.agent()
    members = pc.until_working(PATIENCE_S)
    assert waits(logind)

    says(logind, "PrepareForSleep", True)
    wait_until(lambda: not waits(logind))
    wait_until(lambda: stopped(members, all), 1)
    assert "this PC goes to sleep" in pc.user("why").lines
    says(logind, "PrepareForSleep", False)
    wait_until(lambda: not stopped(members, any))
    wait_until(lambda: waits(logind))

    says(logind, "PrepareForShutdown", True)
    wait_until(lambda: not waits(logind))
    assert strays(office.folder) == []
    assert agent.end() == ExitCode.DONE
    assert "this PC shuts down: handing back what is not done" in agent.lines
    employer.until("has left")
    open_gate(office)
    office.worker("bob", "--idle-exit", "30")
    assert employer.end(PATIENCE_S) == ExitCode.DONE
    row = summary(office.folder / "job")["a1"]
    assert [row[name] for name in ("interrupted", "failed", "lost")] == ["1", "0", "0"]
