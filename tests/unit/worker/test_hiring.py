"""Scanning, choosing and asking: steps 2 and 3 of the mission."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest

from jobman_agent.model.messages import Needs, Refuse, RefuseCode
from jobman_agent.worker.session import actions as do
from jobman_agent.worker.session import events as ev
from jobman_agent.worker.session import offers
from tests.unit.worker.bench import (
    KEY,
    NOW,
    OTHER_KEY,
    TIME,
    Bench,
    Goodbye,
    Outcome,
    Say,
    a_pc,
    an_offer,
    of,
    results,
    sent,
)


def test_the_pauses_between_scans_grow_up_to_the_most_give_or_take_half():
    bench = Bench(a_pc(scan_most_s=30.0))
    at = [bench.now] if of(do.Scan, bench.connect()) else []
    for _ in range(200):
        bench.scan()
        if of(do.Scan, bench.done) or of(do.Scan, bench.step(after=1.0)):
            at.append(bench.now)

    pauses = [b - a for a, b in itertools.pairwise(at)]
    for pause, full in zip(pauses, [1, 2, 4, 8, 16, 30, 30, 30], strict=False):
        assert full * 0.5 <= pause <= full * 1.5 + 1.0


def test_a_scan_that_the_pool_never_answered_is_repeated_after_the_next_connection():
    bench = Bench()
    assert of(do.Scan, bench.connect())
    for _ in range(60):
        assert not of(do.Scan, bench.step(after=1.0))

    bench.step(ev.Disconnected())

    assert of(do.Scan, bench.connect())


def test_the_boxes_are_made_and_the_session_kept_before_the_ask_is_sent():
    bench = Bench()
    bench.connect()
    actions = bench.scan(an_offer())

    kinds = [type(a) for a in actions]
    (ask,) = sent("ask", actions)
    (boxes,) = of(do.OpenBoxes, actions)
    assert kinds.index(do.SaveSession) < kinds.index(do.OpenBoxes) < kinds.index(do.Send)
    assert (ask.work_box, ask.result_box) == (boxes.work_box, boxes.result_box)
    assert ask.slots == 2
    assert [p.name for p in ask.programs] == ["python"]


@pytest.mark.parametrize(
    ("offer", "code"),
    [
        (an_offer(seen={"trusted": False}), RefuseCode.TRUST),
        (an_offer(seen={"code_allowed": False}), RefuseCode.TRUST),
        (an_offer(program="ccx"), RefuseCode.PROGRAM),
        (an_offer(needs=Needs(cores=4)), RefuseCode.TOO_SMALL),
        (an_offer(needs=Needs(memory=9 << 30)), RefuseCode.TOO_SMALL),
        (an_offer(needs=Needs(os=("windows",))), RefuseCode.TOO_SMALL),
        (an_offer(time="2026-11-18T11:15:00Z"), RefuseCode.CLOCK),
        (an_offer(expires="2026-11-18T11:00:00Z"), RefuseCode.CLOCK),
    ],
)
def test_an_offer_that_is_passed_over_is_told_why_and_what_would_be_right(offer, code):
    bench = Bench()
    bench.connect()
    actions = bench.scan(offer)

    assert not sent("ask", actions)
    (refuse,) = sent("refuse", actions)
    assert isinstance(refuse, Refuse)
    assert (refuse.code, refuse.worker) == (code, "pc1")
    assert refuse.why
    assert refuse.right


@pytest.mark.parametrize(
    "times", [{"time": "2026-11-18T11:15:00Z"}, {"expires": "2026-11-18T11:00:00Z"}]
)
def test_a_clock_that_differs_is_refused_with_both_times(times):
    bench = Bench()
    bench.connect()

    (refuse,) = sent("refuse", bench.scan(an_offer(**times)))

    (theirs,) = times.values()
    assert theirs in refuse.why
    assert TIME in refuse.why


def test_an_employer_is_told_once_an_hour_at_most():
    bench = Bench()
    bench.connect()
    offer = an_offer(program="ccx")
    told = [len(sent("refuse", bench.scan(offer)))]
    for _ in range(3):
        bench.now += 1000
        told.append(len(sent("refuse", bench.scan(offer))))
    bench.now += 1000
    told.append(len(sent("refuse", bench.scan(offer))))

    assert told == [1, 0, 0, 0, 1]


def test_offers_are_chosen_at_random_by_packages_per_worker_and_the_owners_priority():
    light = an_offer("a", waiting=10, workers=1)
    heavy = an_offer("b", waiting=1000, workers=9, seen={"priority": 2.0})
    none = an_offer("c", waiting=0)
    rng = random.Random(1)
    chosen = Counter(offers.choose([light, heavy, none], rng).offer.offer[0] for _ in range(5000))

    assert [offers.weight(o) for o in (light, heavy, none)] == [5.0, 20.0, 0.0]
    assert chosen["c"] == 0
    assert 3 < chosen["b"] / chosen["a"] < 5


def test_the_highest_sequence_of_an_offer_counts_and_an_older_one_is_never_believed():
    bench = Bench()
    bench.connect()
    bench.scan(an_offer(waiting=0, sequence=3), an_offer(waiting=10, sequence=2))
    assert not sent("ask", bench.done)
    bench.scan(an_offer(waiting=10, sequence=2))
    assert not sent("ask", bench.done)
    bench.scan(an_offer(waiting=10, sequence=4))
    assert sent("ask", bench.done)


def test_an_ask_without_answer_is_given_up_after_a_minute_and_both_boxes_are_removed():
    bench = Bench()
    session = bench.ask()
    actions = bench.wait(62)

    assert {a.box for a in of(do.RemoveBox, actions)} == {
        f"work.{session}",
        f"res.aaaaaaaaaaaaaaaa.{session}",
    }
    assert of(do.Scan, actions)
    bench.scan(an_offer(), an_offer("p", waiting=1))
    assert sent("ask", bench.done)[0].offer == "p" * 16


def test_after_a_restart_an_unanswered_ask_is_a_session_that_was_left():
    bench = Bench()
    session = bench.ask()

    bench.restart()
    actions = bench.connect()
    assert [b.session for b in sent("bye", actions)] == [session]

    bench.work(session, "a")
    assert [r.outcome for r in results(bench.done)] == [Outcome.HANDED_BACK]


def test_a_refused_ask_is_not_repeated_for_an_hour():
    bench = Bench()
    session = bench.ask()
    refuse = Refuse(time=TIME, offer="o" * 16, session=session, code=RefuseCode.CLOCK, why="clock")
    bench.receive(refuse)
    bench.scan(an_offer(sequence=2))
    assert not sent("ask", bench.done)

    bench.now += 3601
    bench.scan(an_offer(sequence=3, time="2026-11-18T11:30:00Z"))
    assert sent("ask", bench.done)


def test_an_ask_box_that_is_gone_ends_the_ask_at_once():
    bench = Bench()
    bench.ask()
    (ask,) = [a for a in of(do.Send, bench.done) if sent("ask", [a])]
    actions = bench.step(ev.Undeliverable(ask.number))

    assert len(of(do.RemoveBox, actions)) == 2
    assert bench.core.snapshot().state == "seeking"


def test_after_half_an_hour_a_packages_end_leads_to_a_clearly_heavier_offer():
    bench = Bench()
    session = bench.join()
    bench.work(session, "a", "b", "c")
    first = of(do.Start, bench.done)
    bench.now += 1900
    bench.answer(session)
    assert of(do.Scan, bench.end(first[0]))
    mine, heavier = an_offer(waiting=10), an_offer("p", waiting=50, key=OTHER_KEY)

    bench.scan(mine, an_offer("p", waiting=15, key=OTHER_KEY))
    assert not sent("ask", bench.done)
    bench.now += 400
    bench.answer(session)
    assert of(do.Scan, bench.end(first[1]))
    bench.scan(mine, heavier)

    assert [b.session for b in sent("bye", bench.done)] == [session]
    assert sent("ask", bench.done)[0].offer == "p" * 16


def test_without_work_for_two_minutes_the_worker_changes_to_an_offer_that_has_some():
    bench = Bench()
    session = bench.join()
    actions = []
    for _ in range(140):
        bench.answer(session)
        actions += bench.wait(1, an_offer("o", waiting=5), an_offer("p", waiting=5))

    assert [b.session for b in sent("bye", actions)] == [session]
    assert sent("ask", actions)


def test_without_a_word_for_two_minutes_the_worker_leaves_and_asks_elsewhere():
    bench = Bench()
    session = bench.join()
    actions = bench.wait(110)
    assert not sent("bye", actions)
    assert sent("beat", actions)
    actions = bench.wait(15)

    assert [(b.session, b.reason) for b in sent("bye", actions)] == [(session, Goodbye.LEAVING)]
    assert of(do.Scan, actions)


def test_an_offer_of_another_key_with_the_same_id_is_another_offer():
    bench = Bench()
    session = bench.join()
    bench.bye(session, Goodbye.DISMISSED)
    bench.wait(70)
    bench.scan(an_offer(sequence=9))
    assert not sent("ask", bench.done)
    bench.scan(an_offer(key=OTHER_KEY))
    assert sent("ask", bench.done)
    assert KEY != OTHER_KEY
    assert bench.now > NOW


def test_idle_exit_counts_from_the_start_or_the_last_sessions_end():
    bench = Bench(a_pc(idle_exit_s=30.0))
    session = bench.join()
    actions = []
    for _ in range(50):
        bench.answer(session)
        actions += bench.wait(1)
    assert not of(do.Exit, actions)
    bench.bye(session)

    assert not of(do.Exit, bench.wait(29))
    assert of(do.Exit, bench.wait(2))


def test_idle_exit_waits_for_an_employer_who_may_still_need_files_of_a_result():
    bench = Bench(a_pc(idle_exit_s=30.0, slots=1))
    session = bench.join()
    bench.work(session, "a")
    (start,) = of(do.Start, bench.done)
    bench.confirm()
    bench.bye(session, Goodbye.LEAVING)
    bench.confirm()
    bench.end(start)
    bench.confirm()

    assert not of(do.Exit, bench.wait(60))
    bench.answer(session, ("a", 1, Say.RECEIPT))
    assert of(do.Exit, bench.wait(32))
