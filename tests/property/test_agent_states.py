"""The agent's step beside a worker that takes, ends, loses and hands back as it likes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jobman_agent.agent.states import JUDGED, Do, Event, KeepPause, Standing, State, What, step
from jobman_agent.model.verdict import Permit

if TYPE_CHECKING:
    from jobman_agent.model.pause import Pause

HOLDING = {State.WORKING, State.SUSPENDED, State.LEAVING}


class Worker:
    """A worker process: its packages run, wait frozen, or wait for their start."""

    def __init__(self) -> None:
        self.running: set[int] = set()
        self.frozen: set[int] = set()
        self.waiting: set[int] = set()
        self.may_start = True
        self.leaving = False
        self.killed = False

    @property
    def held(self) -> set[int]:
        return self.running | self.frozen | self.waiting


class Agent(RuleBasedStateMachine):
    """The shell: it performs what the step says on a worker, at once and in order."""

    def __init__(self) -> None:
        super().__init__()
        self.standing = Standing()
        self.worker: Worker | None = None
        self.pause: Pause | None = None
        self.fates: dict[int, list[str]] = {}
        self.stopped = False
        self.unswept = False

    def tell(self, what: What) -> None:
        self.standing, actions = step(self.standing, Event(what))
        for action in actions:
            self.perform(action)

    def perform(self, action: Do | KeepPause) -> None:
        worker = self.worker
        match action:
            case KeepPause(pause):
                self.pause = pause
            case Do.START_WORKER:
                assert worker is None
                assert not self.unswept
                self.worker = Worker()
            case Do.SWEEP:
                self.unswept = False
            case Do.STOP:
                assert worker is None
                self.stopped = True
            case Do.FREEZE:
                assert worker is not None
                worker.frozen |= worker.running
                worker.running = set()
                worker.may_start = False
            case Do.THAW:
                assert worker is not None
                worker.running, worker.frozen = worker.frozen, set()
            case Do.ALLOW_STARTS | Do.FORBID_STARTS:
                assert worker is not None
                worker.may_start = action is Do.ALLOW_STARTS
                if worker.may_start:
                    worker.running |= worker.waiting
                    worker.waiting = set()
            case Do.LEAVE:
                assert worker is not None
                assert not worker.leaving
                worker.leaving = True
                worker.may_start = False
            case Do.KILL:
                assert worker is not None
                worker.killed = True

    def end(self, packages: set[int], fate: str) -> None:
        for package in packages:
            self.fates[package].append(fate)

    # ------------------------------------------------------------------ what the worker does

    @precondition(lambda self: self.worker and self.worker.may_start)
    @rule()
    def a_package_is_taken(self) -> None:
        number = len(self.fates)
        self.fates[number] = []
        self.worker.running.add(number)
        self.tell(What.PACKAGE_TAKEN)

    @precondition(lambda self: self.worker and not self.worker.leaving)
    @rule()
    def a_package_comes_in_that_was_on_its_way(self) -> None:
        number = len(self.fates)
        self.fates[number] = []
        where = self.worker.running if self.worker.may_start else self.worker.waiting
        where.add(number)
        self.tell(What.PACKAGE_TAKEN)

    @precondition(lambda self: self.worker and self.worker.running)
    @rule(data=st.data())
    def a_package_ends(self, data) -> None:
        package = data.draw(st.sampled_from(sorted(self.worker.running)))
        self.worker.running.discard(package)
        self.end({package}, "result")
        if not self.worker.held:
            self.tell(What.ALL_ENDED)

    @precondition(lambda self: self.worker and self.worker.waiting and not self.worker.leaving)
    @rule()
    def what_has_not_started_is_handed_back(self) -> None:
        self.end(self.worker.waiting, "handed back")
        self.worker.waiting = set()
        if not self.worker.held:
            self.tell(What.ALL_ENDED)

    @precondition(lambda self: self.worker and self.worker.frozen and not self.worker.leaving)
    @rule()
    def frozen_packages_are_withdrawn(self) -> None:
        self.end(self.worker.frozen, "handed back")
        self.worker.frozen = set()
        if not self.worker.held:
            self.tell(What.ALL_ENDED)

    @precondition(lambda self: self.worker and self.worker.leaving)
    @rule()
    def the_worker_has_left(self) -> None:
        self.end(self.worker.held, "handed back")
        self.worker = None
        self.unswept = True
        self.tell(What.WORKER_GONE)

    @precondition(lambda self: self.worker)
    @rule()
    def the_worker_dies(self) -> None:
        self.end(self.worker.held, "handed back")  # at its next start
        self.worker = None
        self.unswept = True
        self.tell(What.WORKER_GONE)

    @rule()
    def leaving_takes_too_long(self) -> None:
        self.tell(What.LEAVE_OVERDUE)
        if self.worker and self.worker.killed:
            self.the_worker_dies()

    # ------------------------------------------------------------------ what people and PC do

    @rule(permit=st.sampled_from(Permit))
    def the_policy_judges(self, permit: Permit) -> None:
        permit = Permit.NOTHING if self.pause else permit
        self.tell(JUDGED[permit])
        if permit is Permit.START:
            assert self.standing.state is not State.OFF_DUTY
        if permit >= Permit.FINISH:
            assert self.standing.state is not State.SUSPENDED

    @rule()
    def the_policy_says_yes(self) -> None:
        self.the_policy_judges(Permit.START)

    @rule()
    def somebody_touches_the_pc(self) -> None:
        self.tell(What.INPUT_SEEN)
        assert not (self.worker and self.worker.running)

    @rule(what=st.sampled_from([What.PAUSE, What.PAUSE_AFTER_PACKAGE, What.RESUME, What.RESUME]))
    def somebody_says(self, what: What) -> None:
        if not self.stopped:
            self.tell(what)

    @rule(often=st.integers(0, 7))
    def somebody_quits(self, often: int) -> None:
        if often == 0:
            self.tell(What.QUIT)

    # ------------------------------------------------------------------ what always holds

    @invariant()
    def packages_run_in_working_only_and_are_held_in_three_states(self) -> None:
        state = self.standing.state
        assert not (self.worker and self.worker.running) or state is State.WORKING
        assert not (self.worker and self.worker.held) or state in HOLDING

    @invariant()
    def a_worker_is_there_exactly_when_it_should_be(self) -> None:
        assert bool(self.worker) == (self.standing.state in HOLDING | {State.SEEKING})
        assert not self.unswept
        assert self.stopped == (self.standing.state is State.GONE)

    @invariant()
    def nobody_seeks_without_a_permit_or_during_a_pause(self) -> None:
        if self.standing.state is State.SEEKING:
            assert self.standing.permit is Permit.START
        if self.pause:
            assert self.standing.state in {State.OFF_DUTY, State.LEAVING, State.GONE}

    @invariant()
    def nothing_new_starts_without_a_permit(self) -> None:
        if self.worker and self.worker.may_start:
            assert self.standing.permit is Permit.START
            assert self.standing.pause_next is None

    @invariant()
    def whoever_works_has_packages_none_of_them_frozen_and_may_start_more_with_a_permit(self):
        if self.standing.state is State.WORKING:
            assert self.worker.held
            assert not self.worker.frozen
            assert self.standing.permit >= Permit.FINISH
        if self.standing.state in {State.WORKING, State.SEEKING}:
            assert self.worker.may_start == (self.standing.permit is Permit.START)

    @invariant()
    def every_package_is_held_or_has_ended_once(self) -> None:
        held = self.worker.held if self.worker else set()
        for package, fates in self.fates.items():
            assert len(fates) == (0 if package in held else 1), (package, fates)

    def teardown(self) -> None:
        """Whatever happened: who quits is gone as soon as the worker has left."""
        self.tell(What.QUIT)
        if self.worker:
            self.the_worker_has_left()
        assert self.stopped
        assert all(len(fates) == 1 for fates in self.fates.values())
        gone = self.standing
        self.tell(What.MAY_START)
        assert self.standing is gone


TestAgent = Agent.TestCase
TestAgent.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
