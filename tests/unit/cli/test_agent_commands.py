"""``jobman status, why, pause, resume, work-now, quit`` against an agent's real ear."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from jobman_agent.cli.agent_commands import NAMES, read_pause
from jobman_agent.cli.main import build_parser, main
from jobman_agent.control import messages as m
from jobman_agent.control.client import LINE_MOST
from jobman_agent.control.server import Server
from jobman_agent.errors import ExitCode, InputError
from jobman_agent.model.verdict import ReasonCode

CLONE = Path(__file__).parents[3]
LATER = datetime(2030, 1, 2, 18, 0, tzinfo=timezone(timedelta(hours=1)))
HELD = m.Status(
    "SUSPENDED",
    (
        m.ShownReason(ReasonCode.INPUT, "keyboard 4 of 10 min", LATER),
        m.ShownReason(ReasonCode.CPU, "CPU 31 % over 25 %\x1b[2J", None),
    ),
    LATER,
    LATER,
    4711,
    (m.ShownPackage("a1", "alice", "suspended", 75.0),),
)
FREE = m.Status("SEEKING", (), None, None, 4711, ())


class Office:
    """An agent that says what a test wants, and this user's commands."""

    def __init__(self, home: Path, capsys) -> None:
        self.home, self._capsys = home, capsys
        self.asked: list[m.Request] = []
        self.reply: m.Reply = m.Done(HELD, "as you like")
        self.ending = asyncio.Event()

    async def handle(self, request: m.Request) -> m.Reply:
        self.asked.append(request)
        if isinstance(request, m.Quit):
            asyncio.get_running_loop().call_soon(self.ending.set)
        return self.reply

    async def run(self, *words: str) -> tuple[int, str, str]:
        code = await asyncio.wait_for(asyncio.to_thread(main, words), 20)
        out, err = self._capsys.readouterr()
        return code, out, err


@pytest.fixture
async def office(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JOBMAN_HOME", str(tmp_path))
    office = Office(tmp_path, capsys)
    office.server = await Server.open(tmp_path, office.handle)
    yield office
    await office.server.close()


async def test_status_says_what_the_agent_does_and_all_that_holds_it_back(office):
    code, out, _ = await office.run("status")

    assert code == ExitCode.DONE
    assert out.splitlines()[0].startswith("SUSPENDED  packages are held")
    assert "  keyboard 4 of 10 min\n" in out
    assert "  earliest 2030-01-02 " in out
    assert "  suspended  a1 of alice  75 s\n" in out
    assert "\x1b" not in out


async def test_status_as_json_is_the_object_that_the_page_names(office):
    code, out, _ = await office.run("status", "--json")

    assert code == ExitCode.DONE
    assert msgspec.json.decode(out, type=m.Status) == HELD
    page = (CLONE / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert "`{state, reasons, next, paused_until, pid, packages}`" in page
    assert list(json.loads(out)) == ["state", "reasons", "next", "paused_until", "pid", "packages"]


async def test_why_is_its_reasons_and_the_next_time(office):
    _, out, _ = await office.run("why", "--json")
    assert json.loads(out) == {
        "reasons": [
            {
                "code": "input",
                "text": "keyboard 4 of 10 min",
                "until": "2030-01-02T18:00:00+01:00",
            },
            {"code": "cpu", "text": "CPU 31 % over 25 %\x1b[2J", "until": None},
        ],
        "next": "2030-01-02T18:00:00+01:00",
    }

    office.reply = m.Done(FREE)
    assert await office.run("why") == (0, "nothing holds this PC back\n", "")


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        ("pause", m.PauseWork(m.PauseKind.RESUME)),
        ("pause 30m", m.PauseWork(m.PauseKind.DURATION, 1800.0)),
        ("pause 1 h 30 min", m.PauseWork(m.PauseKind.DURATION, 5400.0)),
        ("pause tomorrow", m.PauseWork(m.PauseKind.TOMORROW)),
        ("pause until lock", m.PauseWork(m.PauseKind.LOCK)),
        ("pause after this package", m.PauseWork(m.PauseKind.PACKAGE)),
        ("resume", m.ResumeWork()),
        ("work-now 2 h", m.WorkNow(7200.0)),
    ],
)
async def test_what_is_typed_is_asked_for_and_the_agents_word_is_shown(office, words, request_):
    assert await office.run(*words.split()) == (0, "as you like\n", "")
    assert office.asked == [request_]

    code, out, _ = await office.run(*words.split(), "--json")
    assert code == 0
    assert msgspec.json.decode(out, type=m.Status) == HELD


@pytest.mark.parametrize(
    "text", ["bogus", "30", "5 parsecs", "0 s", "400 d", "lock tomorrow", "-5 s"]
)
def test_a_pause_that_cannot_be_meant_is_explained(text):
    with pytest.raises(InputError, match="tomorrow, lock, package, or nothing"):
        read_pause(text.split())


async def test_quit_returns_when_the_agent_has_ended(office):
    quitting = asyncio.create_task(office.run("quit"))
    await asyncio.wait_for(office.ending.wait(), 10)
    assert not quitting.done()

    await office.server.close()

    assert await quitting == (0, "as you like\n", "")


async def test_what_the_agent_refuses_is_an_exit_code(office):
    office.reply = m.Refused("IT has locked it", "not_allowed")

    assert await office.run("resume") == (4, "", "jobman: IT has locked it\n")


@pytest.mark.parametrize("name", NAMES)
def test_without_an_agent_it_is_exit_5(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JOBMAN_HOME", str(tmp_path))
    words = [name, "5 s"] if name == "work-now" else [name]

    assert main(words) == ExitCode.NO_AGENT
    assert "no agent runs for" in capsys.readouterr().err
    assert main([*words, "--json"]) == ExitCode.NO_AGENT
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "AgentNotRunning"


def test_to_ask_the_agent_imports_nothing_heavy(tmp_path):
    script = "import sys; from jobman_agent.cli.main import main; main(['status'])\n"
    script += "print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(CLONE), "JOBMAN_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}; {script}"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    loaded = set(done.stdout.split())
    assert "jobman_agent.control.client" in loaded
    heavy = {"asyncio", "rich", "msgspec", "filelock", "dataclasses", "ctypes", "ssl", "logging"}
    assert loaded & heavy == set()


def test_the_quick_parser_knows_what_the_whole_one_knows():
    whole, quick = build_parser(), build_parser("status")
    for name in NAMES:
        words = [name, "5 s"] if name in ("work-now", "pause") else [name]
        words += ["--json", "-v", "--config", "x"]
        assert vars(whole.parse_args(words)) == vars(quick.parse_args(words))


def test_both_sides_agree_on_the_longest_line():
    assert LINE_MOST == m.LINE_MOST
