"""The agent's public holidays: nobody waits for them, and failures are tried again."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime

import pytest

from jobman_agent.agent.holiday_watch import AGAIN_FIRST_S, HolidayWatch
from jobman_agent.settings.public_holidays import Answer, Found, keep, years_to_keep
from tests.fakes import FakeClock

CHRISTMAS = date(2026, 12, 25)
DK = Answer({CHRISTMAS: "Christmas Day"})


class Slow:
    """Answers when it is let to."""

    def __init__(self):
        self.gate = threading.Event()
        self.says = DK
        self._questions = []
        self._new = threading.Condition()

    def __call__(self, place, years):
        with self._new:
            self._questions.append((place, sorted(years)))
            self._new.notify_all()
        assert self.gate.wait(10)
        return self.says

    def questions(self, count):
        """All of them, once there are so many."""
        with self._new:
            assert self._new.wait_for(lambda: len(self._questions) >= count, 10)
            return self._questions


@pytest.fixture
def slow():
    asked = Slow()
    yield asked
    asked.gate.set()


def answered(watch, place):
    """What is found once there is an answer."""
    assert watch._question.done.wait(10)
    return watch.find(place)


def test_nothing_waits_for_the_answer_and_it_is_kept(tmp_path, slow):
    watch = HolidayWatch(tmp_path, FakeClock(), slow)
    assert watch.find(None) == Found()
    assert watch.find("DK") is None
    assert watch.find("DK") is None
    assert slow.questions(1) == [("DK", [2026, 2027, 2028])]

    slow.gate.set()
    found = answered(watch, "DK")
    assert found == Found(DK.dates)
    assert watch.find("DK") is found

    later = HolidayWatch(tmp_path, FakeClock(), slow)
    assert later.find("DK") == found
    assert len(slow.questions(1)) == 1


def test_in_december_they_are_looked_up_again_and_the_old_ones_hold_meanwhile(tmp_path, slow):
    clock = FakeClock(datetime(2026, 11, 29, 12, tzinfo=UTC))
    keep(tmp_path, "DK", date(2026, 11, 1), DK, years_to_keep(date(2026, 11, 1)))
    watch = HolidayWatch(tmp_path, clock, slow)
    old = watch.find("DK")
    assert old == Found(DK.dates)

    clock.advance(3 * 86_400)
    assert watch.find("DK") is old
    assert len(slow.questions(1)) == 1
    slow.says = Answer({CHRISTMAS: "Christmas Day", date(2027, 2, 1): "A new one"})
    slow.gate.set()
    assert answered(watch, "DK") == Found(slow.says.dates)
    clock.advance(86_400)
    assert watch.find("DK") == Found(slow.says.dates)
    assert len(slow.questions(1)) == 1


def test_a_wrong_place_is_told_and_asked_once(tmp_path, slow):
    watch = HolidayWatch(tmp_path, FakeClock(), slow)
    slow.says = Answer(wrong="no such country")
    slow.gate.set()
    watch.find("DX")

    assert answered(watch, "DX") == "no such country"
    assert watch.find("DX") == "no such country"
    assert len(slow.questions(1)) == 1
    slow.says = DK
    watch.find("DK")
    assert answered(watch, "DK") == Found(DK.dates)


def test_what_has_failed_is_tried_again_later_and_later(tmp_path, slow):
    clock = FakeClock()
    watch = HolidayWatch(tmp_path, clock, slow)
    slow.says = Answer(failed="no answer")
    slow.gate.set()
    watch.find("DK")
    found = answered(watch, "DK")
    assert found.dates == {}
    assert "each is judged as an ordinary day" in found.note

    clock.advance(AGAIN_FIRST_S)
    assert watch.find("DK") is found
    assert len(slow.questions(2)) == 2
    assert answered(watch, "DK").note
    clock.advance(AGAIN_FIRST_S)
    watch.find("DK")
    assert len(slow.questions(2)) == 2
    clock.advance(AGAIN_FIRST_S)
    slow.says = DK
    watch.find("DK")
    assert answered(watch, "DK") == Found(DK.dates)


def test_a_look_up_that_breaks_is_a_failure_and_not_the_end(tmp_path):
    def breaks(place, years):
        return None

    watch = HolidayWatch(tmp_path, FakeClock(), breaks)
    watch.find("DK")

    assert "please report this" in answered(watch, "DK").note
