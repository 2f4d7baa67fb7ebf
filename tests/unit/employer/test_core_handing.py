"""What goes to whom, and when."""

from __future__ import annotations

import time

from jobman_agent.employer.session.events import (
    Connected,
    Disconnected,
    Hand,
    PackageSpec,
    Received,
    Save,
    SendFailed,
    Settled,
    WithdrawRequested,
)
from jobman_agent.employer.session.records import Judgement, LeaseEnd
from jobman_agent.model.messages import HeldState, Outcome, Result, Results, Say
from jobman_agent.model.wire import time_text
from tests.unit.employer.desk import OFFER, START, Desk, handed, of, said, specs

R, W, F = HeldState.RUNNING, HeldState.WAITING, HeldState.FINISHED


def test_a_lease_is_saved_before_its_package_is_sent():
    desk = Desk()

    actions = desk.ask()

    assert isinstance(actions[0], Save)
    assert handed(actions) == [("a1", 1), ("a2", 1)]
    assert desk.lease("a1").key == "key-w1"


def test_long_packages_go_out_one_per_slot_and_one_spare():
    desk = Desk(packages=specs(*(f"p{i}" for i in range(20))))

    assert len(handed(desk.ask(slots=4))) == 5


def test_short_packages_go_out_by_the_second_of_work():
    desk = Desk(packages=specs(*(f"p{i}" for i in range(2000))), usual_s=0.01)

    assert len(handed(desk.ask(slots=2))) == 200


def test_short_packages_are_refilled_in_lists():
    desk = Desk(packages=specs(*(f"p{i}" for i in range(2000))), usual_s=0.01)
    out = handed(desk.ask(slots=1))

    refills = [handed(desk.result(name, seconds=0.01)) for name, _ in out[:60]]

    assert [len(refill) for refill in refills if refill] == [25, 25]


def test_the_longest_package_goes_first():
    packages = (PackageSpec("short", 1.0), PackageSpec("long", 9.0), PackageSpec("middle", 3.0))
    desk = Desk(packages=packages)

    assert handed(desk.ask()) == [("long", 1), ("middle", 1)]


def test_nothing_goes_out_that_cannot_end_in_time():
    packages = (PackageSpec("usual", 1.0), PackageSpec("long", 9.0), PackageSpec("same", 1.0))
    until = time_text(_when(150))

    assert handed(Desk(packages=packages).ask(willing_until=until)) == [("usual", 1), ("same", 1)]
    free = Desk(packages=packages, checkpointed=True).ask(willing_until=until)
    assert handed(free)[0] == ("long", 1)


def test_each_result_brings_the_next_package():
    desk = Desk()
    desk.ask()

    actions = desk.result("a1")

    assert said(actions) == [("a1", 1, Say.RECEIPT)]
    assert handed(actions) == [("a3", 1)]


def test_a_hand_back_of_its_own_pauses_a_session_until_it_has_slots_again():
    desk = Desk()
    desk.ask()

    assert handed(desk.result("a2", outcome=Outcome.HANDED_BACK, seconds=0)) == []
    assert desk.package("a2").interrupted == 0
    assert handed(desk.wait(60)) == []
    assert handed(desk.beat("w1", ("a1", 1, R))) == [("a2", 2)]


def test_what_the_owner_interrupted_costs_no_attempt_and_keeps_its_checkpoint():
    desk = Desk()
    desk.ask()

    desk.result("a1", outcome=Outcome.HANDED_BACK, seconds=30)

    assert desk.package("a1").interrupted == 1
    assert desk.package("a1").failed == 0


def test_a_worker_without_slots_gets_nothing():
    desk = Desk()

    assert handed(desk.ask(slots=0)) == []
    assert handed(desk.beat("w1", slots=0)) == []
    assert handed(desk.beat("w1", slots=1)) != []


def test_an_idle_worker_gets_a_spare_that_another_gives_back():
    desk = Desk(packages=specs("a1", "a2"))
    desk.ask("w1")
    desk.beat("w1", ("a1", 1, R), ("a2", 1, W))

    assert said(desk.ask("w2")) == [("a2", 1, Say.GIVE_BACK)]
    assert said(desk.beat("w1", ("a1", 1, R), ("a2", 1, W)))[1] == ("a2", 1, Say.GIVE_BACK)
    back = desk.result("a2", outcome=Outcome.HANDED_BACK, seconds=0)
    assert handed(back) == [("a2", 2)]
    assert handed(back, "sw2") == [("a2", 2)]
    assert not desk.core.state.sessions["sw1"].paused


def test_a_spare_that_was_started_meanwhile_is_not_given_back():
    desk = Desk(packages=specs("a1", "a2"))
    desk.ask("w1")
    desk.ask("w2")

    assert said(desk.beat("w1", ("a2", 1, R)))[0] == ("a2", 1, Say.GO_ON)
    assert not desk.lease("a2").asked


def test_what_takes_three_times_as_long_is_leased_to_a_second_pc():
    desk = Desk(packages=specs("a1"))
    desk.ask("w1")
    desk.beat("w1", ("a1", 1, R))
    desk.ask("w2")

    assert handed(desk.wait(175)) == []
    assert handed(desk.wait(10)) == [("a1", 2)]
    assert handed(desk.wait(60)) == []


def test_no_second_copy_goes_out_of_what_was_lost_twice():
    desk = Desk(packages=specs("a1"))
    for attempt in (1, 2):
        desk.ask(f"w{attempt}")
        desk.result("a1", attempt, Outcome.LOST, worker=f"w{attempt}")
    assert handed(desk.ask("w3")) == [("a1", 3)]
    desk.ask("w4")

    assert handed(desk.wait(500)) == []


def test_the_first_accepted_copy_wins_and_the_other_is_stopped():
    desk = Desk(packages=specs("a1", "a2"))
    desk.ask("w1")
    desk.run("a2")
    desk.ask("w2")
    desk.beat("w1", ("a1", 1, R))
    desk.wait(200)

    desk.result("a1", 2, worker="w2")
    stopped = desk.judge("a1", 2)

    assert ("a1", 1, Say.STOP) in said(stopped)
    assert desk.lease("a1", 1).ended is LeaseEnd.STOPPED
    assert desk.package("a1").accepted == 2


def test_at_most_so_many_are_out_at_once():
    desk = Desk(at_once=2)

    assert len(handed(desk.ask("w1", slots=1))) == 2
    assert handed(desk.ask("w2", slots=4)) == []


def test_a_lapsed_one_that_ran_still_counts_at_once():
    desk = Desk(at_once=1, time_s=3000.0)
    desk.ask("w1")
    desk.beat("w1", ("a1", 1, R))
    desk.ask("w2")

    assert handed(desk.wait(1500)) == []
    assert desk.lease("a1").ended is LeaseEnd.LAPSED
    assert handed(desk.ask("w3")) == []
    desk.wait(2200)
    assert handed(desk.ask("w4")) == [("a1", 2)]


def test_nothing_is_handed_out_before_what_waits_has_been_read():
    desk = Desk()
    desk.do(Disconnected())
    desk.do(Connected())

    assert handed(desk.ask()) == []
    assert handed(desk.do(Settled())) == [("a1", 1), ("a2", 1)]


def test_work_that_has_no_box_ends_its_leases_at_once():
    desk = Desk()
    out = handed(desk.ask("w1"))
    desk.ask("w2")

    actions = desk.do(SendFailed("sw1", undeliverable=True, packages=tuple(out)))

    assert desk.lease("a1").ended is LeaseEnd.GONE
    assert handed(actions, "sw2") == [("a1", 2)]


def test_unconfirmed_work_is_sent_once_more_unless_it_was_heard_of():
    desk = Desk()
    out = handed(desk.ask("w1"))
    desk.do(SendFailed("sw1", undeliverable=False, packages=tuple(out)))
    desk.beat("w1", ("a1", 1, R))

    assert handed(desk.wait(30)) == [("a2", 1)]
    assert handed(desk.wait(60)) == []


def test_what_was_committed_and_perhaps_never_sent_is_sent_after_a_restart():
    desk = Desk()
    desk.ask("w1")

    assert handed(desk.start()) == [("a1", 1), ("a2", 1)]


def test_a_package_that_failed_on_a_pc_goes_to_another_first():
    desk = Desk(packages=specs("a1"))
    desk.ask("w1")
    desk.result("a1", outcome=Outcome.FAILED)

    assert handed(desk.judge("a1", 1, Judgement.FAILED)) == []
    assert handed(desk.wait(50)) == []
    assert handed(desk.ask("w2")) == [("a1", 2)]


def test_without_another_pc_it_goes_to_the_same_one_after_a_minute():
    desk = Desk(packages=specs("a1"))
    desk.ask("w1")
    desk.result("a1", outcome=Outcome.FAILED)
    desk.judge("a1", 1, Judgement.FAILED)

    assert handed(desk.wait(70)) == [("a1", 2)]


def test_a_package_lost_twice_goes_out_alone():
    desk = Desk(packages=specs("a1"))
    desk.ask("w1")
    desk.result("a1", 1, Outcome.LOST)
    desk.ask("w2")
    desk.result("a1", 2, Outcome.LOST, worker="w2")
    desk.plan = Desk(packages=specs("a1", *(f"b{i}" for i in range(9)))).plan
    desk.start()

    assert handed(desk.ask("w3", slots=4)) == [("a1", 3)]
    assert handed(desk.wait(30), "sw3") == []
    assert len(handed(desk.run("a1", 3, worker="w3"), "sw3")) == 5


def test_nothing_goes_out_once_the_person_withdrew_the_offer():
    desk = Desk()
    desk.do(WithdrawRequested())

    assert handed(desk.ask()) == []


def test_choosing_among_ten_thousand_takes_no_time():
    desk = Desk(packages=specs(*(f"p{i}" for i in range(10_000))), usual_s=0.002)
    begun = time.perf_counter()

    out = handed(desk.ask("w1", slots=2))
    while out:
        done = tuple(Result(n, a, Outcome.DONE, seconds=0.002) for n, a in out)
        message = Results(time=desk.time, offer=OFFER, session="sw1", results=done)
        actions = desk.do(Received("key-w1", message))
        for name, attempt in out:
            actions += desk.judge(name, attempt)
        out = handed(actions)

    assert desk.core.state.accepted == 10_000
    assert len(of(desk.done, Hand)) <= 40
    # 0.5 s on a calm core; scanning all packages for each would take minutes.
    assert time.perf_counter() - begun < 10


def _when(seconds: float):
    from datetime import UTC, datetime

    return datetime.fromtimestamp(START + seconds, UTC)
