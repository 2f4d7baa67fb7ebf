"""What is said on one PC: every message survives its line, and no line does any harm."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta, timezone

import pytest

from jobman_agent.control import client
from jobman_agent.control import messages as m
from jobman_agent.control import pipe_messages as p
from jobman_agent.errors import MalformedMessage
from jobman_agent.model.messages import Outcome
from jobman_agent.model.verdict import ReasonCode

CET = timezone(timedelta(hours=1))
EVENING = datetime(2026, 11, 24, 18, 0, tzinfo=CET)
KEY = "ed25519:" + "A" * 43 + "="
STATUS = m.Status(
    state="SUSPENDED",
    reasons=(
        m.ShownReason(ReasonCode.HOURS, "hours from 18:00", EVENING),
        m.ShownReason(ReasonCode.PAUSED, "paused until you resume", None),
    ),
    next=EVENING,
    paused_until=None,
    pid=4711,
    packages=(m.ShownPackage("a1", "älice", "suspended", 12.5),),
)
REQUESTS = (
    m.GetStatus(),
    m.PauseWork(m.PauseKind.DURATION, 1800.0),
    *(m.PauseWork(kind) for kind in m.PauseKind if kind is not m.PauseKind.DURATION),
    m.ResumeWork(),
    m.WorkNow(3600.0),
    m.Quit(),
    m.Watch(7),
    m.AnswerEmployer(KEY, "allow_code"),
    m.Greeted(),
)
SEEN = m.Seen(
    status=STATUS,
    version=8,
    pausing=True,
    work_until=EVENING,
    failing=False,
    share=0.5,
    unknown=(m.ShownEmployer("mallory", KEY, "ab-cd", "a bridge", True, False),),
    night=(m.ShownNight("alice", 34, 12000.5, 10**9),),
    first_night=True,
    settings_file="/home/bob/jobman.ini",
    log_file="/home/bob/jobman.log",
)
REPLIES = (m.Done(STATUS, "paused"), SEEN, m.Refused("two\nlines", "input"))
AGENT = (
    p.Limits(4, 8 << 30, 10**10),
    p.WillingUntil("2026-11-24T07:00:00Z"),
    p.WillingUntil(None),
    p.Starts(allowed=False),
    p.Freeze(7),
    p.Thaw(),
    p.Leave("the owner is back"),
)
WORKER = (
    p.RunnerUp(12),
    p.Starting((p.ComingRun("ab12", "a1", "alice"),)),
    p.Started("ab12", 13),
    p.Ended("ab12", Outcome.DONE, 1.5, 1.25, 10**9),
    p.Frozen(7, ("ab12",)),
    p.Snapshot("working", True, 3, STATUS.packages, 17),
    p.Snapshot("working", True, 3, STATUS.packages, 17, 12.5),
    p.UnknownEmployer("mallory", KEY, "a bridge", True, False),
    p.Said("took 3 packages", False),
)
READERS = (
    (m.decode_hello, (m.Hello("0f" * 32),)),
    (m.decode_request, REQUESTS),
    (m.decode_reply, REPLIES),
    (p.decode_agent, AGENT),
    (p.decode_worker, WORKER),
)
CASES = [(reader, message) for reader, said in READERS for message in said]


@pytest.mark.parametrize(("reader", "message"), CASES)
def test_a_message_is_one_line_and_comes_back_as_it_was(reader, message):
    line = m.encode(message)

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert reader(line) == message


def test_the_status_is_the_object_that_the_command_line_promises():
    told = json.loads(m.encode(m.Done(STATUS)))["status"]

    assert told == {
        "state": "SUSPENDED",
        "reasons": [
            {"code": "hours", "text": "hours from 18:00", "until": "2026-11-24T18:00:00+01:00"},
            {"code": "paused", "text": "paused until you resume", "until": None},
        ],
        "next": "2026-11-24T18:00:00+01:00",
        "paused_until": None,
        "pid": 4711,
        "packages": [
            {"name": "a1", "employer": "älice", "state": "suspended", "seconds": 12.5},
        ],
    }


def test_a_face_knows_every_field_of_what_a_tray_is_shown():
    told = json.loads(m.encode(SEEN))

    assert told.pop("type") == "seen"
    assert told.keys() == client.Seen.__annotations__.keys()
    assert told["unknown"][0].keys() == client.UnknownEmployer.__annotations__.keys()
    assert told["night"][0].keys() == client.Night.__annotations__.keys()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"null",
        b"{}",
        b"GET / HTTP/1.1\r\n",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"type":' * 5000,
        b'{"type":"fire"}',
        b'{"type":"quit","now":true}',
        b'{"type":"quit"}{"type":"quit"}',
        b'{"type":"pause"}',
        b'{"type":"pause","kind":"forever"}',
        b'{"type":"pause","kind":"duration"}',
        b'{"type":"pause","kind":"lock","seconds":5}',
        b'{"type":"pause","kind":"duration","seconds":0}',
        b'{"type":"pause","kind":"duration","seconds":-1}',
        b'{"type":"pause","kind":"duration","seconds":1e18}',
        b'{"type":"pause","kind":"duration","seconds":NaN}',
        b'{"type":"pause","kind":"duration","seconds":"30"}',
        b'{"type":"work_now","seconds":null}',
        b'{"type":"status"}' + b" " * m.LINE_MOST,
    ],
)
def test_what_is_no_request_is_one_clear_error(line):
    with pytest.raises(MalformedMessage, match=r"^request: .{5}"):
        m.decode_request(line)


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"started","run":"../../etc","group":5}',
        b'{"type":"started","run":"ab","group":0}',
        b'{"type":"started","run":"ab","group":-1}',
        b'{"type":"runner_up","pid":0}',
        b'{"type":"ended","run":"ab","outcome":"won","seconds":1,"cpu_seconds":1,"peak_memory":1}',
        b'{"type":"limits","cores":1,"memory":1,"disk":1}',
    ],
)
def test_a_worker_cannot_say_what_would_make_its_agent_stop_a_stranger(line):
    # killpg(0) is one's own group, kill(-1) is everybody.
    with pytest.raises(MalformedMessage, match="the worker's line"):
        p.decode_worker(line)


def test_a_moment_without_its_offset_is_refused():
    line = m.encode(m.Done(STATUS)).replace(b"+01:00", b"")

    with pytest.raises(MalformedMessage, match="timezone"):
        m.decode_reply(line)


def test_no_changed_line_is_anything_but_a_message_or_malformed():
    chance = random.Random(20261124)
    understood = 0
    for _ in range(4000):
        reader, message = chance.choice(CASES)
        line = bytearray(m.encode(message))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(line))
            match chance.randrange(3):
                case 0:
                    line[at] = chance.randrange(256)
                case 1:
                    del line[at : at + chance.randint(1, 5)]
                    line = line or bytearray(b"x")
                case _:
                    line[at:at] = chance.choice([b'"', b"{", b"\\", b"0", b"\x00", b"\xe2", b","])
        try:
            said = reader(bytes(line))
        except MalformedMessage:
            continue
        understood += 1
        # What is understood is a whole message again.
        assert reader(m.encode(said)) == said
    assert 0 < understood < 2000


def test_the_largest_lists_have_room_in_a_line():
    name, employer = "p" * 100, "Ä" * 64
    packages = tuple(
        m.ShownPackage(name, employer, "suspended", 123456.789) for _ in range(p.LIST_MOST)
    )
    runs = tuple(p.ComingRun("r" * 64, name, employer) for _ in range(p.LIST_MOST))

    m.encode(p.Snapshot("working", True, p.LIST_MOST, packages, 1))
    m.encode(p.Starting(runs))

    with pytest.raises(MalformedMessage, match="are allowed"):
        m.encode(p.Said("x" * m.LINE_MOST, False))


def test_a_time_of_the_wire_is_one():
    assert p.decode_agent(b'{"type":"willing_until","until":null}') == p.WillingUntil(None)
    with pytest.raises(MalformedMessage):
        p.decode_agent(b'{"type":"willing_until","until":"tomorrow"}')
