"""Agents where people put them: odd names, two people on one PC, homes that cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jobman_agent.errors import ExitCode
from jobman_agent.settings.places import host_name
from tests.acceptance.command import Jobman, wait_until
from tests.acceptance.office import Office, results, summary
from tests.acceptance.pc import Pc, an_office, open_gate
from tests.acceptance.test_bad_input_places import read_only  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    folder = tmp_path / "Jürgen Ærø's (日本) 100 % & $HOME"
    folder.mkdir()
    with an_office(folder, f"dir:{folder / 'der Pool ü'}") as found:
        yield found


def test_of_two_people_on_a_pc_with_odd_names_one_agents_worker_works_and_then_the_others(
    office: Office,
):
    first, second = Pc(office, "Jürgen Müller"), Pc(office, "Søren Ærø")
    with first.agent() as agent:
        employer = office.employ()
        first.until_working()
        second.agent()
        wait_until(lambda: "other_worker" in second.codes())
        assert second.status()["state"] == "OFF_DUTY"
        assert second.status()["pid"] != first.status()["pid"]

        # The one who logs off ends her agent; the other's takes the package.
        assert first.user("quit").code == ExitCode.DONE
        assert agent.end() == ExitCode.DONE
        second.until_working()
        open_gate(office)
        assert employer.end() == ExitCode.DONE

    assert results(office.folder / "job") == {"a1": "long"}
    row = summary(office.folder / "job")["a1"]
    assert (row["interrupted"], row["failed"], row["lost"]) == ("1", "0", "0")
    assert second.user("quit").code == ExitCode.DONE


def test_a_home_that_is_read_only_is_told_at_once(
    office: Office,
    read_only: Callable[[Path], None],  # noqa: F811 - the fixture
):
    pc = Pc(office)
    pc.user.home.mkdir()
    read_only(pc.user.home)

    said = pc.user("agent")

    assert said.code == ExitCode.BAD_INPUT
    last = said.err.splitlines()[-1]
    assert str(pc.user.home) in last
    assert "read-only" in last.lower()
    assert "Traceback" not in said.err


def test_a_home_on_a_share_has_a_folder_for_each_pc(tmp_path: Path):
    user = Jobman(tmp_path)
    user.env.pop("JOBMAN_HOME")
    user.env["XDG_DATA_HOME"] = str(tmp_path / "share" / "lærke")

    home = user("config", "path", "--json").json["home"]

    assert home == str(tmp_path / "share" / "lærke" / "jobman" / host_name())
