"""How long packages take, to whom they can go, and what is said of those that fit nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jobman_agent.employer.progress import Pacer, snapshot
from jobman_agent.employer.session.events import PackageSpec, Tell
from jobman_agent.employer.session.records import Judgement, PackageRow, opened_again
from jobman_agent.model.messages import Bye, Goodbye, HeldState, Outcome, Say
from jobman_agent.model.wire import parse_time, time_text
from tests.unit.employer.desk import Desk, handed, of, said, sent, specs

if TYPE_CHECKING:
    from jobman_agent.employer.session.events import Action

HOUR = 3600.0


def at(desk: Desk, hours: float) -> str:
    """So many hours from now, as it travels."""
    now = parse_time(desk.time)
    return time_text(now.fromtimestamp(now.timestamp() + hours * HOUR, now.tzinfo))


def told(actions: list[Action]) -> list[str]:
    return [one.text for one in of(actions, Tell) if "is free for so long" in one.text]


def begin_anew(desk: Desk) -> None:
    """All packages once more (``--again``), in a new process."""
    for key, row in list(desk.kept.items()):
        if isinstance(row, PackageRow):
            desk.kept[key] = opened_again(row)
        elif key[0] == "session":
            row.leaving = True  # type: ignore[union-attr]
    desk.start()


def test_the_median_of_accepted_runs_takes_the_place_of_what_the_job_says():
    desk = Desk(packages=specs(*"abcdefgh"), usual_s=60.0)
    desk.ask(slots=8)
    assert desk.core.state.usual() == 60.0
    for name, seconds in (("a", 500.0), ("b", 700.0), ("c", 900.0)):
        desk.result(name, seconds=seconds)
        assert desk.core.state.usual() == (60.0 if name == "a" else 500.0 if name == "b" else 700.0)
        desk.judge(name)
    assert desk.core.state.usual() == 700.0

    desk.result("d", seconds=5.0)
    desk.judge("d", judgement=Judgement.WRONG)
    assert desk.core.state.usual() == 700.0


def test_on_a_second_go_the_longest_package_of_the_first_goes_out_first():
    desk = Desk(packages=specs("a", "b", "c"), usual_s=60.0)
    desk.ask(slots=3)
    for name, seconds in (("a", 10.0), ("b", 300.0), ("c", 40.0)):
        desk.result(name, seconds=seconds)
        desk.judge(name)

    begin_anew(desk)

    assert [name for name, _ in handed(desk.ask("w2", slots=2))] == ["b", "c", "a"]


def test_lengths_of_its_own_stay_right_when_the_usual_one_turns_out_to_be_another():
    desk = Desk(packages=specs("a", "b", "c", "new"), usual_s=60.0)
    desk.ask(slots=3)
    for name in "ac":
        desk.result(name, seconds=600.0)
        desk.judge(name)
    begin_anew(desk)  # usual is 600 s now, a takes as long
    assert desk.core.state.packages["a"].weight == pytest.approx(1.0)
    desk.core.state.packages["a"].weigh(60.0)
    assert desk.core.state.packages["a"].weight == pytest.approx(10.0)


def test_what_was_interrupted_late_is_known_to_take_longer():
    desk = Desk(packages=specs("a", "b", "c", "d"), usual_s=HOUR)
    desk.ask(slots=1)
    desk.result("a", outcome=Outcome.HANDED_BACK, seconds=3 * HOUR)

    assert desk.core.state.packages["a"].weight == pytest.approx(3.0)
    assert handed(desk.ask("w2", willing_until=at(desk, 2)))[0] == ("c", 1)
    assert ("a", 2) in handed(desk.start(), "sw1")
    assert desk.core.state.packages["a"].weight == pytest.approx(3.0)


def test_each_slot_counts_what_it_has_before_it():
    packages = tuple(PackageSpec(f"p{n}", 1.0) for n in range(9))
    desk = Desk(packages=packages, usual_s=HOUR)

    assert len(handed(desk.ask(slots=2, willing_until=at(desk, 1.5)))) == 2
    assert len(handed(desk.ask("w2", slots=2, willing_until=at(desk, 2.5)))) == 3


def test_a_long_package_before_it_counts_with_its_own_length():
    desk = Desk(packages=(PackageSpec("long", 4.0), *specs("a", "b")), usual_s=HOUR)
    assert handed(desk.ask(willing_until=at(desk, 4.5))) == [("long", 1)]


def test_what_fits_nowhere_is_not_given_to_anybody_and_that_is_said_with_what_would_help():
    desk = Desk(packages=specs("a", "b"), usual_s=20 * HOUR)
    assert handed(desk.ask(willing_until=at(desk, 13))) == []

    assert told(desk.wait(50)) == []
    actions = desk.wait(30)
    [text] = told(actions)
    assert not [one.text for one in of(actions, Tell) if "no worker works" in one.text]
    assert text.startswith("2 packages take about 20 h, and no PC here is free for so long")
    assert "(the freest: 13 h)" in text
    assert "checkpoint in job.ini" in text
    assert told(desk.wait(200)) == []

    assert handed(desk.ask("server")) == [("a", 1), ("b", 1)]


def test_it_is_said_again_half_a_day_later_and_not_while_a_pc_is_free_for_long():
    desk = Desk(packages=specs("a", "b"), usual_s=20 * HOUR)
    desk.ask("night", willing_until=at(desk, 13))
    desk.ask("weekend", willing_until=at(desk, 60))
    assert told(desk.wait(300)) == []

    desk = Desk(packages=specs("a"), usual_s=20 * HOUR)
    desk.ask(willing_until=at(desk, 13))
    assert len(told(desk.wait(300))) == 1
    desk.beat()
    assert told(desk.wait(300)) == []


@pytest.mark.parametrize("changes", [{"usual_s": None}, {"checkpointed": True}])
def test_unknown_lengths_and_checkpoints_may_go_anywhere(changes):
    desk = Desk(packages=specs("a"), **({"usual_s": 20 * HOUR} | changes))
    assert handed(desk.ask(willing_until=at(desk, 0.1))) == [("a", 1)]


def test_an_idle_worker_that_is_not_free_for_long_enough_is_asked_to_ask_anew():
    desk = Desk(packages=specs("a", "b"), usual_s=HOUR)
    desk.ask(willing_until=at(desk, 0.5))
    assert sent(desk.wait(290), Bye) == []

    [bye] = sent(desk.wait(20), Bye)

    assert bye.reason is Goodbye.NO_WORK
    assert handed(desk.ask("w1b", key="key-w1", willing_until=at(desk, 1.2))) == [("a", 1)]


def test_a_worker_that_still_has_something_is_not_sent_away():
    desk = Desk(packages=(PackageSpec("short", 0.1), *specs("a", "b")), usual_s=HOUR)
    assert handed(desk.ask(willing_until=at(desk, 0.5))) == [("short", 1)]
    desk.beat("w1", ("short", 1, HeldState.RUNNING))
    assert sent(desk.wait(500), Bye) == []


def test_a_worker_for_which_something_fits_stays():
    desk = Desk(packages=specs("a", "b", "c", "d"), usual_s=60.0, at_once=1)
    desk.ask("w1")
    desk.ask("w2", willing_until=at(desk, 0.5))
    assert sent(desk.wait(500), Bye) == []


def given_back(actions: list[Action]) -> list[str]:
    return [package for package, _, say in said(actions) if say is Say.GIVE_BACK]


def test_only_a_spare_that_fits_there_is_asked_back_for_a_free_slot():
    desk = Desk(packages=(PackageSpec("now", 1.0), PackageSpec("spare", 0.9)), usual_s=HOUR)
    desk.ask("w1")
    desk.beat("w1", ("now", 1, HeldState.RUNNING), ("spare", 1, HeldState.WAITING))
    assert given_back(desk.ask("soon", willing_until=at(desk, 0.5))) == []
    assert given_back(desk.wait(60)) == []

    assert given_back(desk.ask("later", willing_until=at(desk, 1.5))) == ["spare"]


def test_what_waits_for_a_weekend_does_not_keep_spares_from_free_slots():
    packages = (PackageSpec("long", 20.0), PackageSpec("now", 1.0), PackageSpec("spare", 0.9))
    desk = Desk(packages=packages, usual_s=HOUR)
    desk.ask("w1", willing_until=at(desk, 13))
    desk.beat("w1", ("now", 1, HeldState.RUNNING), ("spare", 1, HeldState.WAITING))

    assert given_back(desk.ask("w2", willing_until=at(desk, 13))) == ["spare"]
    actions = desk.result("spare", outcome=Outcome.HANDED_BACK, seconds=0)
    assert handed(actions, "sw2") == [("spare", 2)]


def left(desk: Desk, rate_over: list[tuple[float, int]] | None = None) -> float | None:
    pacer = Pacer()
    for when, accepted in rate_over or []:
        pacer.note(when, accepted)
    return snapshot(desk.core.state, desk.core.offering, pacer, pool="").left_s


def test_the_end_is_estimated_from_lengths_where_packages_are_long():
    desk = Desk(packages=specs(*(f"p{n}" for n in range(12))), usual_s=2 * HOUR)
    assert left(desk) is None
    desk.ask(slots=2)
    assert left(desk) == 12 * HOUR
    desk.wait(10)
    desk.run("p0")
    now = desk.core.state.now.steady
    # One accepted in the last minute says nothing of how many will be.
    assert left(desk, [(now - 50, 0)]) == pytest.approx(11 * 60 / 2)


def test_the_end_of_the_last_ones_is_what_the_youngest_still_needs():
    desk = Desk(packages=specs("a", "b"), usual_s=HOUR)
    desk.ask(slots=4)
    desk.wait(300)
    assert left(desk) == pytest.approx(HOUR - 300)
