"""``jobman ledger`` after a real night: what an agent's worker really ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance.command import wait_until
from tests.acceptance.office import Office, write_job
from tests.acceptance.pc import Pc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# "holds" says when it has memory that can be told from nothing, and stays.
MORE = """\
import time
if what == "fails":
    sys.exit("no")
if what == "holds":
    much = bytearray(40_000_000)
    open({mark!r}, "w").close()
    time.sleep(600)
"""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    found = Office(tmp_path, f"dir:{tmp_path / 'pool'}")
    packages = {"a1": "fails", "a2": "holds"}
    write_job(
        tmp_path / "job",
        packages,
        MORE.format(mark=str(tmp_path / "mark")),
    )
    with found.stack:
        yield found


def test_what_an_agent_ran_stands_in_the_ledger_with_its_job_and_how_it_ended(office: Office):
    pc = Pc(office)
    office.employ()
    agent = pc.agent()
    wait_until((office.folder / "mark").exists, 90)  # at the least priority of a busy PC
    pc.user("pause")
    pc.until_state("OFF_DUTY")
    assert pc.user("quit").code == 0
    agent.end()

    said = pc.user("ledger", "--json").json
    [night] = said["nights"]
    # The ability test is called like any package.
    ends = {(e["package"], e["outcome"]): e for e in night["entries"]}
    ours = {key for key in ends if key[0] in ("a1", "a2")}
    assert ours == {("a1", "failed"), ("a2", "handed_back")}
    assert {(e["employer"], e["title"]) for e in ends.values()} == {("alice", "What happens")}
    held = ends["a2", "handed_back"]
    assert held["seconds"] > held["cpu_seconds"] > 0
    assert held["peak_memory"] >= 40_000_000
    assert said["packages"] == len(night["entries"])
    assert "What happens" in pc.user("ledger").out
