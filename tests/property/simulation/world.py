"""One random office night: who is there, what goes wrong, and what must hold in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jobman_agent.employer.session import records as rec
from jobman_agent.model import messages as m
from jobman_agent.model.wire import time_text

from .clock_text import at
from .employer_node import EmployerNode
from .kernel import DAY, HOUR, WALL, Node, Sim
from .road import Letter, Road
from .truth import RIGHT, WRONG, Job, Truth
from .worker_node import WorkerNode

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

FAULTS = (
    "kill E", "kill W", "kill E between two steps", "kill W between two steps", "sleep E",
    "sleep W", "cut E", "cut W", "restart pool", "alarm", "purge", "hold", "owner", "forge",
)  # fmt: skip
SENDERS = ("aliceaaaaaaaaaaa", "bobbbbbbbbbbbbbb")
OFFERS = ("offeraaaaaaaaaaa", "offerbbbbbbbbbbb")


class World:
    def __init__(
        self,
        seed: int,
        *,
        kind: Literal["amqp", "dir"] | None = None,
        faults: Sequence[str] | None = None,
        trace: bool = False,
    ) -> None:
        self.sim = Sim(seed, trace=trace)
        rng = self.rng = self.sim.rng
        self.road = Road(self.sim, kind or rng.choice(["amqp", "dir"]))
        self.faults = faults
        self.jobs = {offer: a_job(rng) for offer in OFFERS[: rng.choice([1, 2, 2])]}
        self.workers = [self._worker(n) for n in range(rng.randint(2, 5))]
        self.employers = [
            EmployerNode(self.sim, self.road, sender, offer, self.jobs[offer])
            for sender, offer in zip(SENDERS, self.jobs, strict=False)
        ]
        for worker in self.workers:
            worker.trusted = {e.key for e in self.employers}
        self.horizon = rng.choice([0.5 * HOUR] * 9 + [2 * HOUR] * 9 + [6 * HOUR] * 3 + [DAY])

    def _worker(self, number: int) -> WorkerNode:
        rng = self.rng
        name = f"pc{'abcdef'[number]}" + "2" * 13
        worker = WorkerNode(self.sim, self.road, name, self.jobs, rng.choice([1, 1, 2, 4]))
        luck = rng.random()
        if number:
            worker.lies = 0.5 if luck < 0.1 else 0.0
            worker.broken = 0.1 < luck < 0.15
            worker.skew = rng.choice([0, 0, 0, 0, 100, -200, 1000])
        # Not of the night's own luck: nights without it stay what they were.
        worker.forecasts = worker.rng.random() < 0.5
        return worker

    # ---- the night
    def run(self) -> World:
        sim, rng = self.sim, self.rng
        for number, employer in enumerate(self.employers):
            begin = rng.uniform(0, 60) if not number else rng.uniform(0, self.horizon / 2)
            employer.started_at = begin
            sim.at(begin, employer.boot)
        for worker in self.workers:
            sim.at(rng.uniform(0, 300), worker.boot)
        self._plan_faults()
        sim.run(self.horizon)
        self._heal()
        packages = [t for job in self.jobs.values() for t in job.packages.values()]
        work = sum(4 * t.seconds for t in packages)
        work += sum(4 * j.limit for j in self.jobs.values() for t in j.packages.values() if t.fails)
        sim.run(
            self.horizon + 4 * HOUR + work + 300 * len(packages),
            lambda: all(e.ended for e in self.employers),
        )
        for employer in self.employers:
            if not employer.ended:
                sim.violate("stall", employer.name, self._open_packages(employer)[:4])
        end = sim.now
        sim.run(end + HOUR)
        self._check(end)
        for worker in self.workers:
            worker.disk.close()
        return self

    def _plan_faults(self) -> None:
        rng = self.rng
        kinds = (
            self.faults if self.faults is not None else [f for f in FAULTS if rng.random() < 0.5]
        )
        if not kinds:
            return
        self.road.fault = rng.choice([0, 0, 0.01, 0.05])
        gap = rng.choice([120, 600, 1800, 7200])
        when = rng.expovariate(1 / gap)
        while when < self.horizon:
            self.sim.at(when, self._fault, rng.choice(list(kinds)))
            when += rng.expovariate(1 / gap)

    def _fault(self, what: str) -> None:
        sim, rng = self.sim, self.rng
        sim.counts[f"fault: {what}"] += 1
        nodes: Sequence[Node] = self.employers if " E" in what else self.workers
        node = rng.choice(list(nodes))
        match what:
            case "kill E" | "kill W":
                node.die(rng.choice([5, 60, 300, 1500, 1500, 12 * HOUR]))
            case "kill E between two steps" | "kill W between two steps":
                node.crash_in = rng.randint(1, 6)
            case "sleep E" | "sleep W":
                node.sleep(self._span())
            case "cut E" | "cut W":
                node.unplug(self._span())
            case "restart pool":
                self.road.restart(rng.choice([5, 60, 1500]))
            case "alarm":
                self.road.raise_alarm(rng.choice([30, 400, 1500, 3000]))
            case "purge":
                self.road.offers.clear()
            case "hold":
                self.road.held = True
                sim.at(sim.now + rng.choice([60, 1800]), setattr, self.road, "held", False)
            case "owner" if isinstance(node, WorkerNode) and not node.asleep:
                node.owner_comes(rng.choice([5, 20, 60, 200, 600, 1500, 4 * HOUR]))
            case "forge":
                self._forge()

    def _span(self) -> float:
        return self.rng.choice([5, 40, 200, 700, 700, 2000, 8000, 12 * HOUR]) * self.rng.uniform(
            0.7, 1.3
        )

    def _forge(self) -> None:
        """Another trusted employer signs into a session; a stranger signs a result."""
        time = time_text(at(WALL + self.sim.now))
        for employer in self.employers:
            others = [e for e in self.employers if e is not employer]
            evil = others[0] if others else None
            leases = [r for r in employer.disk.of(rec.LeaseRow) if isinstance(r, rec.LeaseRow)]
            for row in [r for r in leases if not r.ended][:3] + leases[-3:]:
                session = employer.disk.rows.get(("session", row.session))
                if not isinstance(session, rec.SessionRow):
                    continue
                ids = {"time": time, "offer": employer.offer, "session": row.session}
                say = self.rng.choice([m.Say.STOP, m.Say.RECEIPT])
                item = m.Item(row.package, row.attempt, say)
                made_up = m.File("out", 1, self.rng.choice([RIGHT, WRONG]))
                bad = m.Result(row.package, row.attempt, m.Outcome.DONE, files=(made_up,))
                if evil is not None:
                    answer = m.Answer(**ids, start=99, count=1, items=(item,))
                    self.road.put(session.work_box, Letter(evil.key, evil.name, answer))
                results = m.Results(**ids, results=(bad,))
                self.road.put(session.result_box, Letter("mallory", "mallory", results))

    def _heal(self) -> None:
        sim = self.sim
        sim.say("---- faults stop")
        self.road.fault, self.road.held, self.road.up = 0.0, False, True
        self.road.end_alarm()
        nodes: list[Node] = [*self.employers, *self.workers]
        for node in nodes:
            node.cut, node.crash_in = False, 0
            if node.asleep:
                node.wake(1000)
        for worker in self.workers:
            if worker.owner_here:
                worker.owner_goes()
        for node in nodes:
            sim.at(sim.now + 700, node.boot)

    # ---- what must hold
    def _open_packages(self, employer: EmployerNode) -> list[str]:
        rows = employer.disk.of(rec.PackageRow)
        return [r.name for r in rows if isinstance(r, rec.PackageRow) and not r.state]

    def _check(self, end: float) -> None:
        for employer in self.employers:
            for row in employer.disk.of(rec.PackageRow):
                assert isinstance(row, rec.PackageRow)
                self._check_package(employer, row)
            if employer.ended and self.road.offers.get(employer.offer):
                self.sim.violate("offer left standing", employer.name)
            if employer.job.over_at_once:
                self.sim.violate("more ran than at_once", employer.name)
            self._check_copies(employer)
        if all(e.ended for e in self.employers):
            self._check_spools()
        for box in self.road.boxes.values():
            if box.most > 1000:
                self.sim.violate("a box grew", box.name, box.most)

    def _check_package(self, employer: EmployerNode, row: rec.PackageRow) -> None:
        sim, job, truth = self.sim, employer.job, employer.job.packages[row.name]
        if row.state == rec.PackageEnd.ACCEPTED:
            result = employer.disk.results[row.name, row.accepted]
            lease = employer.disk.rows["lease", row.name, row.accepted]
            assert isinstance(lease, rec.LeaseRow)
            if any(f.sha256 == WRONG for f in result.files) or lease.key == "mallory":
                sim.violate("a wrong result was accepted", row.name)
            if truth.fails or truth.kills_after is not None:
                sim.violate("an impossible result was accepted", row.name)
            if not job.count(row.name, "done"):
                sim.violate("accepted, but it never ran to its end", row.name)
        honest = not any(w.lies or w.broken for w in self.workers)
        if row.state == rec.PackageEnd.FAILED:
            # A lapse counts as a loss until its PC is heard again (PROTOCOL 3.4).
            deaths = job.count(row.name, "crash", "killer") + self._lapses(employer, row)
            lost = row.why.startswith("lost")
            if lost and truth.kills_after is None and deaths < 5:
                sim.violate("an innocent package failed as lost", row.name, deaths, row.lost)
            if not lost and honest and not truth.fails and truth.seconds <= job.limit:
                sim.violate("an innocent package failed", row.name, row.why)
        real = job.count(row.name, "failed", "wrong", "timed out")
        if row.failed + row.wrong > real:
            sim.violate("more failures counted than happened", row.name, row, real)
        if job.count(row.name, "killer") > 8:
            sim.violate("a package killed PCs again and again", row.name)

    def _lapses(self, employer: EmployerNode, row: rec.PackageRow) -> int:
        leases = [employer.disk.rows["lease", row.name, attempt] for attempt, _ in row.lost]
        return sum(isinstance(r, rec.LeaseRow) and r.ended == rec.LeaseEnd.LAPSED for r in leases)

    def _check_copies(self, employer: EmployerNode) -> None:
        leases = [r for r in employer.disk.of(rec.LeaseRow) if isinstance(r, rec.LeaseRow)]
        for name, most in employer.job.most_copies.items():
            # A lease that ever lapsed may have been taken back since: count what could overlap.
            attempts = sum(r.package == name for r in leases)
            if most > 2 and most > attempts:
                self.sim.violate("more copies ran than were leased", name, most, attempts)

    def _check_spools(self) -> None:
        for worker in self.workers:
            rows = worker.disk.execute(
                "SELECT session, package, stage FROM item WHERE stage IN (0, 1)"
            ).fetchall()
            if worker.up and rows:
                self.sim.violate("work left in a spool", worker.name, rows[:3])
            if worker.up and worker.runner.running:
                self.sim.violate("a package runs after the end", worker.name)


def a_job(rng: random.Random) -> Job:
    usual = rng.choice([0.5, 5, 60, 60, 600, 2400])
    packages = {}
    for number in range(rng.randint(3, 14)):
        seconds = usual * rng.choice([0.5, 1, 1, 1, 1.5, 4])
        luck = rng.random()
        packages[f"p{number}"] = Truth(
            name=f"p{number}",
            seconds=seconds,
            guess=seconds if rng.random() < 0.5 else usual,
            fails=luck < 0.04,
            kills_after=seconds / 2 if 0.04 < luck < 0.07 else None,
        )
    return Job(
        packages=packages,
        usual=usual,
        at_once=rng.choice([None, None, None, 2]),
        test=rng.random() < 0.6,
        slow_check=rng.random() < 0.2,
    )
