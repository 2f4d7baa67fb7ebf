"""Policy and states together, reading after reading, through a night with visitors."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from jobman_agent.agent.states import JUDGED, Do, Event, KeepPause, Standing, State, What, step
from jobman_agent.settings.week import Window
from tests.unit.policy.readings import Office, the_rules

NIGHTS = ((Window(18 * 60, 24 * 60 + 7 * 60),),) * 7
ENGAGED = {State.SEEKING, State.WORKING, State.SUSPENDED}


class Night:
    """An agent whose worker does what it is told; from 17:00 on, ten seconds at a time."""

    def __init__(self) -> None:
        self.office = Office(the_rules(week=NIGHTS), datetime(2026, 11, 24, 16, 0, tzinfo=UTC))
        self.office.look()
        self.standing = Standing()
        self.done: list[object] = []

    @property
    def clock(self) -> str:
        return f"{self.office.now + timedelta(hours=1):%H:%M:%S}"

    def tell(self, what: What) -> None:
        self.standing, actions = step(self.standing, Event(what))
        for action in actions:
            self.done.append(action)
            if isinstance(action, KeepPause):
                self.office.memory = replace(self.office.memory, pause=action.pause)
            if action is Do.LEAVE:
                self.tell(What.WORKER_GONE)
        self.office.says["engaged"] = self.standing.state in ENGAGED

    def until(self, state: State, *, seconds: float = 86400) -> str:
        """Look every ten seconds until the agent is there; when that was."""
        for _ in range(int(seconds / 10)):
            if self.standing.state is state:
                return self.clock
            self.tell(JUDGED[self.office.later(10).permit])
        raise AssertionError(f"{state} never came: {self.office.look().text}")

    def touch(self) -> None:
        self.tell(JUDGED[self.office.touch().permit])

    def stay(self, seconds: int) -> None:
        """Somebody works at the PC."""
        for _ in range(seconds // 10):
            self.office.pass_by(10)
            self.touch()


def test_a_night_with_two_visitors():
    night = Night()
    assert night.until(State.SEEKING) == "18:00:00"
    night.tell(What.PACKAGE_TAKEN)

    # A guard looks in for half a minute: frozen, and two minutes later it goes on.
    night.stay(30)
    assert night.standing.state is State.SUSPENDED
    assert night.until(State.WORKING) == "18:02:30"
    assert night.done[-1] is Do.FORBID_STARTS
    night.office.later(480)
    night.tell(JUDGED[night.office.look().permit])
    assert night.done[-1] is Do.ALLOW_STARTS

    # The owner stays: after a quarter of an hour all is handed back, and ten quiet minutes later
    # another worker starts.
    night.stay(900)
    assert night.standing.state is State.SUSPENDED
    night.stay(10)
    assert night.standing.state is State.OFF_DUTY
    assert night.done[-2:] == [Do.LEAVE, Do.SWEEP]
    gone_at = night.office.now
    night.until(State.SEEKING)
    assert night.office.now - gone_at == timedelta(minutes=10)

    # A quarter of an hour before the morning a worker that holds nothing leaves.
    assert night.until(State.OFF_DUTY) == "06:45:00"
    assert night.until(State.SEEKING) == "18:00:00"


def test_packages_that_run_into_the_morning_are_handed_back_at_seven():
    night = Night()
    night.until(State.SEEKING)
    night.tell(What.PACKAGE_TAKEN)

    assert night.until(State.OFF_DUTY) == "07:00:00"
    assert night.done[-3:] == [Do.FREEZE, Do.LEAVE, Do.SWEEP]
    assert Do.FORBID_STARTS in night.done


def test_a_pause_holds_until_it_is_taken_back():
    night = Night()
    night.until(State.SEEKING)
    night.tell(What.PACKAGE_TAKEN)

    night.tell(What.PAUSE)
    assert night.standing.state is State.OFF_DUTY
    night.tell(JUDGED[night.office.later(3600).permit])
    assert night.standing.state is State.OFF_DUTY
    assert night.office.look().text == "paused until you resume"
    night.tell(What.RESUME)
    night.tell(JUDGED[night.office.look().permit])
    assert night.standing.state is State.SEEKING


def test_a_pc_that_slept_through_the_evening_waits_for_its_owner_first():
    night = Night()
    night.office.pass_by(4 * 3600, steady=3)
    woke_at = night.office.now

    night.until(State.SEEKING)

    assert night.office.now - woke_at == timedelta(minutes=10, seconds=10)
