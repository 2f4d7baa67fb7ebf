"""What a PC's agent can say to its worker beyond freeze and thaw: start nothing, leave now."""

from __future__ import annotations

from jobman_agent.worker.session import actions as do
from jobman_agent.worker.session import events as ev
from tests.unit.worker.bench import Bench, Outcome, a_pc, an_offer, of, results, sent, started


def a_bench_at_work():
    """Of three packages, one runs, one is with the runner, one waits (as far as they are long)."""
    bench = Bench(a_pc(slots=1))
    session = bench.join()
    bench.work(session, "a", "b", "c")
    (start,) = of(do.Start, bench.done)
    bench.step(ev.RunStarted(start.run))
    bench.confirm()
    return bench, session, start


def test_who_may_start_nothing_goes_on_with_what_runs_and_hands_back_the_rest():
    bench, _, start = a_bench_at_work()
    assert bench.core.held() == 3

    done = bench.step(ev.Starts(False))

    assert [(r.package, r.outcome) for r in results(done)] == [
        ("b", Outcome.HANDED_BACK),
        ("c", Outcome.HANDED_BACK),
    ]
    assert of(do.Kill, done) == []
    assert [beat.slots for beat in sent("beat", done)] == [0]
    assert bench.core.held() == 1
    assert [r.outcome for r in results(bench.end(start))] == [Outcome.DONE]
    assert bench.core.held() == 0


def test_who_may_start_nothing_hands_back_what_comes_and_looks_for_no_other_offer():
    bench, session, _ = a_bench_at_work()
    bench.step(ev.Starts(False))
    done = bench.work(session, "d")
    done += bench.step(after=5)

    assert ("d", Outcome.HANDED_BACK) in [(r.package, r.outcome) for r in results(done)]
    assert started(done) == []

    idle = Bench()
    idle.step(ev.Starts(False))
    assert of(do.Scan, idle.connect()) == []
    assert sent("ask", idle.scan(an_offer())) == []
    assert of(do.Scan, idle.step(ev.Starts(True))) != []


def test_who_may_start_again_does():
    bench, session, start = a_bench_at_work()
    bench.step(ev.Starts(False))
    bench.end(start)

    done = bench.step(ev.Starts(True))
    assert [beat.slots for beat in sent("beat", done)] == [1]
    assert started(bench.work(session, "d")) == ["d"]
    assert of(do.Send, bench.step(ev.Starts(True))) == []  # said twice, done once


def test_who_leaves_without_grace_kills_at_once_but_still_hands_back():
    bench, _, start = a_bench_at_work()

    done = bench.step(ev.Leave("the agent has ended", grace=False))

    assert [(kill.run, kill.at_once) for kill in of(do.Kill, done)] == [(start.run, True)]
    assert of(do.Exit, done) == []
    handed = bench.end(start, Outcome.HANDED_BACK)
    assert [r.outcome for r in results(handed)] == [Outcome.HANDED_BACK]
    assert of(do.Exit, handed) == []
    assert of(do.Exit, bench.confirm(done + handed)) != []


def test_who_is_leaving_with_grace_can_be_told_that_there_is_none_any_more():
    bench, _, start = a_bench_at_work()
    first = bench.step(ev.Leave("the hours end"))
    assert [kill.at_once for kill in of(do.Kill, first)] == [False]

    second = bench.step(ev.Leave("the agent has ended", grace=False))

    assert [(kill.run, kill.at_once) for kill in of(do.Kill, second)] == [(start.run, True)]


def test_a_start_says_whose_package_it_is_for_the_ledger():
    _, _, start = a_bench_at_work()

    assert (start.employer, start.title) == ("alice", "Bridge study")
