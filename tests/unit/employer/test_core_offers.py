"""Offers, asks, refusals, and what the person is told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jobman_agent.employer.session.events import (
    Connected,
    Disconnected,
    Listen,
    Look,
    OfferSeen,
    Post,
    Received,
    Tell,
    Withdraw,
    WithdrawRequested,
)
from jobman_agent.model.messages import Needs, Program, Refuse, RefuseCode, Say
from jobman_agent.model.wire import time_text
from tests.unit.employer.desk import OFFER, START, Desk, handed, of, said, sent, specs


def test_the_offer_is_posted_and_refreshed_every_five_minutes_with_a_new_sequence():
    desk = Desk()

    (first,) = of(desk.done, Post)
    later = of(desk.wait(310), Post)

    assert (first.offer.sequence, first.offer.waiting, first.offer.workers) == (1, 3, 0)
    assert [post.offer.sequence for post in later] == [2]
    assert desk.core.state.job.sequence == 2


def test_the_sequence_goes_on_after_a_restart():
    desk = Desk()

    (post,) = of(desk.start(), Post)

    assert post.offer.sequence == 2


def test_it_is_announced_soon_that_nothing_waits_any_more():
    desk = Desk(packages=specs("a1"))
    desk.ask()

    (post,) = of(desk.wait(60), Post)

    assert post.offer.waiting == 0


def test_an_offer_missing_twice_is_posted_again():
    desk = Desk()
    looks = of(desk.wait(120), Look)

    assert looks
    assert not of(desk.do(OfferSeen(stands=False)), Post)
    assert of(desk.do(OfferSeen(stands=False)), Post)
    assert not of(desk.do(OfferSeen(stands=False)), Post)


def test_who_never_sees_its_offer_is_told_what_may_hold_the_queue():
    desk = Desk()

    told = [tell.text for tell in of(desk.wait(130), Tell)]

    assert any("rabbitmqctl list_consumers" in text for text in told)


def test_a_seen_offer_needs_no_such_word():
    desk = Desk()
    desk.wait(60)
    desk.do(OfferSeen(stands=True))

    told = [tell.text for tell in of(desk.wait(130), Tell)]

    assert not any("rabbitmqctl" in text for text in told)


def test_after_a_reconnect_the_offer_is_posted_anew():
    desk = Desk()
    desk.do(Disconnected())

    assert of(desk.do(Connected()), Post)


def test_withdrawing_takes_the_offer_down_and_refuses_asks():
    desk = Desk()

    assert of(desk.do(WithdrawRequested()), Withdraw)
    assert not of(desk.wait(600), Post)
    assert [one.code for one in sent(desk.ask(), Refuse)] == [RefuseCode.CLOSED]


def test_an_ask_opens_a_session_and_its_result_box():
    desk = Desk()

    actions = desk.ask(slots=2)

    assert of(actions, Listen)[0].box == "res.sw1"
    assert desk.core.state.sessions["sw1"].row.slots == 2
    assert desk.ask(slots=2) == []


def test_after_a_reconnect_every_session_is_listened_to():
    desk = Desk()
    desk.ask("w1")
    desk.ask("w2")
    desk.do(Disconnected())

    assert [one.session for one in of(desk.do(Connected()), Listen)] == ["sw1", "sw2"]


@pytest.mark.parametrize(
    ("plan", "ask", "code", "right"),
    [
        ({}, {"offer": "x" * 16}, RefuseCode.CLOSED, ""),
        ({"program": "ccx"}, {}, RefuseCode.PROGRAM, "[software] ccx = PATH"),
        ({"needs": Needs(cores=8)}, {}, RefuseCode.TOO_SMALL, "8 cores"),
        ({"needs": Needs(memory=1 << 40)}, {}, RefuseCode.TOO_SMALL, "bytes of memory"),
        ({"needs": Needs(os=("windows",))}, {}, RefuseCode.TOO_SMALL, "windows"),
        ({"known": frozenset({"key-w9"})}, {}, RefuseCode.TRUST, "jobman keys trust w1 key-w1"),
    ],
)
def test_an_ask_that_does_not_fit_is_refused_with_what_would_be_right(plan, ask, code, right):
    desk = Desk(**plan)

    (refusal,) = sent(desk.ask(**ask), Refuse)

    assert refusal.code is code
    assert right in refusal.right
    assert handed(desk.wait(30)) == []


def test_programs_are_compared_without_regard_to_case():
    assert handed(Desk().ask(programs=(Program("Python", "3.11"),)))


@pytest.mark.parametrize("off", [-400, 400])
def test_a_wrong_clock_is_refused_with_both_times(off):
    desk = Desk()

    (refusal,) = sent(desk.ask(time=_text(off)), Refuse)

    assert refusal.code is RefuseCode.CLOCK
    assert _text(off) in refusal.why
    assert _text(0) in refusal.why


def test_an_ask_that_waited_while_nobody_was_here_is_not_called_a_wrong_clock():
    desk = Desk()
    desk.do(Disconnected())
    desk.do(Connected())

    assert desk.ask(time=_text(-4000)) == []


def test_boxes_that_are_not_the_worker_s_are_refused_or_not_even_written_to():
    desk = Desk()
    (action,) = of(desk.ask(), Listen)
    ask = _an_ask(desk, "w2")

    assert not desk.do(Received("key-w2", ask, work_box_ok=False))
    actions = desk.do(Received("key-w2", ask, result_box_ok=False))
    assert [one.code for one in sent(actions, Refuse)] == [RefuseCode.BOXES]
    assert action.session == "sw1"


def test_what_a_worker_holds_already_is_answered_with_its_ask():
    desk = Desk()
    desk.ask("w1")
    from jobman_agent.model.messages import Held, HeldState

    actions = desk.ask(
        "w1", session="new", work_box="a", result_box="b",
        holding=(Held("a1", 1, HeldState.RUNNING), Held("a9", 1, HeldState.RUNNING)),
    )  # fmt: skip

    assert said(actions) == [("a1", 1, Say.GO_ON), ("a9", 1, Say.STOP)]
    assert desk.lease("a1").session == "new"


def test_workers_that_passed_the_offer_over_are_told_in_one_line_after_30_s():
    desk = Desk(program="ccx")
    for number in range(3):
        _refuse(desk, f"w{number}", RefuseCode.PROGRAM, "no program ccx")
    _refuse(desk, "w3", RefuseCode.TRUST, "alice is not trusted here")
    assert not [tell for tell in of(desk.wait(25), Tell) if tell.step is None]

    (text,) = [tell.text for tell in of(desk.wait(10), Tell) if tell.step is None]

    assert text.startswith("4 workers looked: 3 lack ccx, 1 does not trust your key ")
    assert "(there: jobman keys trust alice ed25519:" in text


def test_it_is_told_when_no_worker_comes():
    desk = Desk()

    told = [tell.text for tell in of(desk.wait(45), Tell)]

    assert "no worker works for this job (yet); packages wait until one does" in told
    assert told.count("no worker works for this job (yet); packages wait until one does") == 1


def _refuse(desk: Desk, worker: str, code: RefuseCode, why: str) -> None:
    refusal = Refuse(time=desk.time, offer=OFFER, worker=worker, code=code, why=why)
    desk.do(Received(f"key-{worker}", refusal))


def _an_ask(desk: Desk, worker: str):
    other = Desk()
    found = []
    step = other.core.step
    other.core.step = lambda event, now: found.append(event) or step(event, now)  # type: ignore
    other.ask(worker)
    return found[0].message


def _text(off: float) -> str:
    return time_text(datetime.fromtimestamp(START + off, UTC))
