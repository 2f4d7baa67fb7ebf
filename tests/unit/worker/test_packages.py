"""Packages at a worker: taken, started, ended, sent back."""

from __future__ import annotations

import pytest

from jobman_agent.model.messages import File, Package, Recipe, Work
from jobman_agent.model.wire import MAX_LIST
from jobman_agent.worker.session import actions as do
from jobman_agent.worker.session import events as ev
from jobman_agent.worker.session import packages as rules
from tests.unit.worker.bench import (
    OTHER_KEY,
    TIME,
    Bench,
    Goodbye,
    HeldState,
    Outcome,
    Say,
    Stage,
    a_pc,
    of,
    results,
    sent,
    started,
)


def test_work_is_spooled_as_it_came_and_begun_once_for_each_slot():
    bench = Bench()
    session = bench.join()
    actions = bench.work(session, "a", "b", "c")

    (kept,) = of(do.SaveWork, actions)
    assert (kept.frame, kept.session) == (b"signed", session)
    assert started(actions) == ["a", "b"]
    stages = {r.package: r.stage for save in of(do.SaveItems, actions) for r in save.rows}
    assert stages == {"a": Stage.GIVEN, "b": Stage.GIVEN, "c": Stage.WAITING}


def test_a_second_copy_of_a_work_message_changes_nothing():
    bench = Bench()
    session = bench.join()
    bench.work(session, "a")
    first = of(do.Start, bench.done)[0]
    assert not started(bench.work(session, "a"))
    bench.end(first)
    bench.answer(session, ("a", 1, Say.RECEIPT))

    assert not started(bench.work(session, "a"))
    assert started(bench.work(session, "a", attempt=2)) == ["a"]


def test_a_free_slot_takes_the_next_package_in_the_step_that_frees_it():
    bench = Bench(a_pc(slots=1))
    session = bench.join()
    bench.work(session, "a", "b")
    first = of(do.Start, bench.done)[0]
    actions = bench.end(first)

    assert started(actions) == ["b"]
    assert [r.package for r in results(actions)] == ["a"]
    assert [s.batch for s in of(do.Send, actions)] == [of(do.SaveBatch, actions)[0].number]


def test_the_runner_has_short_packages_in_stock_and_no_long_ones():
    bench = Bench(a_pc(slots=1))
    session = bench.join()
    bench.work(session, *(f"p{n}" for n in range(900)))
    first = of(do.Start, bench.done)[0]
    assert len(started(bench.done)) == 1
    bench.end(first, seconds=0.01)
    assert len(started(bench.done)) == 51

    other = Bench(a_pc(slots=1))
    session = other.join()
    other.work(session, "a", "b", "c")
    other.end(of(do.Start, other.done)[0], seconds=60.0)
    assert len(started(other.done)) == 1


def test_results_of_very_short_packages_travel_together():
    bench = Bench(a_pc(slots=4))
    session = bench.join()
    bench.work(session, *(f"p{n}" for n in range(20)))
    first = of(do.Start, bench.done)
    bench.end(first[0], seconds=0.01)
    actions = []
    for start in first[1:]:
        actions += bench.end(start, seconds=0.01)
    assert not of(do.SaveBatch, actions)
    assert bench.core.due() <= bench.now + 0.05

    actions = bench.step(after=0.06)
    assert len(results(actions)) == 4
    assert len(of(do.Send, actions)) == 1


def test_the_last_result_waits_for_nothing():
    bench = Bench()
    session = bench.join()
    bench.work(session, "a", "b")
    first = of(do.Start, bench.done)
    bench.end(first[0], seconds=0.01)
    actions = bench.end(first[1], seconds=0.01)

    assert {r.package for r in results(actions)} == {"a", "b"}


def test_a_list_of_results_stays_below_its_limit():
    bench = Bench(a_pc(slots=9))
    session = bench.join()
    bench.work(session, *(f"p{n}" for n in range(9)))
    ends = []
    for n, start in enumerate(of(do.Start, bench.done)):
        result = rules_result(start, f"{n:064d}")
        ends.append(ev.RunEnded(start.run, result, True, {f"{n:064d}": b"x" * 60000}))
    actions = bench.step(*ends)

    saves = of(do.SaveBatch, actions)
    assert len(saves) == 3
    for save in saves:
        assert sum(a.size for a in save.message.attachments) <= MAX_LIST
        assert [a.sha256 for a in save.message.attachments] == list(save.contents)


def rules_result(start, sha256):
    from jobman_agent.model.messages import Result

    return Result(
        package=start.package,
        attempt=start.attempt,
        outcome=Outcome.DONE,
        seconds=10.0,
        files=(File(path="out", size=60000, sha256=sha256),),
    )


def test_a_package_starts_only_once_all_its_files_are_here():
    bench = Bench()
    session = bench.join()
    mesh, deck = "a" * 64, "b" * 64
    package = Package(
        name="a",
        attempt=1,
        files=(File(path="mesh", size=9, sha256=mesh), File(path="deck", size=8, sha256=deck)),
    )
    work = Work(
        time=TIME,
        offer="o" * 16,
        session=session,
        recipe=Recipe(program="python", command=(), outputs=()),
        packages=(package, Package(name="b", attempt=1)),
    )
    actions = bench.receive(work, frame=b"signed", missing={mesh: 9, deck: 8})
    assert of(do.Fetch, actions)[0].files == {mesh: 9, deck: 8}
    assert started(actions) == ["b"]
    assert not started(bench.step(ev.FilesCame(frozenset({mesh}))))
    assert started(bench.step(ev.FilesCame(frozenset({deck})))) == ["a"]


def test_a_package_whose_files_cannot_be_had_is_handed_back():
    bench = Bench()
    session = bench.join()
    mesh = "a" * 64
    package = Package(name="a", attempt=1, files=(File(path="mesh", size=9, sha256=mesh),))
    work = Work(
        time=TIME,
        offer="o" * 16,
        session=session,
        recipe=Recipe(program="python", command=(), outputs=()),
        packages=(package,),
    )
    bench.receive(work, frame=b"signed", missing={mesh: 9})
    actions = bench.step(ev.FilesFailed(frozenset({mesh}), "nobody has it"))

    assert [(r.outcome, r.why) for r in results(actions)] == [
        (Outcome.HANDED_BACK, "nobody has it")
    ]


def test_a_receipt_is_what_lets_a_result_be_forgotten_and_needs_no_transaction_of_its_own():
    bench = Bench()
    session = bench.join()
    bench.work(session, "a")
    bench.end(of(do.Start, bench.done)[0])
    assert bench.core.snapshot().unreceipted == 1
    actions = bench.answer(session, ("a", 1, Say.RECEIPT))

    assert all(a.lazy for a in actions if isinstance(a, do.SAVES))
    assert of(do.DropBatch, actions)
    assert bench.core.snapshot().unreceipted == 0


def test_send_again_sends_the_kept_list_again():
    bench = Bench()
    session = bench.join()
    bench.work(session, "a")
    bench.end(of(do.Start, bench.done)[0])
    (first,) = of(do.Send, bench.done)
    bench.confirm()
    (again,) = of(do.Send, bench.answer(session, ("a", 1, Say.SEND_AGAIN)))

    assert again.batch == first.batch


def test_stop_ends_what_runs_and_nothing_is_sent_for_it():
    bench = Bench(a_pc(slots=1))
    session = bench.join()
    bench.work(session, "a", "b")
    (start,) = of(do.Start, bench.done)
    actions = bench.answer(session, ("a", 1, Say.STOP), ("b", 1, Say.STOP))

    assert [k.run for k in of(do.Kill, actions)] == [start.run]
    assert not results(bench.end(start, Outcome.HANDED_BACK))
    assert not bench.spool.work


def test_give_back_is_obeyed_only_for_what_has_not_started():
    bench = Bench(a_pc(slots=1))
    session = bench.join()
    bench.work(session, "a", "b")
    (start,) = of(do.Start, bench.done)
    bench.step(ev.RunStarted(start.run))
    actions = bench.answer(session, ("a", 1, Say.GIVE_BACK), ("b", 1, Say.GIVE_BACK))

    assert [(r.package, r.outcome) for r in results(actions)] == [("b", Outcome.HANDED_BACK)]
    assert not of(do.Kill, actions)


def test_what_the_runner_has_but_not_begun_is_taken_back_from_it_first():
    bench = Bench(a_pc(slots=1))
    session = bench.join()
    bench.work(session, "a")
    (start,) = of(do.Start, bench.done)
    actions = bench.answer(session, ("a", 1, Say.GIVE_BACK))
    assert [k.only_waiting for k in of(do.Kill, actions)] == [True]
    assert not results(actions)

    (result,) = results(bench.end(start, Outcome.HANDED_BACK, began=False, seconds=0))
    assert result.outcome is Outcome.HANDED_BACK


def test_what_a_dying_runner_had_not_begun_waits_again_but_not_for_ever():
    bench = Bench(a_pc(slots=1))
    session = bench.join()
    bench.work(session, "a")
    for _ in range(rules.TRIES_MOST):
        (start,) = of(do.Start, bench.done)
        actions = bench.end(start, Outcome.HANDED_BACK, began=False)
        assert not results(actions)
    (start,) = of(do.Start, bench.done)

    assert [r.outcome for r in results(bench.end(start, Outcome.HANDED_BACK, began=False))] == [
        Outcome.HANDED_BACK
    ]


def test_only_the_key_that_signed_the_offer_is_obeyed():
    bench = Bench()
    session = bench.join()
    bench.work(session, "a")
    (start,) = of(do.Start, bench.done)

    assert not started(bench.work(session, "evil", key=OTHER_KEY))
    assert not of(do.Kill, bench.answer(session, ("a", 1, Say.STOP), key=OTHER_KEY))
    bench.end(start)
    bench.answer(session, ("a", 1, Say.RECEIPT), key=OTHER_KEY)
    assert bench.core.snapshot().unreceipted == 1


def test_work_of_another_offer_in_a_session_is_junk():
    bench = Bench()
    session = bench.join()
    work = Work(
        time=TIME,
        offer="x" * 16,
        session=session,
        recipe=Recipe(program="python", command=(), outputs=()),
        packages=(Package(name="a", attempt=1),),
    )
    assert not started(bench.receive(work))


def test_work_in_a_session_that_was_left_is_handed_back_with_a_bye():
    bench = Bench()
    session = bench.join()
    bench.bye(session, Goodbye.NO_WORK)
    actions = bench.work(session, "late")
    assert [r.outcome for r in results(actions)] == [Outcome.HANDED_BACK]
    assert not started(actions)

    bench.answer(session, ("late", 1, Say.RECEIPT))
    bench.wait(70)
    actions = bench.work(session, "later")
    assert [r.outcome for m in sent("result", actions) for r in m.results] == [Outcome.HANDED_BACK]
    assert [b.reason for b in sent("bye", actions)] == [Goodbye.LEAVING]


def test_work_in_an_unknown_session_is_handed_back_to_an_employer_whom_we_trust():
    bench = Bench()
    bench.connect()
    actions = bench.work("z" * 16, "a", trusted=True)
    assert len(sent("result", actions)) == len(sent("bye", actions)) == 1
    assert not sent("result", bench.work("z" * 16, "a", trusted=False))


def test_nothing_starts_over_64_mib_of_results_on_the_road(monkeypatch):
    monkeypatch.setattr(rules, "UNRECEIPTED_MOST", 100)
    bench = Bench(a_pc(slots=1))
    session = bench.join()
    bench.work(session, "a", "b")
    bench.end(of(do.Start, bench.done)[0])
    assert not started(bench.done)

    assert started(bench.answer(session, ("a", 1, Say.RECEIPT))) == ["b"]


def test_nothing_starts_once_the_pool_was_away_for_a_lease():
    bench = Bench(a_pc(slots=1))
    session = bench.join()
    bench.work(session, "a", "b", "c")
    (start,) = of(do.Start, bench.done)
    bench.step(ev.Disconnected())
    bench.now += 500
    bench.end(start)
    (start,) = of(do.Start, bench.done)
    bench.now += 200

    assert not started(bench.end(start))
    assert len(results(bench.done)) == 1
    assert not started(bench.connect())
    assert started(bench.answer(session, ("c", 1, Say.GO_ON))) == ["c"]


def test_job_done_ends_everything_of_the_session():
    bench = Bench(a_pc(slots=1))
    session = bench.join()
    bench.work(session, "a", "b")
    (start,) = of(do.Start, bench.done)
    actions = bench.bye(session)

    assert [k.run for k in of(do.Kill, actions)] == [start.run]
    assert f"work.{session}" in {a.box for a in of(do.RemoveBox, actions)}
    assert not bench.spool.items
    assert not bench.spool.work


@pytest.mark.parametrize("reason", [Goodbye.DISMISSED, Goodbye.LEAVING, Goodbye.NO_WORK])
def test_another_bye_hands_back_what_waits_and_lets_finish_what_runs(reason):
    bench = Bench(a_pc(slots=1))
    session = bench.join()
    bench.work(session, "a", "b")
    (start,) = of(do.Start, bench.done)
    bench.step(ev.RunStarted(start.run))
    actions = bench.bye(session, reason)

    assert [r.package for r in results(actions)] == ["b"]
    assert not of(do.Kill, actions)
    assert [r.outcome for r in results(bench.end(start))] == [Outcome.DONE]


def test_a_beat_lists_everything_that_is_held():
    bench = Bench(a_pc(slots=1))
    session = bench.join()
    bench.work(session, "a", "b", "c")
    bench.end(of(do.Start, bench.done)[0])
    (start,) = of(do.Start, bench.done)
    (beat,) = sent("beat", bench.step(ev.RunStarted(start.run)))

    assert beat.slots == 1
    assert {h.package: h.state for h in beat.holding} == {
        "a": HeldState.FINISHED,
        "b": HeldState.RUNNING,
        "c": HeldState.WAITING,
    }
