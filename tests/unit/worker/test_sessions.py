"""Coming, staying and going: start, connection, wake-up, owner, and results without a way."""

from __future__ import annotations

import itertools

from jobman_agent.model.messages import Need, Wanted
from jobman_agent.worker.session import actions as do
from jobman_agent.worker.session import events as ev
from jobman_agent.worker.session.results import AGAIN_S
from tests.unit.worker.bench import (
    KEY,
    OTHER_KEY,
    TIME,
    Bench,
    Goodbye,
    HeldState,
    Outcome,
    Say,
    a_pc,
    an_offer,
    of,
    results,
    sent,
    started,
)


def a_bench_with(*names, slots=1):
    """A worker in a session, with work; the first `slots` of it run."""
    bench = Bench(a_pc(slots=slots))
    session = bench.join()
    bench.work(session, *names)
    starts = of(do.Start, bench.done)
    bench.began = bench.step(*[ev.RunStarted(s.run) for s in starts])
    bench.confirm()
    return bench, session, starts


# ---- start
def test_what_ran_when_the_process_died_is_lost_and_never_started_again():
    bench, session, _ = a_bench_with("a", "b")
    bench.restart()
    assert [(r.package, r.outcome) for r in results(bench.done)] == [("a", Outcome.LOST)]
    bench.connect()
    bench.answer(session, ("a", 1, Say.RECEIPT), ("b", 1, Say.GO_ON))

    assert started(bench.done) == ["b"]


def test_after_a_start_nothing_begins_before_the_employer_has_answered():
    bench, session, _ = a_bench_with("a", "b")
    bench.restart()
    assert not started(bench.done)
    actions = bench.connect()
    assert not started(actions)
    (beat,) = sent("beat", actions)
    assert {h.package: h.state for h in beat.holding} == {
        "a": HeldState.FINISHED,
        "b": HeldState.WAITING,
    }
    assert (beat.start, beat.count) == (2, 1)
    assert started(bench.answer(session, ("b", 1, Say.GO_ON))) == ["b"]


def test_an_answer_about_results_alone_does_not_let_begin_what_waited_at_a_start():
    bench, session, _ = a_bench_with("a", "b")
    bench.restart()
    bench.connect()

    assert not started(bench.answer(session, ("a", 1, Say.RECEIPT)))
    assert not started(bench.answer(session, ("b", 1, Say.STOP)))


def test_work_that_waited_in_the_box_while_we_were_away_is_asked_about_first():
    bench, session, _ = a_bench_with("a", "b")
    bench.restart()
    bench.connect()
    bench.work(session, "late")

    assert not started(bench.answer(session, ("b", 1, Say.STOP)))
    assert started(bench.answer(session, ("late", 1, Say.GO_ON))) == ["late"]


def test_without_an_answer_for_two_minutes_what_has_not_started_is_handed_back():
    bench, _, _ = a_bench_with("a", "b")
    bench.restart()
    bench.connect()
    assert not results(bench.wait(118))
    assert [(r.package, r.outcome) for r in results(bench.wait(4))] == [("b", Outcome.HANDED_BACK)]


def test_a_session_without_work_is_left_at_the_next_start():
    bench = Bench()
    session = bench.join()
    bench.restart()
    actions = bench.connect()

    assert [b.session for b in sent("bye", actions)] == [session]
    assert of(do.Scan, actions)


def test_the_order_of_messages_is_remembered_over_a_restart():
    bench, session, _ = a_bench_with("a", "b", "c")
    bench.answer(session, ("b", 1, Say.STOP))
    bench.restart()
    bench.connect()
    bench.count = 0

    assert not started(bench.answer(session, ("c", 1, Say.GO_ON)))
    bench.count = 10
    assert started(bench.answer(session, ("c", 1, Say.GO_ON))) == ["c"]


def test_an_older_answer_is_ignored():
    bench, session, _ = a_bench_with("a", "b")
    bench.count = 7
    bench.answer(session)
    bench.count = 5
    assert not results(bench.answer(session, ("b", 1, Say.GIVE_BACK)))
    bench.count = 8
    assert results(bench.answer(session, ("b", 1, Say.GIVE_BACK)))


def test_answers_and_needs_are_each_in_an_order_of_their_own():
    bench, session, _ = a_bench_with("a", "b")

    def need(count):
        wanted = (Wanted(sha256="0" * 64),)
        return bench.receive(
            Need(time=TIME, offer="o" * 16, session=session, start=1, count=count, files=wanted)
        )

    assert of(do.Serve, need(9))
    bench.count = 7
    assert results(bench.answer(session, ("b", 1, Say.GIVE_BACK)))
    assert not of(do.Serve, need(8))
    assert of(do.Serve, need(10))


def test_an_employer_of_another_version_is_refused_in_its_session_once_and_nobody_else():
    bench, session, _ = a_bench_with("a")
    box = f"work.{session}"

    assert not sent("refuse", bench.step(ev.OtherVersion(box, "ed25519:somebody else")))
    (refusal,) = sent("refuse", bench.step(ev.OtherVersion(box, KEY)))
    assert (refusal.session, refusal.code.value) == (session, "version")
    assert not sent("refuse", bench.step(ev.OtherVersion(box, KEY)))
    assert not sent("refuse", bench.step(ev.OtherVersion("work.unknown", KEY)))


# ---- connection and sleep
def test_at_every_connection_boxes_are_made_beats_sent_and_unconfirmed_results_sent_again():
    bench, session, (start,) = a_bench_with("a", "b")
    bench.answer(session)
    bench.end(start)
    (first,) = [s for s in of(do.Send, bench.done) if s.batch is not None]
    bench.step(ev.Disconnected())
    actions = bench.connect()

    assert [b.work_box for b in of(do.OpenBoxes, actions)] == [f"work.{session}"]
    assert len(sent("beat", actions)) == 1
    assert [s.batch for s in of(do.Send, actions) if s.batch] == [first.batch]
    bench.confirm()
    bench.step(ev.Disconnected())
    assert not [s for s in of(do.Send, bench.connect()) if s.batch]


def test_a_connection_that_comes_and_goes_does_not_fill_the_box_of_an_absent_employer():
    bench, _, _ = a_bench_with("a")
    bench.wait(205)
    beats = 0
    for _ in range(50):
        bench.step(ev.Disconnected())
        beats += len(sent("beat", bench.connect()))
        bench.confirm()
        bench.wait(2)
    assert beats <= 2


def test_results_that_were_not_confirmed_are_sent_again_but_not_all_the_time():
    bench, _, (start,) = a_bench_with("a")
    bench.end(start)
    (first,) = [s for s in of(do.Send, bench.done) if s.batch]
    bench.step(ev.Unconfirmed(first.number))
    assert not [s for s in of(do.Send, bench.wait(AGAIN_S - 1)) if s.batch]
    assert [s.batch for s in of(do.Send, bench.wait(2)) if s.batch] == [first.batch]


def test_after_a_wake_up_nothing_begins_before_an_answer():
    bench, session, (start,) = a_bench_with("a", "b")
    actions = bench.step(ev.Woke(), after=5000.0)
    assert len(sent("beat", actions)) == 1
    assert not started(bench.end(start))
    assert started(bench.answer(session, ("b", 1, Say.GO_ON))) == ["b"]


def test_a_beat_of_a_wake_up_that_went_down_with_the_connection_is_said_again():
    bench, _, _ = a_bench_with("a", "b")
    assert sent("beat", bench.step(ev.Woke(), after=5000.0))
    bench.step(ev.Disconnected(), after=1.0)
    assert sent("beat", bench.connect())


# ---- beats
def test_beats_come_every_third_of_a_lease_and_twice_as_late_while_unanswered():
    bench, session, _ = a_bench_with("a")
    assert sent("beat", bench.began)
    begin = bench.now
    times = [0.0]
    while bench.now - begin < 4000:
        if sent("beat", bench.wait(1)):
            times.append(bench.now - begin)
    assert [b - a for a, b in itertools.pairwise(times)] == [200, 400, 800, 1600]

    assert sent("beat", bench.answer(session))
    bench.answer(session)
    assert not sent("beat", bench.wait(198))
    assert sent("beat", bench.wait(4))


def test_a_beat_that_lies_unread_is_replaced_by_the_next():
    bench, _, _ = a_bench_with("a")
    first = [s for s in of(do.Send, bench.began) if sent("beat", [s])]
    second = [s for s in of(do.Send, bench.wait(205)) if sent("beat", [s])]

    assert second[0].replaces == first[-1].number


def test_a_package_that_begins_to_run_is_told_with_one_beat_for_all_that_began():
    bench, _, _ = a_bench_with("a", "b", "c", slots=3)
    beats = sent("beat", [*bench.began, *bench.wait(10)])

    assert len(beats) == 1
    assert [h.state for h in beats[0].holding] == [HeldState.RUNNING] * 3


def test_very_short_packages_are_not_told_one_by_one():
    bench = Bench(a_pc(slots=1))
    session = bench.join(an_offer(usual_s=0.01))
    bench.work(session, *(f"p{n}" for n in range(20)))
    starts = of(do.Start, bench.done)
    for start in starts[:10]:
        assert not sent("beat", bench.step(ev.RunStarted(start.run), after=0.1))
        assert not sent("beat", bench.end(start, seconds=0.01))
    bench.step(ev.RunStarted(starts[10].run))

    assert len(sent("beat", bench.wait(5))) == 1


def test_a_beat_of_very_many_packages_comes_in_parts_below_the_size_of_a_message():
    bench = Bench(a_pc(slots=1))
    session = bench.join()
    bench.work(session, *(f"package-{n:05}" for n in range(9000)))
    beats = sent("beat", bench.wait(210))

    assert [len(b.holding) for b in beats[:3]] == [4000, 4000, 1000]
    assert len({(b.start, b.count) for b in beats}) == len(beats)


# ---- the owner
def test_a_freeze_suspends_at_once_and_says_so():
    bench, _, _ = a_bench_with("a", "b")
    actions = bench.step(ev.Freeze())

    assert of(do.Suspend, actions)
    (beat,) = sent("beat", actions)
    assert beat.slots == 0
    assert {h.package: h.state for h in beat.holding} == {
        "a": HeldState.SUSPENDED,
        "b": HeldState.WAITING,
    }


def test_frozen_for_more_than_half_a_minute_what_has_not_started_is_handed_back():
    bench, _, _ = a_bench_with("a", "b")
    bench.step(ev.Freeze())
    assert not results(bench.wait(29))
    assert [r.package for r in results(bench.wait(3))] == ["b"]


def test_nothing_starts_while_frozen_and_a_thaw_lets_all_go_on():
    bench, session, (start,) = a_bench_with("a", "b")
    bench.step(ev.Freeze())
    assert not started(bench.end(start))
    actions = bench.step(ev.Thaw())

    assert of(do.Resume, actions)
    assert started(actions) == ["b"]
    assert [b.slots for b in sent("beat", actions)] == [1]
    assert session


def test_leaving_hands_everything_back_says_goodbye_and_ends():
    bench, session, (start,) = a_bench_with("a", "b")
    actions = bench.step(ev.Leave("Ctrl-C"))
    assert [(k.run, k.at_once) for k in of(do.Kill, actions)] == [(start.run, False)]
    assert [r.package for r in results(actions)] == ["b"]
    assert not of(do.Exit, actions)
    bench.confirm()
    actions = bench.end(start, Outcome.HANDED_BACK)

    assert [(r.package, r.outcome) for r in results(actions)] == [("a", Outcome.HANDED_BACK)]
    order = [s.batch or s.message.reason for s in of(do.Send, actions)]
    assert order[-1] is Goodbye.LEAVING
    assert len(order) == 2
    assert of(do.Exit, bench.confirm(actions))
    assert session


def test_a_second_interrupt_kills_without_grace_and_goes():
    bench, _, (start,) = a_bench_with("a")
    bench.step(ev.Leave("Ctrl-C"))
    actions = bench.step(ev.Leave("Ctrl-C again", at_once=True))

    assert [(k.run, k.at_once) for k in of(do.Kill, actions)] == [(start.run, True)]
    assert of(do.Exit, actions)


def test_leaving_without_a_pool_keeps_everything_for_the_next_start():
    bench, session, (start,) = a_bench_with("a")
    bench.step(ev.Disconnected())
    bench.step(ev.Leave("Ctrl-C"))
    actions = bench.end(start, Outcome.HANDED_BACK)
    assert of(do.Exit, actions)

    bench.restart()
    actions = bench.connect()
    assert [b.session for b in sent("bye", actions)] == [session]
    assert [h.package for h in sent("beat", actions)[0].holding] == ["a"]


# ---- results without a way back
def test_results_whose_box_is_gone_are_offered_anew_to_the_same_offer_and_key():
    bench, old, (start,) = a_bench_with("a")
    bench.end(start)
    (send,) = [s for s in of(do.Send, bench.done) if s.batch]
    bench.step(ev.Undeliverable(send.number))
    bench.wait(3, an_offer(key=OTHER_KEY, waiting=0))
    actions = bench.scan(an_offer(sequence=2))

    (ask,) = sent("ask", actions)
    assert [(h.package, h.state) for h in ask.holding] == [("a", HeldState.FINISHED)]
    assert of(do.MoveSession, actions) == [do.MoveSession(old, ask.session)]
    assert not [s for s in of(do.Send, actions) if s.batch]
    (again,) = [s for s in of(do.Send, bench.answer(ask.session)) if s.batch]
    assert (again.batch, again.session) == (send.batch, ask.session)


def test_results_are_offered_anew_after_ten_minutes_without_any_answer():
    bench, old, (start,) = a_bench_with("a")
    bench.end(start)
    bench.confirm()
    bench.wait(125)
    assert sent("bye", bench.wait(1)) == []
    asks = sent("ask", bench.wait(300, an_offer("p", waiting=0)))
    assert not asks
    asks = sent("ask", bench.wait(300, an_offer(sequence=2, waiting=0)))

    assert [h.package for h in asks[0].holding] == ["a"]
    assert asks[0].session != old


def test_what_is_carried_over_survives_a_restart_in_the_middle():
    bench, _, (start,) = a_bench_with("a")
    bench.end(start)
    (send,) = [s for s in of(do.Send, bench.done) if s.batch]
    bench.step(ev.Undeliverable(send.number))
    bench.scan(an_offer(sequence=2))
    assert sent("ask", bench.done)
    bench.restart()
    bench.connect()
    bench.scan()
    assert bench.core.snapshot().unreceipted == 1

    bench.wait(60)
    bench.now += 700
    asks = sent("ask", bench.wait(10, an_offer(sequence=3, time="2026-11-18T11:20:00Z")))
    assert [h.package for h in asks[0].holding] == ["a"]


def test_boxes_are_declared_anew_every_hour_and_results_are_kept_for_seven_days():
    bench, _, (start,) = a_bench_with("a")
    bench.end(start)
    bench.confirm()
    bench.now += 3601
    assert of(do.OpenBoxes, bench.step())
    bench.now += 6 * 86400
    bench.wait(5)
    assert bench.core.snapshot().unreceipted == 1
    bench.now += 86400
    actions = bench.wait(5)

    assert [t.text for t in of(do.Tell, actions) if t.warning] == [
        "results kept for 7 days without a receipt: a"
    ]
    assert bench.core.snapshot().unreceipted == 0


def test_junk_is_counted_and_told_once_a_minute():
    bench = Bench()
    told = []
    for _ in range(90):
        told += of(do.Tell, bench.step(ev.Junk("not signed"), after=1.0))

    texts = [t.text for t in told if "not signed" in t.text]
    assert len(texts) == 2
    assert "60 times" in texts[1]
