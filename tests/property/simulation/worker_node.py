"""An office PC: the real session core and the real tables of the spool, a simulated runner."""

from __future__ import annotations

import random
import sqlite3
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args

import msgspec

from jobman_agent.model import messages as m
from jobman_agent.model.wire import decode_body, encode_body, payload_type, time_text
from jobman_agent.worker.session import actions as do
from jobman_agent.worker.session import events as ev
from jobman_agent.worker.session.core import Core
from jobman_agent.worker.session.holdings import PC
from jobman_agent.worker.session.rows import Loaded
from jobman_agent.worker.spool import tables as sql
from jobman_agent.worker.spool.extra import Extra, Given

from .kernel import WALL, Node, Sim
from .road import Letter, Names, Road
from .runs import Run, Runner
from .truth import RIGHT, WRONG, Job

if TYPE_CHECKING:
    from collections.abc import Sequence

OFFER_LIFE_S = 900.0
GIVE_BACK_S = 900.0
FORECAST_S = 60.0
STEP_S = 5.0
WORK_TYPE, RESULT_TYPE = (
    "application/vnd.jobman.work.v1+json",
    "application/vnd.jobman.result.v1+json",
)
_OUTCOME = {
    "done": m.Outcome.DONE,
    "wrong": m.Outcome.DONE,
    "failed": m.Outcome.FAILED,
    "timed out": m.Outcome.TIMED_OUT,
    "handed back": m.Outcome.HANDED_BACK,
}


class WorkerNode(Node):
    def __init__(self, sim: Sim, road: Road, name: str, jobs: dict[str, Job], slots: int) -> None:
        super().__init__(sim, road, name)
        self.key = f"key of {name}"
        self.jobs = jobs
        self.slots = slots
        self.lies, self.broken, self.skew = 0.0, False, 0.0
        self.forecasts = False
        """Whether it says until when it is free; often too short, sometimes too long."""
        self.owner_here, self.back_at = False, 0.0
        self.trusted: set[str] = set()
        self.disk = sqlite3.connect(":memory:", isolation_level=None)
        self.disk.executescript(sql.SCHEMA)
        self.begun: dict[str, int] = {}
        """By runner: how many of its orders have begun; survives, as the real counter does."""
        self.names = Names(name)
        self.rng = random.Random(f"{name} {sim.rng.random()}")

    # ---- life
    def wall(self) -> float:
        return WALL + self.sim.now + self.skew

    def start(self) -> None:
        pc = PC(
            worker=self.name, os="linux", cores=8, memory=1 << 34, disk=1 << 40,
            programs={"solver": m.Program("solver")}, slots=self.slots, scan_most_s=30.0,
        )  # fmt: skip
        self.core = Core(pc, self.rng)
        self.agenda: deque[ev.Event] = deque()
        self.busy = False
        self.lazy: list[do.Save] = []
        self.disk.execute("BEGIN IMMEDIATE")
        found = sql.load(self.disk, self.begun)
        self.disk.execute("COMMIT")
        self.root = f"r{found.start}"
        self.given = 0
        self.begun = {self.root: 0}
        self.runner = Runner(self, self.run_began, self.run_ended, self.how_it_ends)
        loaded = Loaded(
            found.start, found.sessions, found.items, found.batches, {}, found.last_number
        )
        self.happens(ev.Started(loaded))
        if self.owner_here:
            self.happens(ev.Freeze())
        self.road.link(self)
        self.after(STEP_S, self.tick)

    def tick(self) -> None:
        self.after(STEP_S if self.runner.running else 3 * STEP_S, self.tick)
        if self.forecasts and self.rng.random() < STEP_S / FORECAST_S:
            self.happens(ev.Willing(self.forecast()))
        self.happens(ev.Tick())

    def forecast(self) -> str | None:
        usual = max(job.usual for job in self.jobs.values())
        hours = self.rng.choice([None, 0.3, 1.2, 3, 30])
        if hours is None:
            return None
        return time_text(datetime.fromtimestamp(self.wall() + hours * usual, UTC))

    def on_death(self) -> None:
        self.runner.die("crash")

    def on_sleep(self) -> None:
        self.runner.pause()

    def on_wake(self, seconds: float) -> None:
        if not self.owner_here:
            self.runner.go_on()
        if seconds > 60:
            self.happens(ev.Woke())
        if not self.owner_here:
            self.happens(ev.Thaw())  # the owner may have gone meanwhile

    def on_connect(self) -> None:
        self.happens(ev.Connected(self.names))

    def on_disconnect(self) -> None:
        self.agenda.append(ev.Disconnected())
        if not self.busy:
            self.guard(self.work_off)

    # ---- the owner
    def owner_comes(self, seconds: float) -> None:
        if self.owner_here:
            return
        self.owner_here, self.back_at = True, self.sim.now
        self.sim.at(self.sim.now + seconds, self.owner_goes)
        if self.up and not self.asleep:
            self.sim.say(self.name, f"owner back for {seconds:.0f} s")
            self.guard(self.happens, ev.Freeze())
            self.after(GIVE_BACK_S, self.give_back, self.back_at)

    def give_back(self, since: float) -> None:
        if self.owner_here and self.back_at == since:
            self.happens(ev.Leave("the owner is back"))

    def owner_goes(self) -> None:
        self.owner_here = False
        if not self.up:
            self.sim.at(self.sim.now + 600, self.boot)
        elif not self.asleep:
            self.guard(self.happens, ev.Thaw())

    def boot(self) -> None:
        if not self.owner_here:
            super().boot()

    # ---- the runner
    def run_began(self, token: str) -> None:
        self.begun[self.root] = self.runner.begun
        self.happens(ev.RunStarted(token))

    def run_ended(self, run: Run, how: str, began: bool) -> None:
        self.begun[self.root] = self.runner.begun
        if how == "killer":
            self.sim.counts["PCs killed by a package"] += 1
            self.sim.say(self.name, "is killed by", run.truth.name)
            self.after(0.0, self.die, self.sim.rng.choice([90, 300, 1200, 5000]))
            return
        output = {"done": RIGHT, "wrong": WRONG}.get(how)
        files = (m.File("out", 1, output),) if output else ()
        result = m.Result(run.truth.name, run.attempt, _OUTCOME[how], seconds=run.used, files=files)
        self.happens(ev.RunEnded(run.token, result, began))

    def how_it_ends(self, run: Run) -> str:
        """Of a program that came to its end."""
        if run.truth.fails or self.broken:
            return "failed"
        return "wrong" if self.rng.random() < self.lies else "done"

    # ---- messages
    def on_message(self, box: str, letter: Letter) -> None:
        message = letter.message
        frame = encode_body(message) if isinstance(message, m.Work) else b""
        self.happens(
            ev.Received(message, letter.key, letter.sender, letter.key in self.trusted, frame)
        )

    # ---- steps
    def happens(self, event: ev.Event) -> None:
        self.agenda.append(event)
        if not self.busy:
            self.work_off()

    def work_off(self) -> None:
        self.busy = True
        try:
            while self.agenda and self.up:
                events = list(self.agenda)
                self.agenda.clear()
                self.perform_all(self.core.step(self.sim.now, *events, wall=self.wall()))
        finally:
            self.busy = False

    def perform_all(self, actions: Sequence[do.Action]) -> None:
        saves = [a for a in actions if isinstance(a, get_args(do.Save))]
        starts = [a for a in actions if isinstance(a, do.Start)]
        self.lazy += saves
        given = {s.run: Given(self.root, self.given + n) for n, s in enumerate(starts, 1)}
        self.given += len(starts)
        if not all(save.lazy for save in saves):
            self.point()
            self.commit(given)
            self.point()
        for action in actions:
            if not isinstance(action, get_args(do.Save)) and self.up:
                self.perform(action)

    def commit(self, given: dict[str, Given]) -> None:
        frames = {
            s.number: encode_body(s.message) for s in self.lazy if isinstance(s, do.SaveBatch)
        }
        self.disk.execute("BEGIN IMMEDIATE")
        sql.apply(self.disk, self.lazy, Extra(frames=frames, given=given))
        self.disk.execute("COMMIT")
        self.lazy = []

    def perform(self, action: do.Action) -> None:
        match action:
            case do.OpenBoxes(work_box, result_box):
                self.road.declare(self, work_box)
                self.road.declare(self, result_box)
                if self.connected:
                    self.road.listen(self, work_box)
            case do.RemoveBox(box):
                self.road.remove(self, box)
            case do.Send():
                self.send(action)
            case do.Scan():
                self.after(self.rng.uniform(0.2, 5), self.scan)
            case do.Fetch(_, files):
                self.after(1.0, self.happens, ev.FilesCame(frozenset(files)))
            case do.Start():
                self.start_run(action)
            case do.Kill(run, _, _, only_waiting):
                self.runner.kill(run, only_waiting=only_waiting)
            case do.SetSlots(count):
                self.runner.slots = count
                self.runner.fill()
            case do.Suspend():
                self.runner.pause()
            case do.Resume():
                self.runner.go_on()
            case do.Exit(why):
                self.sim.say(self.name, "leaves:", why)
                self.die(None)
            case do.Serve() | do.Tell():
                self.sim.say(self.name, action)

    def scan(self) -> None:
        if not self.connected:
            return
        seen = tuple(
            ev.SeenOffer(each.offer, each.key, each.sender)
            for each in self.road.standing()
            if self.sim.now - each.posted < OFFER_LIFE_S
        )
        self.happens(ev.OffersSeen(seen))

    def send(self, send: do.Send) -> None:
        message = send.message
        if message is None:
            body, _ = sql.batch_frame(self.disk, send.batch or 0)
            message = decode_body(RESULT_TYPE, body)
            message = msgspec.structs.replace(message, session=send.session)
        self.sim.say(self.name, "sends", payload_type(message)[23:30], message)
        said = self.road.send(self, send.box, Letter(self.key, self.name, message))
        fate = {"ok": ev.Sent, "unconfirmed": ev.Unconfirmed, "undeliverable": ev.Undeliverable}
        self.agenda.append(fate[said](send.number))

    def start_run(self, start: do.Start) -> None:
        work = decode_body(WORK_TYPE, sql.work_frame(self.disk, start.work))
        assert isinstance(work, m.Work)
        job = self.jobs[work.offer]
        run = Run(start.run, start.attempt, job.truth(start.package), job)
        self.sim.say(self.name, "runs", start.package, start.attempt)
        self.runner.submit(run)
