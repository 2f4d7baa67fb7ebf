"""Leases, the two lists, and packages that are lost."""

from __future__ import annotations

from jobman_agent.employer.session.events import (
    Blocked,
    Connected,
    Disconnected,
    Fetch,
    FilesComplete,
    Judge,
    ReadOut,
    Received,
    Settled,
    Tell,
    Unblocked,
)
from jobman_agent.employer.session.records import Judgement, LeaseEnd, LeaseState, PackageEnd
from jobman_agent.model.messages import HeldState, Outcome, Result, Results, Say
from tests.unit.employer.desk import OFFER, Desk, handed, of, said, specs

R, W, F = HeldState.RUNNING, HeldState.WAITING, HeldState.FINISHED
S = HeldState.SUSPENDED


def test_a_lease_lapses_after_ten_minutes_of_silence_and_another_pc_gets_the_package():
    desk = Desk(packages=specs("a1"), usual_s=1000.0)
    desk.ask("w1")
    desk.wait(595)
    desk.ask("w2")

    assert handed(desk.wait(20), "sw2") == [("a1", 2)]
    assert desk.lease("a1").ended is LeaseEnd.LAPSED
    assert desk.package("a1").lost == ()


def test_beats_renew_what_they_list():
    desk = Desk()
    desk.ask("w1")
    for _ in range(10):
        desk.wait(200)
        assert said(desk.beat("w1", ("a1", 1, R))) == [("a1", 1, Say.GO_ON)]

    assert desk.lease("a1").ended is LeaseEnd.OPEN
    assert desk.lease("a2").ended is LeaseEnd.LAPSED


def test_a_session_of_which_a_lease_lapsed_gets_nothing_until_its_next_beat_with_slots():
    desk = Desk(packages=specs("a1"))
    desk.ask("w1")

    assert handed(desk.wait(700)) == []
    assert handed(desk.beat("w1")) == [("a1", 2)]


def test_the_lease_clock_stands_without_a_connection():
    desk = Desk()
    desk.ask("w1")
    desk.wait(300)
    desk.do(Disconnected())
    desk.wait(3000)
    assert desk.lease("a1").ended is LeaseEnd.OPEN

    desk.do(Connected())
    desk.do(Settled())

    desk.wait(590)
    assert desk.lease("a1").ended is LeaseEnd.OPEN
    desk.wait(20)
    assert desk.lease("a1").ended is LeaseEnd.LAPSED


def test_the_lease_clock_stands_while_nothing_can_be_sent():
    desk = Desk()
    desk.ask("w1")
    desk.do(Blocked())
    desk.wait(3000)

    assert desk.lease("a1").ended is LeaseEnd.OPEN
    assert of(desk.do(Unblocked()), ReadOut)


def test_a_gap_between_ticks_is_taken_for_sleep():
    desk = Desk()
    desk.ask("w1")
    desk.wait(10)

    assert of(desk.wait(40_000, step=40_000), ReadOut)
    desk.wait(60)
    assert desk.lease("a1").ended is LeaseEnd.OPEN
    desk.do(Settled())
    assert handed(desk.result("a1")) == [("a3", 1)]


def test_a_lapse_while_running_counts_as_lost_until_the_worker_is_heard():
    desk = Desk(packages=specs("a1"))
    desk.ask("w1")
    desk.beat("w1", ("a1", 1, R))
    desk.wait(700)
    assert desk.package("a1").lost == ((1, "key-w1"),)

    assert said(desk.beat("w1", ("a1", 1, S))) == [("a1", 1, Say.GO_ON)]

    assert desk.package("a1").lost == ()
    assert desk.lease("a1").ended is LeaseEnd.OPEN


def test_a_late_result_takes_the_loss_back_and_counts():
    desk = Desk(packages=specs("a1"))
    desk.ask("w1")
    desk.beat("w1", ("a1", 1, R))
    desk.wait(700)

    assert said(desk.result("a1")) == [("a1", 1, Say.RECEIPT)]

    assert desk.package("a1").lost == ()
    desk.judge("a1")
    assert desk.package("a1").state is PackageEnd.ACCEPTED


def test_a_running_package_goes_on_even_if_a_copy_runs_elsewhere():
    desk = Desk(packages=specs("a1"))
    desk.ask("w1")
    desk.beat("w1", ("a1", 1, R))
    desk.wait(700)
    desk.ask("w2")

    assert said(desk.beat("w1", ("a1", 1, R))) == [("a1", 1, Say.GO_ON)]


def test_an_unstarted_package_whose_lease_lapsed_goes_on_only_if_it_still_waits():
    desk = Desk(packages=specs("a1", "a2"))
    desk.ask("w1", slots=2)
    desk.wait(700)
    desk.ask("w2", slots=0)
    assert said(desk.beat("w1", ("a1", 1, W), slots=0)) == [("a1", 1, Say.GO_ON)]
    assert handed(desk.beat("w2", slots=1)) == [("a2", 2)]

    assert said(desk.beat("w1", ("a2", 1, W), slots=0)) == [("a2", 1, Say.STOP)]


def test_a_worker_is_told_to_stop_what_it_was_never_given():
    desk = Desk()
    desk.ask("w1")

    assert said(desk.beat("w1", ("zz", 7, R))) == [("zz", 7, Say.STOP)]


def test_a_finished_one_without_receipt_is_sent_again_or_gets_its_receipt():
    desk = Desk()
    desk.ask("w1")
    assert said(desk.beat("w1", ("a1", 1, F))) == [("a1", 1, Say.SEND_AGAIN)]
    desk.result("a1")

    assert said(desk.beat("w1", ("a1", 1, F))) == [("a1", 1, Say.RECEIPT)]


def test_an_older_beat_is_ignored():
    desk = Desk()
    desk.ask("w1")
    desk.beat("w1", ("a1", 1, R), count=9)

    assert desk.beat("w1", slots=0, count=8) == []


def test_a_message_counts_only_from_the_key_of_its_session():
    desk = Desk()
    desk.ask("w1")
    desk.ask("w2", slots=0)

    assert desk.result("a1", key="mallory") == []
    desk.do(
        Received(
            "key-w2",
            Results(
                time=desk.time,
                offer=OFFER,
                session="sw2",
                results=(Result("a1", 1, Outcome.DONE),),
            ),
        )
    )
    assert desk.lease("a1").ended is LeaseEnd.OPEN
    assert desk.core.state.junk == 2


def test_junk_is_told_at_most_once_a_minute():
    desk = Desk()
    desk.ask("w1")
    told = []
    for _ in range(90):
        desk.core.state.junk += 1
        told += [a.text for a in desk.wait(1) if isinstance(a, Tell) and "dropped" in a.text]

    assert [text.partition(":")[0] for text in told] == [
        "dropped 1 message",
        "dropped 60 messages",
    ]


def test_a_result_counts_once_and_every_copy_gets_a_receipt():
    desk = Desk()
    desk.ask("w1")
    desk.run("a1")

    again = desk.result("a1")

    assert said(again) == [("a1", 1, Say.RECEIPT)]
    assert not of(again, Judge)


def test_a_result_is_accepted_in_a_new_session_of_the_same_key():
    desk = Desk()
    desk.ask("w1")
    held = desk.ask("w1", session="snew", work_box="w", result_box="r")
    assert held
    message = Results(
        time=desk.time, offer=OFFER, session="snew", results=(Result("a1", 1, Outcome.DONE),)
    )

    assert said(desk.do(Received("key-w1", message))) == [("a1", 1, Say.RECEIPT)]
    assert desk.lease("a1").session == "snew"


def test_a_package_lost_five_times_fails_but_not_before_its_last_copy_is_back():
    desk = Desk(packages=specs("a1"))
    for attempt in range(1, 6):
        desk.ask(f"w{attempt}")
        desk.wait(70)
        desk.result("a1", attempt, Outcome.LOST, worker=f"w{attempt}")

    row = desk.package("a1")
    assert (row.state, row.why) == (PackageEnd.FAILED, "lost 5 times with its PC")


def test_losses_that_are_taken_back_do_not_add_up():
    desk = Desk(packages=specs("a1"), usual_s=5000.0)
    desk.ask("w1")
    for _ in range(6):
        desk.beat("w1", ("a1", 1, R))
        desk.wait(700)
        assert len(desk.package("a1").lost) == 1

    assert said(desk.beat("w1", ("a1", 1, R))) == [("a1", 1, Say.GO_ON)]
    assert desk.package("a1").lost == ()
    assert desk.package("a1").state is PackageEnd.OPEN


def test_a_result_whose_files_are_on_the_road_gets_its_receipt_when_they_are_here():
    desk = Desk(packages=specs("a1"))
    desk.ask("w1")
    result = Result("a1", 1, Outcome.DONE, seconds=60.0)
    message = Results(time=desk.time, offer=OFFER, session="sw1", results=(result,))

    first = desk.do(Received("key-w1", message, missing=frozenset({("a1", 1)})))
    assert (of(first, Fetch)[0].package, said(first)) == ("a1", [])
    assert desk.lease("a1").state is LeaseState.RETURNING
    assert said(desk.beat("w1", ("a1", 1, F))) == [("a1", 1, Say.GO_ON)]
    assert of(desk.start(), Fetch)

    done = desk.do(FilesComplete("a1", 1, result))
    assert said(done) == [("a1", 1, Say.RECEIPT)]
    assert of(done, Judge)


def test_a_second_copy_waits_until_the_first_is_judged_and_is_then_dropped():
    desk = Desk(packages=specs("a1"))
    desk.ask("w1")
    desk.beat("w1", ("a1", 1, R))
    desk.ask("w2")
    desk.wait(200)

    assert of(desk.result("a1", 1), Judge)
    assert not of(desk.result("a1", 2, worker="w2"), Judge)
    assert not of(desk.judge("a1", 1), Judge)
    assert desk.lease("a1", 2).judgement is Judgement.DROPPED


def test_the_second_copy_is_judged_when_the_first_was_wrong():
    desk = Desk(packages=specs("a1"))
    desk.ask("w1")
    desk.beat("w1", ("a1", 1, R))
    desk.ask("w2")
    desk.wait(200)
    desk.result("a1", 1)
    desk.result("a1", 2, worker="w2")

    (judge,) = of(desk.judge("a1", 1, Judgement.WRONG), Judge)

    assert judge.attempt == 2
    desk.judge("a1", 2)
    assert desk.package("a1").state is PackageEnd.ACCEPTED


def test_a_package_does_not_wait_while_its_result_is_being_judged():
    desk = Desk(packages=specs("a1"))
    desk.ask("w1")
    desk.result("a1")

    assert handed(desk.ask("w2")) == []
    assert handed(desk.wait(600)) == []
