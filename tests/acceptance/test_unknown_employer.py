"""A stranger's offer: from the worker that sees it at night to the owner's word, and to work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jobman_agent.control.client import Client
from jobman_agent.errors import ExitCode, InputError
from tests.acceptance.command import wait_until
from tests.acceptance.pc import Pc, an_office

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path, f"dir:{tmp_path / 'pool'}") as found:
        yield found


def asking(pc: Pc) -> Any:
    return pc.user("keys", "show", "--json").json["asking"]


def test_an_unknown_employer_asks_and_works_here_once_the_owner_allows_it(office: Office):
    pc = Pc(office)
    text = pc.ini.read_text(encoding="utf-8")
    pc.ini.write_text(text[: text.index("[employers]")], encoding="utf-8")
    office.employ()
    with pc.agent():
        wait_until(lambda: asking(pc))
        [asks] = asking(pc)
        assert (asks["name"], asks["key"]) == ("alice", office.key)
        assert asks["title"] == "What happens"
        assert asks["own_code"] is True
        assert asks["name_taken"] is False
        shown = pc.user("keys").out
        assert "alice wants to use this PC" in shown
        assert f"jobman keys trust alice {office.key} --code" in shown.replace("[--code]", "--code")

        with Client.connect(pc.user.home) as face:
            [unknown] = face.watch(0)["unknown"]
            assert unknown["fingerprint"] == asks["fingerprint"]
            answer = {"type": "employer", "key": unknown["key"], "answer": "allow_code"}
            face.ask(answer)
            assert face.watch(0)["unknown"] == []
            with pytest.raises(InputError, match="does not ask any more"):
                face.ask(answer)
        pc.until_state("WORKING", 60.0)
        assert asking(pc) == []
        [known] = pc.user("keys", "show", "--json").json["employers"]
        assert (known["name"], known["allow_code"]) == ("alice", True)
        assert pc.user("quit").code == ExitCode.DONE
