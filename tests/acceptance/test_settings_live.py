"""What a running agent makes of its settings while people edit them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from jobman_agent.errors import ExitCode
from tests.acceptance.command import Jobman, wait_until
from tests.acceptance.running import Running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INI = """\
[pool]
url = dir:{pool}
[hours]
monday-saturday = none
sunday = {sunday}
holidays = {holidays}
[idle]
owner = nobody
cpu_below = 100 %
"""


class Pc:
    """A PC without an owner, whose agent runs."""

    def __init__(self, folder: Path) -> None:
        self.user = Jobman(folder)
        self.ini = folder / "my.ini"
        self.user.env |= {
            "JOBMAN_CONFIG": str(self.ini),
            "JOBMAN_LOCK_DIR": str(folder / "locks"),
            "TZ": "Europe/Copenhagen",
            "PYTHONPROFILEIMPORTTIME": "1",
        }
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"):
            self.user.env.pop(name, None)
        self.write()

    def write(self, holidays: str = "none", sunday: str = "none") -> None:
        text = INI.format(pool=self.ini.parent / "pool", sunday=sunday, holidays=holidays)
        self.ini.write_text(text, encoding="utf-8")

    def agent(self, **env: str) -> Running:
        return Running(self.user, "agent", **env)

    def reasons(self) -> dict[str, Any]:
        said = self.user("why", "--json", PYTHONPROFILEIMPORTTIME="").json
        return {reason["code"]: reason["text"] for reason in said["reasons"]}

    def until_wrong(self, *parts: str) -> None:
        def is_told() -> bool:
            text = self.reasons().get("settings_wrong", "")
            return all(part in text for part in parts) and (bool(parts) or not text)

        wait_until(is_told)


@pytest.fixture
def pc(tmp_path: Path) -> Iterator[Pc]:
    return Pc(tmp_path)


def test_holidays_come_in_while_it_runs_and_a_wrong_country_is_told(pc: Pc):
    with pc.agent() as agent:
        agent.until("jobman status says")
        assert pc.reasons()["hours"] == "no hours in sight"

        pc.write(holidays="Danmark")
        pc.until_wrong("line 6, [hours] holidays: 'Danmark' is no country", "DK (Denmark)",
                       "the last good settings hold")  # fmt: skip
        pc.write(holidays="DK")
        pc.until_wrong()
        assert (pc.user.home / "holidays.json").exists()

        pc.ini.unlink()
        pc.until_wrong("which is no file")
        pc.write(holidays="DK")
        pc.until_wrong()
        assert pc.user("quit", PYTHONPROFILEIMPORTTIME="").code == ExitCode.DONE
        assert agent.end() == ExitCode.DONE
        assert "jobman_agent.settings.public_holidays" in agent.text
        assert not re.search(r"\| +(holidays|dateutil)\b", agent.text)


def test_an_agent_in_no_time_zone_starts_says_so_and_does_nothing(pc: Pc):
    with pc.agent(TZ="Nowhere/City") as agent:
        agent.until("jobman status says")

        status = pc.user("status", "--json", TZ="Nowhere/City", PYTHONPROFILEIMPORTTIME="").json
        assert status["state"] == "OFF_DUTY"
        assert "TZ names no time zone" in status["reasons"][0]["text"]
        assert pc.user("quit", PYTHONPROFILEIMPORTTIME="").code == ExitCode.DONE
        assert agent.end() == ExitCode.DONE
