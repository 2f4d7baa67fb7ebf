"""The agent: reads, lets the policy judge, and performs what the table of states says.

Rule 1: what happens becomes an event; `step` says what is done; it is done in that order. Whether a
PC may work is the policy's to say, what follows from it the table's: here is no opinion.
Rule 2: a reading that was begun before the last touch is not judged: it may not know of it yet.
Rule 3: until the policy permits it, no worker is started, and nothing of a pool is imported.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, TypeAlias, assert_never

from jobman_agent.agent import faces, troubles
from jobman_agent.agent.asked import pause_event, willing_until
from jobman_agent.agent.child import Child, Handlers
from jobman_agent.agent.disk import Disk
from jobman_agent.agent.eyes import Eyes
from jobman_agent.agent.kept_runs import KeptRuns
from jobman_agent.agent.ledger import Ledger
from jobman_agent.agent.record import Record
from jobman_agent.agent.resting import look_seconds, tick_seconds
from jobman_agent.agent.shares import make_limits
from jobman_agent.agent.shown import make_status
from jobman_agent.agent.states import JUDGED, Do, Event, KeepPause, Standing, State, What, step
from jobman_agent.agent.wishes import Wishes
from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.control import messages as ask
from jobman_agent.control import pipe_messages as say
from jobman_agent.control.claims import machine_is_claimed
from jobman_agent.control.server import Server
from jobman_agent.errors import InputError, StorageError
from jobman_agent.log import get_logger
from jobman_agent.model.verdict import Permit, Verdict
from jobman_agent.policy import Memory, decide

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime
    from pathlib import Path

    from jobman_agent.agent.settings_watch import SettingsWatch
    from jobman_agent.agent.sight import Sight
    from jobman_agent.agent.states import Action
    from jobman_agent.clock import Clock
    from jobman_agent.model.reading import Reading
    from jobman_agent.model.verdict import Reason
    from jobman_agent.policy import Rules
    from jobman_agent.settings.pc import Settings

LEAVE_S = 25.0
"""A worker gives up after 20 s of handing back (`worker.session.core.LEAVE_S`); one that has not
even done that is ended. Its packages are frozen, or ended within their grace, from the start."""
FORECAST_S = 60.0
_ENGAGED = (State.SEEKING, State.WORKING, State.SUSPENDED)
Obeyed: TypeAlias = ask.GetStatus | ask.PauseWork | ask.ResumeWork | ask.WorkNow | ask.Quit
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Equipment:
    """What an agent is given."""

    home: Path
    """JOBMAN_HOME; this process holds its `AgentClaim`."""
    lock_dir: Path
    make_sight: Callable[[Settings, Callable[[], Collection[int]]], Sight]
    """Makes the sensors, given the settings and who says which processes are our own."""
    settings: SettingsWatch
    spawn: Callable[[], subprocess.Popen[bytes]]
    """Starts a worker's process."""
    end_orphans: Callable[[], int] = int
    """Ends what this process has adopted, where it does so."""
    settings_file: Path | None = None
    """This user's ini, for the tray to open."""
    judge_employer: Callable[[str, str, str], None] = lambda *_words: None
    """Keeps what the owner says of an employer: name, key, and ``allow``, ``allow_code`` or
    ``never``."""
    clock: Clock = SYSTEM_CLOCK
    leave_s: float = LEAVE_S


class Agent:
    """One agent; `run` is its whole life. All of it is for the event loop's thread."""

    def __init__(self, equipment: Equipment) -> None:
        self._settings = equipment.settings
        self._home, self._lock_dir = equipment.home, equipment.lock_dir
        self._clock, self._leave_s = equipment.clock, equipment.leave_s
        self._disk = Disk()
        self._ledger = Ledger(equipment.home, self._disk.do)
        self._record = Record(equipment.home, self._disk.do)
        self._wishes = Wishes(equipment.home)
        asks = (equipment.settings_file, equipment.judge_employer)
        self._faces = faces.Faces(equipment.home, *asks, self._shown, equipment.clock)
        told = (self._snapshot_came, self._package_ended, self._gone, self._lost)
        handlers = Handlers(*told, self._faces.told_of)
        self._child = Child(
            equipment.spawn, handlers, KeptRuns(equipment.home, self._disk), equipment.end_orphans
        )
        self._ways = {
            Do.START_WORKER: self._start,
            Do.ALLOW_STARTS: self._may_start,
            Do.FORBID_STARTS: self._may_not_start,
            Do.FREEZE: self._child.freeze,
            Do.THAW: self._child.thaw,
            Do.LEAVE: self._leave,
            Do.KILL: self._child.kill,
            Do.SWEEP: self._child.sweep,
            Do.STOP: self._stop,
        }
        self._standing = Standing()
        self._memory = Memory()
        self._verdict: Verdict | None = None
        self._reading: Reading | None = None
        self._snapshot: say.Snapshot | None = None
        self._failures = troubles.Failures()
        self._worker_settings: object = None
        self._eyes = Eyes(
            lambda settings: equipment.make_sight(settings, self._child.own_pids),
            lambda: self._tell(Event(What.INPUT_SEEN)),
            equipment.clock,
        )
        self._asleep = ""
        self._started_at = 0.0
        self._forecast_at = 0.0
        self._overdue: asyncio.TimerHandle | None = None
        self._looking = asyncio.Lock()
        self._wake = asyncio.Event()
        self._stopped = False

    # ---- what others may do, from the loop's own thread
    @property
    def state(self) -> State:
        """Where it stands."""
        return self._standing.state

    def status(self) -> ask.Status:
        """What ``jobman status`` shows."""
        verdict = self._verdict
        if verdict is not None and self.state is State.SEEKING:
            reasons = troubles.worker_reasons(self._snapshot)
            verdict = replace(verdict, reasons=(*verdict.reasons, *reasons))
        pause = self._memory.pause
        return make_status(self._standing, verdict, pause, self._snapshot, os.getpid())

    @property
    def is_watched(self) -> bool:
        """Whether a tray is there."""
        return self._faces.are_there

    def quit(self) -> None:
        """Hand back what is held and end."""
        self._tell(Event(What.QUIT))

    def sleep(self, why: str) -> None:
        """This PC is about to sleep: nothing runs until it is awake again (no reason)."""
        self._asleep = why
        if why:
            self._tell(Event(What.INPUT_SEEN))

    def kill(self) -> None:
        """End the worker's tree now, without grace."""
        self._child.kill()

    def own_pids(self) -> list[int]:
        """Every process of this agent, its worker and its packages; for any thread."""
        return self._child.own_pids()

    # ---- life
    async def run(self, up: Callable[[], object] = bool) -> None:
        """Watch, work and yield until somebody says quit.

        Args:
            up: Called once faces are listened to.

        Raises:
            StorageError: JOBMAN_HOME cannot be written, or no port is to be had.
        """
        self._memory = replace(self._memory, pause=self._wishes.load(self._clock.now()))
        server = await Server.open(self._home, self._handle)
        try:
            self._child.end_old()
            up()
            while not self._stopped:
                await self._look()
                await self._rest()
        finally:
            await self._eyes.close()
            await self._child.close()
            self._ledger.close()
            await asyncio.to_thread(self._disk.close)
            await server.close()

    async def _rest(self) -> None:
        """Wait for the next look, or for something that happens."""
        looked_at = self._clock.monotonic()
        while not self._stopped:
            now, rules = self._clock.now(), self._settings.rules
            pending = self._settings.pending
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    tick_seconds(self.state, self._verdict, now, pending=pending)
                ):
                    await self._wake.wait()
            lasting = None if rules is None else rules.idle.lasting
            need_not = look_seconds(self.state, self._verdict, lasting, self._clock.now())
            rested = self._clock.monotonic() - looked_at
            if self._wake.is_set() or self._settings.refresh() or rested >= need_not:
                break
        self._wake.clear()

    # ---- looking and judging
    async def _look(self) -> None:
        async with self._looking:
            self._settings.refresh()
            self._judge(await self._eyes.look(self._settings.settings))
            self._eyes.watch(wanted=self.state not in (State.OFF_DUTY, State.GONE))

    def _judge(self, reading: Reading) -> None:
        self._reading = replace(reading, engaged=self.state in _ENGAGED)
        now = self._clock.now()
        wrong = self._settings.wrong
        rules = self._wishes.rules(self._settings.rules, now)
        verdict = Verdict(now.astimezone())
        if rules is not None:
            before = self._memory.pause
            try:
                verdict, self._memory = decide(self._reading, rules, now, self._memory)
            except InputError as exc:
                wrong, rules = str(exc), None
            else:
                self._record.note(now, self._reading, rules, self._memory)
            if before is not None and self._memory.pause is None:
                self._wishes.pause(None)
        reasons = troubles.settings_reasons(wrong, some_hold=rules is not None)
        verdict = replace(verdict, reasons=(*verdict.reasons, *reasons))
        self._verdict = replace(verdict, reasons=(*verdict.reasons, *self._troubles(verdict)))
        self._forecast(rules, now)
        self._tell(Event(JUDGED[self._verdict.permit]))
        self._faces.nudge()

    def _troubles(self, verdict: Verdict) -> list[Reason]:
        if self._asleep:
            return troubles.asleep_reasons(self._asleep)
        if self.state in _ENGAGED:
            outdated = self._settings.for_worker() != self._worker_settings
            return troubles.outdated_reasons(outdated=outdated)
        if self.state is not State.OFF_DUTY or verdict.permit is not Permit.START:
            return []
        found = self._failures.reasons(self._clock.monotonic(), verdict.at)
        return found or troubles.other_worker_reasons(self._other_worker())

    def _other_worker(self) -> str:
        try:
            if machine_is_claimed(self._lock_dir):
                return "another agent's worker runs on this PC"
        except StorageError as exc:
            return f"whether another worker runs cannot be seen: {exc}"
        return ""

    def _forecast(self, rules: Rules | None, now: datetime) -> None:
        """Tell a worker now and then until when this PC expects to be free."""
        steady = self._clock.monotonic()
        if self._child.pid is not None and rules is not None and steady >= self._forecast_at:
            self._forecast_at = steady + FORECAST_S
            self._child.say(self._willing(rules, now))

    def _willing(self, rules: Rules, now: datetime) -> say.WillingUntil:
        history = self._record.times_alone(now, rules)
        return say.WillingUntil(willing_until(rules, now, self._wishes.work_until, history))

    # ---- what happens
    def _tell(self, event: Event) -> None:
        before = self._standing.state
        self._standing, actions = step(self._standing, event)
        if self._standing.state is not before:
            _log.info("%s: %s to %s", event.what.value, before.name, self._standing.state.name)
            self._wake.set()
            self._faces.nudge()
        for action in actions:
            self._perform(action)

    def _snapshot_came(self, snapshot: say.Snapshot) -> None:
        before = 0 if self._snapshot is None else self._snapshot.held
        self._snapshot = snapshot
        self._faces.nudge()
        if snapshot.held > before:
            self._tell(Event(What.PACKAGE_TAKEN))
        elif before and not snapshot.held:
            self._tell(Event(What.ALL_ENDED))

    def _package_ended(self, run: say.ComingRun, ended: say.Ended) -> None:
        self._ledger.enter(self._clock.now().astimezone(UTC), run, ended)

    def _lost(self, runs: Sequence[say.ComingRun]) -> None:
        self._ledger.lost(self._clock.now().astimezone(UTC), runs)

    def _gone(self, how: str) -> None:
        if not self._child.told_to_leave:
            now = self._clock.monotonic()
            self._failures.note(f"the worker: {how}", now, now - self._started_at)
            _log.warning("the worker: %s", how)
        self._snapshot = None
        if self._overdue is not None:
            self._overdue.cancel()
        self._tell(Event(What.WORKER_GONE))
        self._wake.set()

    def _shown(self) -> faces.Shown:
        failing = bool(self._failures.reasons(self._clock.monotonic(), self._clock.now()))
        pausing = self._standing.pause_next is not None
        return faces.Shown(self.status(), pausing, self._wishes.work_until, failing, self._snapshot)

    async def _handle(self, request: ask.Request) -> ask.Reply:
        now = self._clock.now()
        if isinstance(request, faces.OWN):
            return await self._faces.answer(request)
        try:
            self._obey(request, now)
        except InputError as exc:
            return ask.Refused(text=str(exc)[:2000], kind="input")
        if not self._stopped:
            await self._look()
        self._wake.set()  # how long to rest is to be thought over
        return ask.Done(status=self.status(), text=self._wishes.not_kept[:2000])

    def _obey(self, request: Obeyed, now: datetime) -> None:
        match request:
            case ask.GetStatus():
                pass
            case ask.PauseWork():
                rules = self._settings.rules
                zone = None if rules is None else rules.calendar.zone
                self._tell(pause_event(request, now, zone))
                if self._standing.pause_next is None:
                    self._wishes.work(None)
                else:  # what runs is finished, by the hours that hold now
                    self._wishes.pause_later()
            case ask.ResumeWork():
                self._wishes.work(None)
                self._tell(Event(What.RESUME))
            case ask.WorkNow():
                self._tell(Event(What.RESUME))
                self._wishes.work(now + timedelta(seconds=request.seconds))
            case ask.Quit():
                self.quit()
            case _:
                assert_never(request)

    # ---- what is done
    def _perform(self, action: Action) -> None:
        if isinstance(action, KeepPause):
            self._memory = replace(self._memory, pause=action.pause)
            self._wishes.pause(action.pause)
        else:
            self._ways[action]()

    def _may_start(self) -> None:
        self._child.say(say.Starts(allowed=True))

    def _may_not_start(self) -> None:
        self._child.say(say.Starts(allowed=False))

    def _stop(self) -> None:
        self._stopped = True
        self._wake.set()

    def _start(self) -> None:
        settings, reading, rules = self._settings.settings, self._reading, self._settings.rules
        if settings is None or reading is None or rules is None:
            raise RuntimeError("a worker was to be started without settings: please report this")
        now = self._clock.now()
        self._started_at = self._clock.monotonic()
        self._worker_settings = self._settings.for_worker()
        self._forecast_at = self._started_at + FORECAST_S
        self._child.start(make_limits(settings.limits, reading), self._willing(rules, now))

    def _leave(self) -> None:
        why = "the agent ends" if self._standing.quitting else "this PC's owner needs it"
        if self._verdict is not None and self._verdict.reasons:
            why = self._verdict.text
        self._child.leave(why[:2000])
        loop = asyncio.get_running_loop()
        self._overdue = loop.call_later(self._leave_s, self._tell, Event(What.LEAVE_OVERDUE))
