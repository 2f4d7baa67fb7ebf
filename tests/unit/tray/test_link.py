"""The tray's talk with an agent that starts, crashes, comes back and ends."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from jobman_agent.control import messages as m
from jobman_agent.errors import InputError
from jobman_agent.tray import link as link_module
from jobman_agent.tray.link import Link
from tests.acceptance.scripted_agent import STATES, ScriptedAgent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[ScriptedAgent]:
    with ScriptedAgent(tmp_path / "home") as one:
        yield one


class Face:
    """Keeps what it is told."""

    def __init__(self, home: Path) -> None:
        self.seen: list[str] = []
        self.refusals: list[str] = []
        self.over = threading.Event()
        self.link = Link(home, self._show, self.refusals.append, self.over.set)
        self.link.start()

    def _show(self, seen: Any) -> None:
        self.seen.append("nobody" if seen is None else seen["status"]["state"])

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not holds():
            assert time.monotonic() < deadline, (self.seen, self.refusals)
            time.sleep(0.01)

    def until_seen(self, *words: str) -> None:
        self.until(lambda: self.seen[-len(words) :] == list(words))


@pytest.fixture
def face(agent: ScriptedAgent) -> Iterator[Face]:
    one = Face(agent.home)
    yield one
    one.link.stop()


def test_news_is_shown_as_it_comes_and_nothing_twice(agent: ScriptedAgent, face: Face):
    face.until_seen("OFF_DUTY")
    agent.show(STATES["working"])
    face.until_seen("OFF_DUTY", "WORKING")
    agent.show(STATES["frozen"])
    face.until_seen("OFF_DUTY", "WORKING", "SUSPENDED")


def test_an_agent_that_ends_as_it_should_ends_the_tray(agent: ScriptedAgent, face: Face):
    face.until_seen("OFF_DUTY")
    agent.end()
    assert face.over.wait(5)
    assert "nobody" not in face.seen


def test_an_agent_that_was_killed_is_waited_for(agent: ScriptedAgent, face: Face):
    face.until_seen("OFF_DUTY")
    agent.crash()
    face.until_seen("OFF_DUTY", "nobody")
    agent.show(STATES["working"])
    agent.start()
    face.until_seen("OFF_DUTY", "nobody", "WORKING")
    assert not face.over.is_set()


def test_but_not_for_ever(agent: ScriptedAgent, face: Face, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(link_module, "PATIENCE_S", 0.0)
    face.until_seen("OFF_DUTY")
    agent.crash()
    assert face.over.wait(5)


def test_what_is_chosen_is_said_in_order_while_news_is_waited_for(agent: ScriptedAgent, face: Face):
    requests = [{"type": "resume"}, {"type": "work_now", "seconds": 5.0}, {"type": "resume"}]
    for request in requests:
        face.link.ask(request)
    agent.until_asked(m.ResumeWork, 2)
    assert agent.asked == [m.ResumeWork(), m.WorkNow(5.0), m.ResumeWork()]


def test_what_is_refused_is_told_and_the_next_is_done_all_the_same(
    agent: ScriptedAgent, face: Face
):
    def fails() -> None:
        raise InputError("there is no xdg-open")

    agent.reply = m.Refused("IT decides on this PC", "not_allowed")
    face.link.ask({"type": "resume"})
    face.link.do(fails)
    face.link.ask({"type": "resume"})
    face.until(lambda: len(face.refusals) == 3)
    assert face.refusals == [
        "IT decides on this PC",
        "there is no xdg-open",
        "IT decides on this PC",
    ]


def test_a_fault_in_showing_ends_the_tray_rather_than_leaving_old_news(
    agent: ScriptedAgent, caplog: pytest.LogCaptureFixture
):
    over = threading.Event()

    def show(_seen: object) -> None:
        raise KeyError("a field of another version")

    Link(agent.home, show, print, over.set).start()
    assert over.wait(5)
    assert "a fault of jobman itself" in caplog.text


def test_a_fault_in_one_errand_is_told_and_the_next_is_done(agent: ScriptedAgent, face: Face):
    face.link.do(lambda: 1 / 0)
    face.link.ask({"type": "resume"})
    agent.until_asked(m.ResumeWork)
    assert face.refusals == ["a fault of jobman itself: division by zero"]


def test_quit_is_waited_for_until_the_agent_has_ended(agent: ScriptedAgent, face: Face):
    face.until_seen("OFF_DUTY")
    face.link.ask({"type": "quit"})
    agent.until_asked(m.Quit)
    agent.end()
    assert face.over.wait(5)
    assert face.refusals == []
