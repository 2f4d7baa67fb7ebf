"""The rhythm of looking into an inbox (PROTOCOL 3.2, rule 12)."""

from __future__ import annotations

import pytest

from jobman_agent.pool.contract import Pace
from jobman_agent.pool.polling import Polling


def waits(polling, count, *, found=False, now=100.0):
    """How long it waits after each of so many looks, taken as soon as they are due."""
    result = []
    for _ in range(count):
        polling.looked(now, found=found)
        result.append(round(polling.due() - now, 3))
        now = polling.due()
    return result


def test_the_first_look_comes_at_once():
    assert Polling().due() < 0


@pytest.mark.parametrize(
    ("pace", "longest"), [(Pace.ANSWER, 2.0), (Pace.LOW, 1.0), (Pace.EMPLOYER, 1.0)]
)
def test_waits_grow_from_20_ms_by_half_to_the_longest(pace, longest):
    polling = Polling()
    polling.expect(pace, 0.0, 100.0)

    found = waits(polling, 15)

    assert found[:3] == [0.03, 0.045, 0.067]
    assert found[-1] == longest


def test_enough_to_do_is_every_5_seconds():
    polling = Polling()
    polling.expect(Pace.FULL, 0.0, 100.0)

    assert waits(polling, 3) == [5.0, 5.0, 5.0]
    assert waits(polling, 1, found=True) == [5.0]


def test_an_answer_that_does_not_come_for_2_minutes_is_looked_for_every_10_seconds():
    polling = Polling()
    polling.expect(Pace.ANSWER, 0.0, 100.0)
    waits(polling, 20)

    assert waits(polling, 1, now=221.0) == [10.0]


def test_while_messages_arrive_it_is_20_ms():
    polling = Polling()
    polling.expect(Pace.EMPLOYER, 0.0, 100.0)
    waits(polling, 20)

    assert waits(polling, 2, found=True) == [0.02, 0.02]


def test_never_more_often_than_the_employer_allows():
    polling = Polling()
    polling.expect(Pace.LOW, 0.4, 100.0)

    assert waits(polling, 3) == [0.4, 0.4, 0.4]
    assert waits(polling, 20)[-1] == 1.0


def test_more_than_could_be_taken_is_looked_at_once_again():
    polling = Polling()
    polling.looked(100.0, found=True, more=True)

    assert polling.due() < 100.0


@pytest.mark.parametrize("pace", [Pace.ANSWER, Pace.LOW])
def test_saying_again_that_something_is_awaited_begins_anew(pace):
    polling = Polling()
    polling.expect(pace, 0.0, 100.0)
    waits(polling, 20)

    polling.expect(pace, 0.0, 200.0)

    assert waits(polling, 1, now=200.0) == [0.03]


def test_an_employer_says_its_pace_at_every_tick_and_stays_slow():
    polling = Polling()
    polling.expect(Pace.EMPLOYER, 0.0, 100.0)
    waits(polling, 20)

    polling.expect(Pace.EMPLOYER, 0.0, 200.0)

    assert waits(polling, 1, now=200.0) == [1.0]
