"""The agent as it is, on a PC that is made up: whatever happens there, in whatever order.

Its loop, child process, states, policy and pauses are the real ones; `agent_world` is what is round
them. The rules are what owner, pool, worker, clock and sensors do; what must hold is asked whenever
time passes, not only after a rule.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jobman_agent.agent import child
from jobman_agent.agent import loop as agent_loop
from jobman_agent.agent.loop import Agent, Equipment
from jobman_agent.agent.settings_watch import SettingsWatch
from jobman_agent.agent.states import State
from jobman_agent.control.messages import (
    Done,
    GetStatus,
    PauseKind,
    PauseWork,
    Quit,
    ResumeWork,
    WorkNow,
)
from jobman_agent.model.verdict import Permit
from jobman_agent.settings.layers import load_settings
from jobman_agent.settings.places import Places
from tests.property.agent_world import Clock, Disk, FakeWorker, Hands, Sight, VirtualLoop, World

if TYPE_CHECKING:
    from datetime import datetime

    from jobman_agent.control.messages import Request
    from jobman_agent.settings.pc import Settings

USER_AWAY_S, FOR_S, RESUME_S, GIVE_BACK_S = 20.0, 5.0, 4.0, 15.0
YIELD_S = 1.0
LOOK_S = 2.0
"""So soon it sees what is no event, while packages run."""
UNSEEN_S = 5.0
LEAVE_S = 10.0
INI = """\
[pool]
url = dir:{folder}/pool
[hours]
monday-sunday = {hours}
last_start = 1 s
[idle]
user_away = 20 s
locked_away = 20 s
for = 5 s
not_while_running = zoom
[yield]
resume_after = 4 s
give_back_after = 15 s
"""
BAD = {
    "cpu": {"others_cpu": 90.0},
    "battery": {"on_battery": True},
    "memory": {"memory_free": 100_000_000},
    "program": {"running": frozenset({"zoom"})},
    "call": {"presentation": "a call"},
}
WORKING_STATES = (State.SEEKING, State.WORKING, State.SUSPENDED)
HOLDING_STATES = (State.WORKING, State.SUSPENDED, State.LEAVING)


class Ear:
    """As ``control.server.Server``: what faces say goes to the agent without any socket."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle

    @classmethod
    async def open(cls, _home: Path, handle: Any) -> Ear:
        Ear.last = cls(handle)
        return Ear.last

    async def close(self) -> None:
        """Nothing is held."""

    last: Ear


@cache
def read_ini(path: Path, text: str) -> Settings:
    """Reading takes longer than a whole night here."""
    assert path.read_text() == text
    places = Places(path.parent / "home", path, path.parent / "none.ini", path.parent / "locks")
    return load_settings(places, environ={})


class AgentMachine(RuleBasedStateMachine):
    """Rules; and what always holds (`check`)."""

    def __init__(self) -> None:
        super().__init__()
        self._patches = pytest.MonkeyPatch()
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.home = self.folder / "home"
        self.home.mkdir(mode=0o700)
        self.loop = VirtualLoop()
        asyncio.set_event_loop(self.loop)
        self.clock = Clock(self.loop)
        self.world = World(self.loop, self.clock)
        self.world.may_spawn = self.note_spawn
        self._patches.setattr(child, "WorkerProcess", FakeWorker)
        self._patches.setattr(child, "ThreadPoolExecutor", Hands)
        self._patches.setattr(child, "processes", self.world.as_processes())
        self._patches.setattr(child, "tree", self.world.as_tree())
        self._patches.setattr(agent_loop, "Server", Ear)
        self._patches.setattr(agent_loop, "Disk", Disk)
        self.paused: tuple[str, datetime | None] | None = None
        """The kind of the pause that was asked for, and its end."""
        self.hours = True
        self.work_until: datetime | None = None
        self.started_at = self.jumped_at = self.bad_since = -1e9
        """On the steady clock; a clock that jumps begins every wait anew."""
        self.quit_at: float | None = None
        self.wrong: list[str] = []
        self.write_hours()
        self.start_agent()

    # ------------------------------------------------------------------ the agent's life

    def start_agent(self) -> None:
        self.quit_at = self.work_until = None
        self.started_at = self.clock.monotonic()
        self.jumped_at = -1e9  # an agent that was not there does not know of it
        watch = SettingsWatch(self.load, [self.folder / "jobman.ini"])
        self.sight = Sight(self.world)
        equipment = Equipment(
            home=self.home,
            lock_dir=self.folder / "locks",
            make_sight=lambda _settings, _pids: self.sight,
            settings=watch,
            spawn=self.world.spawn,
            clock=self.clock,
            leave_s=LEAVE_S,
        )

        async def start() -> None:
            self.agent = Agent(equipment)
            self.task = asyncio.create_task(self.agent.run())
            await asyncio.sleep(0)

        self.run(start())

    def load(self) -> Settings:
        path = self.folder / "jobman.ini"
        return read_ini(path, path.read_text())

    def write_hours(self) -> None:
        hours = "all day" if self.hours else "none"
        text = INI.format(folder=self.folder, hours=hours)
        (self.folder / "jobman.ini").write_text(text)

    def run(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    def ask(self, request: Request) -> Done:
        reply = self.run(Ear.last.handle(request))
        assert isinstance(reply, Done), reply
        return reply

    def pass_by(self, seconds: float) -> None:
        """Time passes, and what must always hold is asked all the time."""

        async def pass_by() -> None:
            end = self.loop.time() + seconds
            while (left := end - self.loop.time()) > 1e-6:
                await asyncio.sleep(min(0.2 if self.busy else 1.0, left))
                self.check()

        self.run(pass_by())

    @property
    def busy(self) -> bool:
        return any(not worker.dead for worker in self.world.workers) or bool(self.world.alive)

    @property
    def worker(self) -> FakeWorker | None:
        last = self.world.workers[-1] if self.world.workers else None
        return None if last is None or last.dead else last

    # ------------------------------------------------------------------ what happens

    @initialize()
    def the_pc_is_idle_from_the_start_or_not(self) -> None:
        self.pass_by(8)

    @rule(seconds=st.sampled_from([0.02, 0.1, 0.5, 1.1, 3.0, 12.0, 40.0, 130.0]))
    def time_passes(self, seconds: float) -> None:
        self.pass_by(seconds)

    @rule(lengths=st.sampled_from([[], [0.3], [30.0], [200.0], [0.3, 5.0]]))
    def the_pool_has_other_work(self, lengths: list[float]) -> None:
        self.world.lengths = lengths
        if self.worker:
            self.worker.look()

    @rule()
    def the_pc_has_been_left_alone(self) -> None:
        self.world.turn_sensors("well")
        self.world.says = {}
        self.pass_by(USER_AWAY_S + 12)

    @rule()
    def somebody_touches_the_pc(self) -> None:
        known = [one for one in self.world.running if self.loop.time() - one.went_on_at > 0.2]
        self.world.touch()
        self.pass_by(0.001)
        if self.world.sensors == "well" and self.worker:
            assert not any(one.state == "running" for one in known), "not frozen at once"

    @rule(seconds=st.sampled_from([2, 10, 25]))
    def somebody_stays_at_the_pc(self, seconds: int) -> None:
        for _ in range(seconds * 2):
            self.world.touch()
            self.pass_by(0.5)

    @rule(what=st.sampled_from(sorted(BAD)), on=st.booleans())
    def the_pc_is_in_use_otherwise(self, what: str, on: bool) -> None:
        said = {key: value for key, value in self.world.says.items() if key not in BAD[what]}
        self.world.says = said | (BAD[what] if on else {})
        if what != "cpu" and on:  # a peak of the processor may pass
            self.bad_since = self.clock.monotonic()

    @rule(how=st.sampled_from(["well", "well", "blind", "fail", "hang"]))
    def the_sensors_turn(self, how: str) -> None:
        self.world.turn_sensors(how)

    @rule(days=st.sampled_from([-1, 1]))
    def the_wall_clock_jumps(self, days: int) -> None:
        self.clock.wall_added += timedelta(days=days)
        self.jumped_at = self.clock.monotonic()
        self.ask(GetStatus())  # else another jump back might undo it before it is seen

    @rule(seconds=st.sampled_from([30.0, 90.0, 8 * 3600.0]), steady=st.booleans())
    def the_pc_sleeps(self, seconds: float, steady: bool) -> None:
        self.clock.wall_added += timedelta(seconds=seconds)
        if steady:  # Windows' steady clock goes on while the PC sleeps
            self.clock.steady_added += seconds
        if seconds > 60:
            self.jumped_at = self.clock.monotonic()
        self.ask(GetStatus())

    @rule(seconds=st.sampled_from([0.5, 6.0]))
    def the_pc_is_about_to_sleep_and_does_not(self, seconds: float) -> None:
        known = [one for one in self.world.running if self.loop.time() - one.went_on_at > 0.2]
        self.run(self.say_sleep("this PC goes to sleep"))
        assert not any(one.state == "running" for one in known)
        self.pass_by(seconds)
        assert not self.world.running
        self.run(self.say_sleep(""))

    async def say_sleep(self, why: str) -> None:
        self.agent.sleep(why)

    @rule(hours=st.booleans())
    def the_hours_are_changed(self, hours: bool) -> None:
        self.hours = hours
        self.write_hours()

    @rule(connected=st.booleans())
    def the_pool_goes_or_comes(self, connected: bool) -> None:
        self.world.connected = connected
        if self.worker:
            self.worker.look()

    @precondition(lambda self: self.worker)
    @rule()
    def the_worker_dies(self) -> None:
        assert self.worker is not None
        self.worker.die()

    @rule(deaf=st.booleans())
    def the_next_workers_do_not_hear_that_they_shall_leave(self, deaf: bool) -> None:
        self.world.deaf = deaf

    # ------------------------------------------------------------------ what faces say

    @precondition(lambda self: self.quit_at is None)
    @rule(kind=st.sampled_from(["5 s", "1 h", "tomorrow", "lock", "package", "resume"]))
    def somebody_says_pause(self, kind: str) -> None:
        self.work_until = None
        now = self.clock.now()
        if kind == "package":
            self.ask(PauseWork(kind=PauseKind.PACKAGE))
            self.note_pause_after_package()
            return
        seconds = {"5 s": 5.0, "1 h": 3600.0}.get(kind)
        request = PauseWork(
            kind=PauseKind.DURATION if seconds else PauseKind(kind), seconds=seconds
        )
        self.paused = (kind, now + timedelta(seconds=seconds) if seconds else None)
        self.package_pause = False
        self.ask(request)
        self.check()

    package_pause = False

    def note_pause_after_package(self) -> None:
        """It begins at once where nothing is held, else with the end of what is."""
        self.package_pause = self.agent.state in (State.WORKING, State.SUSPENDED)
        if not self.package_pause:
            self.paused = ("resume", None)

    @precondition(lambda self: self.quit_at is None)
    @rule(seconds=st.sampled_from([None, None, 30.0]))
    def somebody_says_resume_or_work_now(self, seconds: float | None) -> None:
        self.paused, self.package_pause, self.work_until = None, False, None
        if seconds is None:
            self.ask(ResumeWork())
            return
        self.work_until = self.clock.now() + timedelta(seconds=seconds)
        self.ask(WorkNow(seconds=seconds))

    @rule(seconds=st.sampled_from([None, 0.3]))
    def the_screen_is_locked_for_a_moment(self, seconds: float | None) -> None:
        self.world.says = {**self.world.says, "locked": True}
        self.pass_by(12.0 if seconds is None else seconds)
        self.world.says = {key: v for key, v in self.world.says.items() if key != "locked"}

    @precondition(lambda self: self.quit_at is None)
    @rule()
    def somebody_asks(self) -> None:
        status = self.ask(GetStatus()).status
        assert status.state == self.agent.state.value
        if self.agent.state is State.OFF_DUTY:
            assert status.reasons
        self.check()

    @rule(how=st.sampled_from(["not", "not", "by quit", "hard"]))
    def the_agent_ends_and_is_started_again(self, how: str) -> None:
        if how == "by quit":
            self.quit()
            self.start_agent()
        elif how == "hard":
            self.task.cancel()
            self.run(asyncio.wait({self.task}))
            self.note_end_of_agent()
            # A worker whose agent has gone ends what it has by itself.
            self.run(asyncio.sleep(LEAVE_S))
            self.start_agent()

    def quit(self) -> None:
        self.ask(Quit())
        self.quit_at = self.clock.monotonic()
        self.pass_by(0.01)
        self.run(asyncio.wait({self.task}, timeout=2 * LEAVE_S + 5))
        assert self.task.done(), f"it has not ended: {self.agent.state}"
        self.task.result()
        self.note_end_of_agent()

    def note_end_of_agent(self) -> None:
        """A pause after a package that was still to come ends with its agent, unless it began."""
        if self.package_pause:
            self.package_pause = False
            if (self.home / "pause.json").exists():
                self.paused = ("resume", None)

    # ------------------------------------------------------------------ what always holds

    @invariant()
    def check(self) -> None:
        self.broken = True  # until it has been checked
        self.forget_what_is_over()
        assert not self.wrong, self.wrong
        self.check_states()
        self.check_running()
        self.check_pause()
        if self.task.done():
            self.task.result()
        self.broken = False

    broken = False

    def forget_what_is_over(self) -> None:
        now = self.clock.now()
        if self.paused is not None and self.paused[1] is not None and self.paused[1] <= now:
            self.paused = None
        if self.paused == ("lock", None) and self.world.says.get("locked") and self.sees:
            self.paused = None
        if self.paused is not None and self.paused[0] == "tomorrow":
            kept = self.agent._memory.pause
            if kept is None:
                self.paused = None
        if self.package_pause and self.agent.state not in (State.WORKING, State.SUSPENDED):
            self.package_pause, self.paused = False, ("resume", None)

    @property
    def sees(self) -> bool:
        return self.world.sensors in ("well", "blind")

    def check_states(self) -> None:
        agent, standing = self.agent, self.agent._standing
        if agent.state is State.SEEKING:
            assert standing.permit is Permit.START
            assert not standing.quitting
        if agent._snapshot is not None and agent._snapshot.held:
            assert agent.state in HOLDING_STATES
        if agent.state is State.GONE:
            assert not self.busy, "something is left after the end"

    def check_running(self) -> None:
        """No package runs under the owner's hands, nor where nobody can see whether they are."""
        now = self.clock.monotonic()
        for one in self.world.running:
            told = self.loop.time() - one.went_on_at > 0.2
            if not told:
                continue
            assert not YIELD_S < self.world.quiet < RESUME_S - YIELD_S, "under the owner's hands"
            if self.in_use - {"cpu"} and self.world.sensors == "well":
                assert now - self.bad_since < LOOK_S, self.in_use
            if self.world.sensors != "well":
                assert now - self.world.unwell_since < UNSEEN_S, "unseen"
            worker = next(w for w in self.world.workers if one in w.packages)
            if worker.dead:  # what it left is being ended
                assert self.loop.time() - worker.died_at < YIELD_S, f"{one} has no worker"
            else:
                assert self.agent.state is State.WORKING, f"{one} in {self.agent.state}"

    @property
    def in_use(self) -> set[str]:
        return {what for what, bad in BAD.items() if bad.items() <= self.world.says.items()}

    def check_pause(self) -> None:
        if self.paused is None or self.task.done():
            return
        assert self.agent.state not in WORKING_STATES, f"{self.agent.state} in {self.paused}"

    def note_spawn(self) -> None:
        """A worker is about to be started: in a callback of the agent, where nobody may raise."""
        self.forget_what_is_over()
        now = self.clock.monotonic()
        quiet = min(self.world.quiet, now - self.jumped_at)
        musts = {
            f"only {quiet:.1f} s of quiet": quiet >= USER_AWAY_S - 0.5,
            "just started": now - self.started_at >= FOR_S,
            f"in use: {self.in_use}": not self.in_use,
            f"sensors: {self.world.sensors}": self.world.sensors == "well",
            "not its hours": self.hours or self.work_until is not None,
            f"paused: {self.paused}": self.paused is None,
            "it quits": self.quit_at is None,
            "a worker, or what it left, is still there": not self.busy,
        }
        self.wrong += [what for what, holds in musts.items() if not holds]

    def teardown(self) -> None:
        try:
            if not self.broken:
                self.quit()
                assert not self.busy
                self.check_fates()
        finally:
            self.task.cancel()
            self.run(asyncio.wait({self.task}))
            self.run(asyncio.sleep(1))
            self.loop.close()
            asyncio.set_event_loop(None)
            self._patches.undo()
            self._folder.cleanup()

    def check_fates(self) -> None:
        """Each package ended once; what no worker could say, the next one would."""
        for one in self.world.packages:
            assert one.state in ("ended", "coming"), one
            assert len(one.fates) <= 1, one
            if not one.fates:
                holder = next(w for w in self.world.workers if one in w.packages)
                assert holder.dead
        ledger = self.home / "ledger.jsonl"
        lines = ledger.read_text().splitlines() if ledger.exists() else []
        entries = [json.loads(line) for line in lines]
        names = [entry["package"] for entry in entries if "package" in entry]
        assert len(names) == len(set(names))


TestAgentMachine = AgentMachine.TestCase
TestAgentMachine.settings = settings(
    max_examples=50,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    # Shrinking takes minutes, and 40 steps can be read as they are.
    phases=[Phase.explicit, Phase.generate],
)
