"""A PC without any display: nobody can see whether its owner is here, so nothing is done."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from jobman_agent.errors import ExitCode
from tests.acceptance.command import Jobman
from tests.acceptance.pc import Pc, an_office
from tests.broker import absent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.office import Office

# Other tests' X servers are not this PC's: their folder is an empty one here.
ALONE = 'mkdir -p /tmp/.X11-unix && mount -t tmpfs none /tmp/.X11-unix && exec "$@"'
UNSEEN = "owner unseen: nothing here tells when key or mouse are used"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path, f"dir:{tmp_path / 'pool'}") as found:
        yield found


def test_without_a_display_an_agent_does_nothing_and_says_why_and_what_would_help(office: Office):
    if sys.platform != "linux" or os.getuid() != 0 or shutil.which("unshare") is None:
        absent("hides X servers: needs Linux and root")
    pc = Pc(office)
    pc.write_ini(owner="watch")
    words = pc.user.command("agent")
    pc.user.command = lambda *more: (  # type: ignore[method-assign]
        ["unshare", "--mount", "sh", "-c", ALONE, "sh", *words]
        if more == ("agent",)
        else Jobman.command(pc.user, *more)
    )
    agent = pc.agent()

    status, why = pc.user("status"), pc.user("why")

    assert status.lines[0].startswith("OFF_DUTY  ")
    assert f"  {UNSEEN}" in status.lines
    assert UNSEEN in why.lines
    [reason] = [one for one in pc.status()["reasons"] if one["code"] == "owner_unseen"]
    assert (reason["text"], reason["until"]) == (UNSEEN, None)
    assert pc.status()["next"] is None
    agent.until("owner = nobody")
    assert [line for line in agent.lines if "owner = nobody" in line] == [
        f"jobman: {UNSEEN}: start the agent in a desktop session, or write owner = nobody for a "
        "server without one"
    ]
    assert pc.user("quit").code == ExitCode.DONE
    assert agent.end() == ExitCode.DONE
