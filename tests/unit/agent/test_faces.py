"""What the agent shows a tray, when it does, and what only a tray asks for."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from jobman_agent.agent.faces import GREETED, Faces, Shown, share_of
from jobman_agent.agent.nights import FILE, Entry, as_line
from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.control import messages as m
from jobman_agent.control.pipe_messages import Snapshot, UnknownEmployer
from jobman_agent.errors import NotAllowed
from jobman_agent.model.verdict import ReasonCode

if TYPE_CHECKING:
    from pathlib import Path

KEY = "ed25519:" + base64.b64encode(bytes(range(32))).decode()
IDLE = m.Status("OFF_DUTY", (), None, None, 1, ())


class Agent:
    """What faces look at, and who keeps their answers."""

    def __init__(self, home: Path) -> None:
        self.status = IDLE
        self.pausing = False
        self.kept: list[tuple[str, str, str]] = []
        self.refuses: Exception | None = None
        self.faces = Faces(home, home / "jobman.ini", self._judge, self._look, SYSTEM_CLOCK)

    def _look(self) -> Shown:
        return Shown(self.status, self.pausing, None, False, None)

    def _judge(self, name: str, key: str, answer: str) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.kept.append((name, key, answer))

    async def watch(self, version: int = 0) -> m.Seen:
        seen = await self.faces.answer(m.Watch(version))
        assert isinstance(seen, m.Seen)
        return seen


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path)


# ---- news
async def test_the_first_answer_comes_at_once_and_the_next_when_there_is_news(agent: Agent):
    first = await agent.watch()
    waiting = asyncio.create_task(agent.watch(first.version))
    agent.faces.nudge()  # a look at the sensors, and all is as it was
    await asyncio.sleep(0.05)
    assert not waiting.done()
    assert agent.faces.are_there

    agent.status = m.Status("WORKING", (), None, None, 1, ())
    agent.faces.nudge()
    async with asyncio.timeout(5):
        assert (await waiting).status.state == "WORKING"


async def test_texts_that_flicker_are_no_news_but_another_reason_is(agent: Agent):
    def held_back(text: str, *more: ReasonCode) -> None:
        codes = (ReasonCode.CPU, *more)
        reasons = tuple(m.ShownReason(code, text, None) for code in codes)
        agent.status = m.Status("OFF_DUTY", reasons, None, None, 1, ())
        agent.faces.nudge()

    held_back("CPU 31 %")
    first = await agent.watch()
    waiting = asyncio.create_task(agent.watch(first.version))
    await asyncio.sleep(0)
    held_back("CPU 33 %")
    await asyncio.sleep(0.05)
    assert not waiting.done()
    held_back("CPU 33 %", ReasonCode.BATTERY)
    async with asyncio.timeout(5):
        assert len((await waiting).status.reasons) == 2


async def test_several_faces_hear_the_same_news(agent: Agent):
    first = await agent.watch()
    waiting = [asyncio.create_task(agent.watch(first.version)) for _ in range(3)]
    await asyncio.sleep(0.01)
    agent.pausing = True
    agent.faces.nudge()
    async with asyncio.timeout(5):
        assert all(seen.pausing for seen in await asyncio.gather(*waiting))


async def test_without_news_it_is_answered_after_a_while(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("jobman_agent.agent.watchers.WATCH_S", 0.1)
    first = await agent.watch()
    async with asyncio.timeout(5):
        assert (await agent.watch(first.version)).version == first.version


# ---- unknown employers
def unknown(*, taken: bool = False) -> UnknownEmployer:
    return UnknownEmployer("mallory", KEY, "A bridge", True, taken)


@pytest.mark.parametrize("answer", ["allow", "allow_code", "never"])
async def test_the_owners_word_is_kept_and_the_question_is_gone(agent: Agent, answer):
    agent.faces.told_of(unknown())
    assert [each.name for each in (await agent.watch()).unknown] == ["mallory"]

    assert isinstance(await agent.faces.answer(m.AnswerEmployer(KEY, answer)), m.Done)

    assert agent.kept == [("mallory", KEY, answer)]
    assert (await agent.watch()).unknown == ()


async def test_who_did_not_ask_cannot_be_allowed(agent: Agent):
    refused = await agent.faces.answer(m.AnswerEmployer(KEY, "allow_code"))
    assert isinstance(refused, m.Refused)
    assert agent.kept == []


async def test_who_takes_a_known_name_cannot_be_allowed_but_refused(agent: Agent):
    agent.faces.told_of(unknown(taken=True))
    refused = await agent.faces.answer(m.AnswerEmployer(KEY, "allow"))
    assert isinstance(refused, m.Refused)
    assert "another key" in refused.text
    assert isinstance(await agent.faces.answer(m.AnswerEmployer(KEY, "never")), m.Done)
    assert agent.kept == [("mallory", KEY, "never")]


async def test_what_it_forbids_is_told_and_the_question_stays(agent: Agent):
    agent.faces.told_of(unknown())
    agent.refuses = NotAllowed("IT decides on this PC whom it works for")
    refused = await agent.faces.answer(m.AnswerEmployer(KEY, "allow"))
    assert refused == m.Refused("IT decides on this PC whom it works for", "not_allowed")
    assert len((await agent.watch()).unknown) == 1


# ---- last night, and the first one
def enter(home: Path, hours_ago: float, employer: str, packages: int = 1) -> None:
    noon = datetime.now().astimezone().replace(hour=12, minute=0, second=0, microsecond=0)
    ended = (noon - timedelta(hours=hours_ago)).astimezone(UTC)
    entry = Entry(ended, employer, "A bridge", "", "done", packages, 60.0, 50.0, 10**9)
    with (home / FILE).open("ab") as file:
        file.write(as_line(entry))


async def test_last_night_is_told_by_employer_and_the_first_one_once(tmp_path: Path):
    for hours, employer in ((30.0, "bob"), (10.0, "alice"), (9.0, "alice"), (8.0, "carol")):
        enter(tmp_path, hours, employer)
    agent = Agent(tmp_path)
    seen = await agent.watch()
    assert [(n.employer, n.packages, n.seconds) for n in seen.night] == [
        ("alice", 2, 120.0),
        ("carol", 1, 60.0),
    ]
    assert seen.first_night

    await agent.faces.answer(m.Greeted())
    assert not (await agent.watch()).first_night
    assert (tmp_path / GREETED).exists()
    assert not (await Agent(tmp_path).watch()).first_night


async def test_a_pc_that_has_never_worked_has_no_first_night(agent: Agent):
    seen = await agent.watch()
    assert (seen.night, seen.first_night) == ((), False)


def test_the_share_is_the_average_of_what_usually_takes_so_long():
    running = tuple(
        m.ShownPackage(name, "alice", "running", seconds)
        for name, seconds in (("a", 5.0), ("b", 30.0))
    )
    assert share_of(Snapshot("working", True, 2, running, 0, 20.0)) == pytest.approx(0.625)
    assert share_of(Snapshot("working", True, 2, running, 0)) is None
    assert share_of(Snapshot("seeking", True, 0, (), 0, 20.0)) is None
    assert share_of(None) is None
