"""The owner of a PC with Wayland comes back: real keys in a real session (sway), a real agent."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from jobman_agent.errors import ExitCode
from jobman_agent.sensors.proof import FILE
from jobman_agent.settings.places import host_name
from tests.acceptance.command import wait_until
from tests.acceptance.office import results, summary
from tests.acceptance.pc import Pc, an_office, open_gate, seconds_until_frozen, stopped, strays
from tests.unit.sensors.sway import session  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.office import Office
    from tests.unit.sensors.sway import Session

pytestmark = pytest.mark.timeout(300)
PATIENCE_S = 90.0
"""Packages have the least share of a machine that other tests keep busy."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path, f"dir:{tmp_path / 'pool'}") as found:
        yield found


@pytest.fixture
def pc(office: Office, session: Session) -> Pc:  # noqa: F811 - the fixture
    """A PC in that session, whose keys were seen before."""
    one = Pc(office)
    one.user.env |= {"WAYLAND_DISPLAY": session.display, "XDG_RUNTIME_DIR": session.folder}
    one.user.home.mkdir(mode=0o700, exist_ok=True)
    kept = {"host": host_name(), "seen_to_reset": {"wayland": datetime.now(UTC).isoformat()}}
    (one.user.home / FILE).write_text(json.dumps(kept), encoding="utf-8")
    return one


def test_under_wayland_a_key_freezes_all_and_so_does_a_compositor_that_goes_away(
    office: Office,
    pc: Pc,
    session: Session,  # noqa: F811 - the fixture
):
    pc.write_ini(owner="watch", resume="2 s", give_back="8 s")
    employer = office.employ()
    pc.agent()
    members = pc.until_working(PATIENCE_S)

    took = []
    for number in range(3):
        wait_until(lambda: not stopped(members, any))
        time.sleep(number * 0.2)  # not always in the same moment of the agent's second
        took.append(seconds_until_frozen(members, lambda: session.types("a")))
    print(f"ms: {[round(1e3 * one) for one in took]}")
    assert max(took) < 1.0
    wait_until(lambda: not stopped(members, any))

    session.end()
    went = time.monotonic()
    wait_until(lambda: stopped(members, all))
    assert time.monotonic() - went < 5.0
    assert "owner_unseen" in pc.codes()
    pc.until_state("OFF_DUTY", PATIENCE_S)
    assert strays(office.folder) == []
    assert "(Wayland wayland-1) does not answer" in pc.user("why").out

    session.start()
    pc.until_working(PATIENCE_S)
    open_gate(office)
    assert employer.end(PATIENCE_S) == ExitCode.DONE
    assert results(office.folder / "job") == {"a1": "long"}
    row = summary(office.folder / "job")["a1"]
    counts = [row[name] for name in ("state", "interrupted", "failed", "lost")]
    assert counts == ["accepted", "1", "0", "0"]
