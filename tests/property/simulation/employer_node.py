"""An employer's PC: the real session core, its journal as rows that survive, a simple shell."""

from __future__ import annotations

import copy
from collections import deque
from typing import TYPE_CHECKING

from jobman_agent.employer.session import events as ev
from jobman_agent.employer.session import records as rec
from jobman_agent.employer.session.core import Core
from jobman_agent.model import messages as m
from jobman_agent.model.wire import time_text

from .clock_text import at
from .kernel import WALL, Node, Sim
from .road import Letter, Names, Road, Standing
from .truth import WRONG, Job

if TYPE_CHECKING:
    from collections.abc import Sequence

READ_OUT_S = 5.0
TICK_S = 20.0


class Disk:
    """What survives: the newest of each row, and the results that were journalled."""

    def __init__(self) -> None:
        self.rows: dict[tuple[object, ...], rec.Row] = {}
        self.results: dict[tuple[str, int], m.Result] = {}

    def commit(self, rows: Sequence[rec.Row]) -> None:
        for row in rows:
            self.rows[_key(row)] = copy.copy(row)

    def of(self, kind: type) -> list[rec.Row]:
        return [copy.copy(row) for row in self.rows.values() if isinstance(row, kind)]

    def load(self) -> rec.Journalled:
        jobs = self.of(rec.JobRow)
        return rec.Journalled(
            job=jobs[0] if jobs else rec.JobRow(),
            packages=tuple(self.of(rec.PackageRow)),
            leases=tuple(self.of(rec.LeaseRow)),
            sessions=tuple(self.of(rec.SessionRow)),
            keys=tuple(self.of(rec.KeyRow)),
        )


def _key(row: rec.Row) -> tuple[object, ...]:
    match row:
        case rec.JobRow():
            return ("job",)
        case rec.PackageRow():
            return ("package", row.name)
        case rec.LeaseRow():
            return ("lease", row.package, row.attempt)
        case rec.SessionRow():
            return ("session", row.session)
        case rec.KeyRow():
            return ("key", row.key)


class EmployerNode(Node):
    def __init__(self, sim: Sim, road: Road, name: str, offer: str, job: Job) -> None:
        super().__init__(sim, road, name)
        self.key, self.offer, self.job = f"key of {name}", offer, job
        self.ask_box = Names(name).ask_box(name, offer)
        self.disk = Disk()
        self.started_at: float | None = None
        self.done_at: float | None = None
        self.plan = ev.JobPlan(
            offer=offer,
            employer=name,
            title=f"job of {name}",
            program="solver",
            packages=tuple(ev.PackageSpec(t.name, t.guess) for t in job.packages.values()),
            usual_s=job.usual,
            time_s=job.limit,
            at_once=job.at_once,
            test=job.test,
        )

    # ---- life
    @property
    def ended(self) -> bool:
        row = self.disk.rows.get(("job",))
        return isinstance(row, rec.JobRow) and row.ended

    def moment(self) -> ev.Moment:
        return ev.Moment(self.sim.now, WALL + self.sim.now)

    def start(self) -> None:
        if self.ended:
            self.up = False
            return
        self.agenda: deque[tuple[ev.Event, m.Message | None]] = deque()
        self.busy = False
        self.core = Core(self.plan, self.disk.load(), self.sim.rng, self.moment())
        self.happens(ev.Started())
        if self.up:
            self.road.link(self)
            self.after(TICK_S, self.tick)

    def tick(self) -> None:
        self.after(TICK_S, self.tick)
        if self.core.state.road.blocked and not self.road.alarm:
            self.happens(ev.Unblocked())
        self.happens(ev.Tick())

    def on_connect(self) -> None:
        self.road.declare(self, self.ask_box)
        self.road.listen(self, self.ask_box)
        self.happens(ev.Connected())

    def on_disconnect(self) -> None:
        self.agenda.append((ev.Disconnected(), None))
        if not self.busy:
            self.guard(self.work_off)

    def on_message(self, box: str, letter: Letter) -> None:
        received = ev.Received(key=letter.key, message=letter.message)
        self.happens(received, letter.message)

    # ---- steps
    def happens(self, event: ev.Event, message: m.Message | None = None) -> None:
        self.agenda.append((event, message))
        if not self.busy:
            self.work_off()

    def work_off(self) -> None:
        self.busy = True
        try:
            while self.agenda and self.up:
                event, message = self.agenda.popleft()
                for action in self.core.step(event, self.moment()):
                    self.perform(action, message)
        finally:
            self.busy = False

    def perform(self, action: ev.Action, message: m.Message | None) -> None:
        match action:
            case ev.Save(rows):
                self.point()
                self.disk.commit(rows)
                if isinstance(message, m.Results):
                    for result in message.results:
                        self.disk.results.setdefault((result.package, result.attempt), result)
                self.point()
            case ev.Listen(session, box):
                if self.connected and not self.road.listen(self, box):
                    self.agenda.append((ev.BoxGone(session), None))
            case ev.ReadOut():
                self.after(READ_OUT_S, self.read_out)
            case ev.Post(offer):
                self.post(offer)
            case ev.Look():
                self.after(1.0, self.look)
            case ev.Withdraw():
                if self.connected and not self.road.alarm:
                    self.road.offers.pop(self.offer, None)
            case ev.Send(session, box, body):
                self.send(session, box, body)
            case ev.Hand():
                self.hand(action)
            case ev.Judge(package, attempt, _):
                seconds = self.job.check_seconds(self.sim.rng)
                self.after(seconds, self.judge, package, attempt)
            case ev.RemoveBox(box):
                self.road.remove(self, box)
            case ev.Finish():
                self.finish()
            case ev.Fetch() | ev.Tell():
                self.sim.say(self.name, action)

    def read_out(self) -> None:
        if self.connected and not self.road.quiet(self):
            self.after(READ_OUT_S, self.read_out)
        elif self.connected:
            self.happens(ev.Settled())

    def post(self, offer: m.Offer) -> None:
        if not self.connected:
            return
        if self.road.alarm:
            self.agenda.append((ev.Blocked(), None))
            return
        self.sim.say(self.name, "posts", offer.sequence, offer.waiting)
        self.road.offers[self.offer] = Standing(offer, self.key, self.name, self.sim.now)

    def look(self) -> None:
        if self.connected and not self.road.held:
            self.happens(ev.OfferSeen(self.offer in self.road.offers))

    def send(
        self, session: str, box: str, body: m.Message, packages: tuple[tuple[str, int], ...] = ()
    ) -> None:
        self.sim.say(self.name, "to", session[:6], body)
        said = self.road.send(self, box, Letter(self.key, self.name, body))
        if said != "ok":
            self.agenda.append((ev.SendFailed(session, said == "undeliverable", packages), None))
            if said == "unconfirmed" and self.road.alarm:
                self.agenda.append((ev.Blocked(), None))

    def hand(self, hand: ev.Hand) -> None:
        work = m.Work(
            time=time_text(at(self.moment().wall)),
            offer=self.offer,
            session=hand.session,
            recipe=m.Recipe(program="solver", command=(), outputs=("out",)),
            packages=tuple(m.Package(a.package, a.attempt) for a in hand.packages),
        )
        keys = tuple((a.package, a.attempt) for a in hand.packages)
        self.send(hand.session, hand.box, work, keys)

    def judge(self, package: str, attempt: int) -> None:
        result = self.disk.results[package, attempt]
        judgement = rec.Judgement.ACCEPTED
        if result.outcome is not m.Outcome.DONE:
            judgement = rec.Judgement.FAILED
        elif any(f.sha256 == WRONG for f in result.files):
            judgement = rec.Judgement.WRONG
        self.sim.say(self.name, "judges", package, attempt, judgement)
        self.happens(ev.Judged(package, attempt, judgement))

    def finish(self) -> None:
        if not self.connected or self.road.alarm:
            return
        self.road.remove(self, self.ask_box)
        for action in self.core.step(ev.Finished(), self.moment()):
            self.perform(action, None)
        self.done_at = self.sim.now
        self.sim.say(self.name, "job ends")
        self.up = False
        self.life += 1
        self.road.drop(self)

    def on_wake(self, seconds: float) -> None:
        self.happens(ev.Tick())
