"""The ability test, bad PCs, attempts that are spent, and the end of the job."""

from __future__ import annotations

from jobman_agent.employer.session.events import (
    Finish,
    Finished,
    Hand,
    Judge,
    RemoveBox,
    Tell,
    Unreadable,
    Withdraw,
)
from jobman_agent.employer.session.records import Judgement, PackageEnd
from jobman_agent.model.messages import Bye, Goodbye, Outcome, Refuse, RefuseCode
from tests.unit.employer.desk import Desk, handed, of, sent, specs


def judge_test(desk: Desk, worker: str, judgement: Judgement = Judgement.ACCEPTED):
    """Run the test that went out, and judge it."""
    (assignment,) = of(desk.done, Hand)[-1].packages
    assert assignment.test
    desk.result(assignment.package, worker=worker)
    return desk.judge(assignment.package, 1, judgement)


def test_the_first_package_of_a_session_is_the_ability_test_with_a_name_like_any_other():
    desk = Desk(test=True, packages=specs("beam-07", "beam-08"))

    (hand,) = of(desk.ask(slots=4), Hand)

    (assignment,) = hand.packages
    assert assignment.test
    assert assignment.package.startswith("beam-")
    assert assignment.package not in ("beam-07", "beam-08")
    assert handed(desk.wait(60)) == []


def test_who_passed_gets_work_and_no_other_test_for_a_day():
    desk = Desk(test=True)
    desk.ask("w1")

    assert handed(judge_test(desk, "w1")) == [("a1", 1), ("a2", 1)]
    again = desk.ask("w1", session="second", work_box="x", result_box="y")
    assert handed(again) == [("a3", 1)]


def test_a_day_later_it_is_tested_again():
    desk = Desk(test=True)
    desk.ask("w1", slots=0)
    desk.beat("w1", slots=1)
    judge_test(desk, "w1")
    desk.wait(86_500, step=60)

    (hand,) = of(desk.ask("w1", session="second", work_box="x", result_box="y"), Hand)

    assert hand.packages[0].test


def test_who_fails_the_test_is_dismissed_told_why_and_refused_from_then_on():
    desk = Desk(test=True)
    desk.ask("w1")

    actions = judge_test(desk, "w1", Judgement.WRONG)

    (bye,) = sent(actions, Bye)
    assert (bye.reason, bye.text) == (Goodbye.DISMISSED, "so")
    assert handed(actions) == []
    (refusal,) = sent(desk.ask("w1", session="second"), Refuse)
    assert refusal.code is RefuseCode.DISMISSED


def test_a_package_fails_when_its_attempts_are_spent():
    desk = Desk(packages=specs("a1"))
    for attempt, judgement in enumerate((Judgement.FAILED, Judgement.WRONG, Judgement.FAILED), 1):
        desk.ask(f"w{attempt}")
        desk.result("a1", attempt, worker=f"w{attempt}")
        desk.judge("a1", attempt, judgement)

    row = desk.package("a1")
    assert (row.state, row.failed, row.wrong) == (PackageEnd.FAILED, 2, 1)
    assert "so" in row.why


def test_a_spent_package_waits_for_the_copy_that_is_still_out():
    desk = Desk(packages=specs("a1"), attempts=1)
    desk.ask("w1")
    desk.wait(100)
    desk.ask("w2")
    desk.wait(100)
    desk.result("a1", 1)

    desk.judge("a1", 1, Judgement.FAILED)
    assert desk.package("a1").state is PackageEnd.OPEN

    desk.result("a1", 2, worker="w2")
    desk.judge("a1", 2)
    assert desk.package("a1").state is PackageEnd.ACCEPTED


def test_five_failures_in_a_row_bring_the_test_again():
    desk = Desk(test=True, packages=specs(*(f"p{i}" for i in range(9))))
    desk.ask("w1")
    judge_test(desk, "w1")
    for name, attempt in (("p0", 1), ("p1", 1), ("p2", 1), ("p3", 1), ("p4", 1)):
        desk.result(name, attempt)
        desk.judge(name, attempt, Judgement.FAILED)
    desk.run("p5")
    actions = desk.run("p6")

    assert of(actions, Hand)[-1].packages[0].test


def test_failures_that_another_pc_disproves_bring_the_test_again():
    desk = Desk(test=True, packages=specs("p0", "p1", "p2"))
    desk.ask("w1", slots=4)
    judge_test(desk, "w1")
    for name in ("p0", "p1", "p2"):
        desk.result(name)
        desk.judge(name, 1, Judgement.FAILED)
    assert not desk.core.state.key("key-w1").retest
    desk.ask("w2", slots=4)
    judge_test(desk, "w2")

    for name in ("p0", "p1", "p2"):
        desk.run(name, 2, worker="w2")

    assert desk.core.state.key("key-w1").retest
    assert not desk.core.state.key("key-w2").retest


def test_a_refused_package_costs_no_attempt_but_does_not_go_round_for_ever():
    desk = Desk(packages=specs("a1"))
    for attempt in range(1, 11):
        desk.ask(f"w{attempt}")
        desk.result("a1", attempt, Outcome.REFUSED, worker=f"w{attempt}")

    row = desk.package("a1")
    assert (row.failed, row.wrong, row.state) == (0, 0, PackageEnd.FAILED)
    assert row.why == "refused by 10 PCs: because"


def test_a_package_whose_files_cannot_be_read_fails_with_that_reason():
    desk = Desk(packages=specs("a1", "a2"))
    desk.ask("w1", slots=0)

    desk.do(Unreadable("a1", 1, "a1/input.txt is gone"))

    assert desk.package("a1").why == "a1/input.txt is gone"


def test_results_that_were_not_judged_are_judged_after_a_restart():
    desk = Desk()
    desk.ask("w1")
    desk.result("a1")

    (judge,) = of(desk.start(), Judge)

    assert (judge.package, judge.attempt) == ("a1", 1)


def test_the_end_says_good_bye_removes_boxes_and_offer_and_is_completed_after_a_crash():
    desk = Desk(packages=specs("a1"))
    desk.ask("w1")
    actions = desk.run("a1")
    assert [bye.reason for bye in sent(actions, Bye)] == [Goodbye.JOB_DONE]
    assert of(actions, RemoveBox)
    assert of(actions, Withdraw)
    assert of(actions, Finish)

    again = desk.start()
    assert of(again, Finish)
    desk.do(Finished())
    assert desk.core.state.job.ended
    assert not of(desk.start(), Finish)


def test_every_failure_is_told():
    desk = Desk(packages=specs("a1"), attempts=1)
    desk.ask("w1")
    desk.result("a1")

    told = [tell.text for tell in of(desk.judge("a1", 1, Judgement.WRONG), Tell)]

    assert "a1 failed: its 1 attempt is spent; the last: so" in told
