"""Agent and faces over a real loopback port."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat

import msgspec
import pytest

from jobman_agent.control import messages as m
from jobman_agent.control.client import Client
from jobman_agent.control.server import CONNECTIONS_MOST, Server
from jobman_agent.errors import AgentNotRunning, InputError, JobmanError, NotAllowed
from jobman_agent.model.verdict import ReasonCode

STATUS = m.Status("OFF_DUTY", (), None, None, 1, ())


class Agent:
    """Answers with what it was asked before."""

    def __init__(self) -> None:
        self.asked: list[m.Request] = []
        self.hold: asyncio.Event | None = None
        self.reply: m.Reply | Exception = m.Done(STATUS)

    async def __call__(self, request: m.Request) -> m.Reply:
        self.asked.append(request)
        if self.hold is not None:
            await self.hold.wait()
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


@pytest.fixture
def agent():
    return Agent()


@pytest.fixture
async def server(tmp_path, agent):
    server = await Server.open(tmp_path / "home", agent)
    yield server
    await server.close()


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


async def in_thread(function, *args, **more):
    return await asyncio.wait_for(asyncio.to_thread(function, *args, **more), 10)


def ask(home, *requests):
    """What a face is told, as messages again: that is what holds client and server together."""
    with Client.connect(home) as client:
        told = [client.ask(msgspec.to_builtins(request)) for request in requests]
    return [msgspec.convert({"type": "done", **done}, m.Done) for done in told]


async def stranger(home, *lines: bytes) -> bytes:
    """Say this to the agent's port; all that it answers until it hangs up."""
    port = json.loads((home / "agent.json").read_text())["port"]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"".join(lines))
        await writer.drain()
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionError:  # it hung up with bytes of ours unread
        return b""
    finally:
        writer.close()


def hello(home) -> bytes:
    return m.encode(m.Hello(json.loads((home / "agent.json").read_text())["token"]))


async def test_a_face_asks_and_is_answered_in_order(server, home, agent):
    requests = [m.PauseWork(m.PauseKind.LOCK), m.ResumeWork(), m.WorkNow(5.0), m.GetStatus()]

    assert await in_thread(ask, home, *requests) == [m.Done(STATUS)] * 4
    assert agent.asked == requests


async def test_what_was_said_first_is_done_first_whoever_said_it(server, home, agent):
    agent.hold = asyncio.Event()
    pauses = [m.WorkNow(float(seconds)) for seconds in range(1, 6)]
    asking = []
    for pause in pauses:
        asking.append(asyncio.create_task(stranger(home, hello(home), m.encode(pause))))
        # The one before waits for its answer: only one is handled at a time.
        await asyncio.sleep(0.05)
        assert agent.asked == pauses[:1]

    agent.hold.set()
    await until(lambda: len(agent.asked) == 5)
    await server.close()
    await asyncio.gather(*asking)

    assert agent.asked == pauses


class Watching(Agent):
    """Waits with a watch until there is news, and answers everything else at once."""

    def __init__(self) -> None:
        super().__init__()
        self.news = asyncio.Event()

    async def __call__(self, request: m.Request) -> m.Reply:
        if isinstance(request, m.Watch):
            await self.news.wait()
            return m.Seen(STATUS, 2, False, None, False, None, (), (), False, "", "")
        return await super().__call__(request)


async def test_a_face_that_waits_for_news_keeps_nobody_else_waiting(home):
    agent = Watching()
    server = await Server.open(home, agent)
    try:
        with await in_thread(Client.connect, home) as client:
            watching = asyncio.create_task(in_thread(client.watch, 1))
            await in_thread(ask, home, m.GetStatus())
            assert not watching.done()
            agent.news.set()
            seen = await watching
        assert seen["version"] == 2
        assert seen["status"]["state"] == "OFF_DUTY"
    finally:
        await server.close()


async def until(holds):
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.01)


async def test_where_it_listens_is_private_new_each_time_and_gone_at_the_end(server, home, agent):
    first = (home / "agent.json").read_bytes()
    if os.name == "posix":
        assert stat.S_IMODE((home / "agent.json").stat().st_mode) == 0o600
    assert server_host(json.loads(first)["port"]) == "127.0.0.1"

    second = await Server.open(home, agent)
    try:
        assert json.loads((home / "agent.json").read_bytes())["token"] != json.loads(first)["token"]
        assert len(json.loads(first)["token"]) == 64
    finally:
        await second.close()

    assert not (home / "agent.json").exists()


def server_host(port):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        return connection.getpeername()[0]


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\n",
        b"\x16\x03\x01\x02\x00\n",
        m.encode(m.Quit()),
        m.encode(m.Hello("0" * 64)) + m.encode(m.Quit()),
        b'{"type":"hello","token":""}\n' + m.encode(m.Quit()),
        b"x" * (m.LINE_MOST + 10),
        b"[" * 200_000 + b"\n",
    ],
)
async def test_who_does_not_know_the_token_is_let_go_without_a_word(server, home, agent, said):
    assert await stranger(home, said) == b""

    assert agent.asked == []
    assert await in_thread(ask, home, m.GetStatus()) == [m.Done(STATUS)]


@pytest.mark.parametrize(
    "bad", [b"{}\n", b"\xff\n", b'{"type":"fire"}\n', b"x" * (m.LINE_MOST + 10)]
)
async def test_the_first_bad_line_closes_the_connection_and_says_why(server, home, agent, bad):
    lines = (hello(home), m.encode(m.GetStatus()), bad, m.encode(m.Quit()))
    answers = (await stranger(home, *lines)).splitlines()

    assert agent.asked == [m.GetStatus()]
    if answers:  # where bytes of ours were left unread, the system may drop what was answered
        assert m.decode_reply(answers[0]) == m.Done(STATUS)
        refused = m.decode_reply(answers[-1])
        assert isinstance(refused, m.Refused)
        assert refused.kind == "input"
    assert len(answers) == 2 or len(bad) > 1000


async def test_who_says_nothing_is_let_go_and_takes_no_place_for_long(
    server, home, agent, monkeypatch
):
    monkeypatch.setattr("jobman_agent.control.server.HELLO_S", 0.3)
    silent = [asyncio.create_task(stranger(home)) for _ in range(CONNECTIONS_MOST + 5)]

    assert await asyncio.gather(*silent) == [b""] * (CONNECTIONS_MOST + 5)
    assert await in_thread(ask, home, m.GetStatus()) == [m.Done(STATUS)]


async def test_a_fault_of_the_agents_own_is_told_and_does_not_end_it(server, home, agent):
    agent.reply = ZeroDivisionError("of all things")
    with pytest.raises(JobmanError, match="of all things"):
        await in_thread(ask, home, m.GetStatus())

    agent.reply = m.Done(STATUS, "fine")
    assert await in_thread(ask, home, m.GetStatus()) == [m.Done(STATUS, "fine")]


@pytest.mark.parametrize(
    ("kind", "error"), [("input", InputError), ("not_allowed", NotAllowed), ("fault", JobmanError)]
)
async def test_what_is_refused_has_the_exit_code_of_its_kind(server, home, agent, kind, error):
    agent.reply = m.Refused("not today", kind)

    with pytest.raises(error, match="not today") as caught:
        await in_thread(ask, home, m.Quit())
    assert type(caught.value) is error


async def test_quit_waits_until_the_agent_has_ended(server, home, agent):
    with await in_thread(Client.connect, home) as client:
        waiting = asyncio.create_task(in_thread(client.quit))
        await until(lambda: agent.asked == [m.Quit()])
        await asyncio.sleep(0.1)
        assert not waiting.done()

        await server.close()
        assert (await waiting)["status"]["pid"] == STATUS.pid


async def test_a_reason_and_a_package_arrive_as_they_were(server, home, agent):
    reason = m.ShownReason(ReasonCode.CPU, "CPU 31 % over 25 % for 40 s", None)
    package = m.ShownPackage("a1", "älice", "running", 3.5)
    agent.reply = m.Done(m.Status("WORKING", (reason,), None, None, 9, (package,)))

    assert await in_thread(ask, home, m.GetStatus()) == [agent.reply]


# ---- no agent
def test_without_an_agent_a_face_is_told_at_once(home):
    with pytest.raises(AgentNotRunning, match=r"no agent runs for .*: jobman agent starts one"):
        Client.connect(home)


@pytest.mark.parametrize(
    "text", ["", "junk", "{}", "[]", "[" * 9000, '{"port":0,"token":"","pid":1}', "\0" * 9000]
)
def test_a_damaged_address_is_no_agent(home, text):
    home.mkdir()
    (home / "agent.json").write_text(text)

    with pytest.raises(AgentNotRunning, match="is damaged"):
        Client.connect(home)


def leave_address(home, port):
    home.mkdir()
    (home / "agent.json").write_text(json.dumps({"port": port, "token": "a" * 64, "pid": 4711}))


def test_a_file_that_an_agent_left_behind_is_no_agent(home):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        leave_address(home, unused.getsockname()[1])

        with pytest.raises(AgentNotRunning, match="process 4711 was the last"):
            Client.connect(home)


ELSE = (None, b"", b"HTTP/1.1 400 Bad Request\r\n", b"x" * 300_000, b"[" * 99_999 + b"\n")
ELSE += (b"[]\n", b"null\n", b'{"type":"done"}\n', b'{"type":"done","status":3}\n')
ELSE += (b'{"type":"refused","kind":[],"text":""}\n', b'{"type":"refused","kind":"x"}\n')


@pytest.mark.parametrize("answer", ELSE)
async def test_a_port_that_somebody_else_has_by_now_is_no_agent(home, answer):
    async def somebody(reader, writer):
        await reader.readline()
        if answer is not None:
            writer.write(answer)
            await writer.drain()
            writer.close()
        await gone.wait()
        writer.close()

    gone = asyncio.Event()
    other = await asyncio.start_server(somebody, "127.0.0.1", 0)
    leave_address(home, other.sockets[0].getsockname()[1])

    def look():
        with Client.connect(home, answer_s=0.3) as client:
            client.ask({"type": "status"})

    try:
        with pytest.raises(AgentNotRunning):
            await in_thread(look)
    finally:
        gone.set()
        other.close()
