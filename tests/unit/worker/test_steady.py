"""The core's clock: steady, never back, and aware of sleep."""

from __future__ import annotations

from datetime import timedelta

from jobman_agent.worker.steady import SteadyTime
from tests.fakes import FakeClock


class TwoClocks(FakeClock):
    """A wall clock that can be set, and a steady one that stands while the PC sleeps."""

    def __init__(self):
        super().__init__()
        self.offset = 0.0

    def now(self):
        return super().now() + timedelta(seconds=self.offset)


def test_it_begins_with_the_wall_clock_and_follows_the_steady_one():
    clock = TwoClocks()
    time = SteadyTime(clock)
    clock.advance(5.0)
    moment = time.look()

    assert moment.now == moment.wall == clock.now().timestamp()
    assert not moment.slept


def test_a_wall_clock_that_is_set_back_changes_nothing():
    clock = TwoClocks()
    time = SteadyTime(clock)
    before = time.look().now
    clock.offset = -7200.0
    clock.advance(2.0)
    moment = time.look()

    assert (moment.now, moment.slept) == (before + 2.0, False)
    assert moment.wall == clock.now().timestamp()


def test_a_sleep_is_noticed_whether_or_not_the_steady_clock_stood_meanwhile():
    for how in ("stood", "went on"):
        clock = TwoClocks()
        time = SteadyTime(clock)
        before = time.look().now
        if how == "stood":
            clock.offset = 3600.0
        else:
            clock.advance(3600.0)
        moment = time.look()

        assert (moment.now, moment.slept) == (before + 3600.0, True)
        assert not time.look().slept


def test_it_never_begins_before_what_was_kept_by_an_earlier_process():
    clock = TwoClocks()
    later = clock.now().timestamp() + 1000.0

    assert SteadyTime(clock, later).look().now == later
