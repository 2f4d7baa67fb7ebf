"""A worker's session core on a test bench: its spool in memory, its clock in the test's hand."""

from __future__ import annotations

import random
from dataclasses import replace

from jobman_agent.model.messages import (
    Answer,
    Bye,
    Goodbye,
    HeldState,
    Item,
    Needs,
    Offer,
    Outcome,
    Package,
    Program,
    Recipe,
    Result,
    Say,
    Work,
)
from jobman_agent.worker.session import actions as do
from jobman_agent.worker.session import events as ev
from jobman_agent.worker.session.core import Core
from jobman_agent.worker.session.holdings import PC
from jobman_agent.worker.session.rows import BatchRow, Loaded, Stage

NOW = 1_795_000_000.0
TIME = "2026-11-18T11:06:40Z"
LATER = "2026-12-18T11:06:40Z"
KEY = "ed25519:" + "A" * 43 + "="
OTHER_KEY = "ed25519:" + "B" * 43 + "="
SENDER = "aaaaaaaaaaaaaaaa"


class FakeSpool:
    """What a spool does with saves, in dictionaries."""

    def __init__(self):
        self.start = 0
        self.sessions, self.items, self.work, self.batches = {}, {}, {}, {}
        self.last_number = 0

    def commit(self, saves):
        for save in saves:
            match save:
                case do.SaveSession(row):
                    self.sessions[row.id] = row
                case do.SaveItems(rows):
                    self.items.update({(r.session, r.package, r.attempt): r for r in rows})
                case do.SaveWork(number, session):
                    self.work[number] = session
                    self.last_number = max(self.last_number, number)
                case do.SaveBatch(number, session, message, _, size, made):
                    self.batches[number] = (BatchRow(number, session, size, made), message)
                    self.last_number = max(self.last_number, number)
                case do.MoveSession(old, new):
                    self._move(old, new)
                case do.DropWork(number):
                    del self.work[number]
                case do.DropBatch(number):
                    del self.batches[number]
                case do.DropSession(session, whole):
                    self._drop(session, whole)

    def _move(self, old, new):
        moved = {k: r for k, r in self.items.items() if k[0] == old}
        for key, row in moved.items():
            del self.items[key]
            self.items[new, *key[1:]] = replace(row, session=new)
        for number, (row, message) in self.batches.items():
            if row.session == old:
                self.batches[number] = (replace(row, session=new), message)
        self.work = {n: new if s == old else s for n, s in self.work.items()}

    def _drop(self, session, whole):
        self.items = {k: r for k, r in self.items.items() if k[0] != session}
        self.work = {n: s for n, s in self.work.items() if s != session}
        self.batches = {n: b for n, b in self.batches.items() if b[0].session != session}
        if whole:
            del self.sessions[session]

    def load(self):
        self.start += 1
        return Loaded(
            start=self.start,
            sessions=tuple(self.sessions.values()),
            items=tuple(self.items.values()),
            batches=tuple(row for row, _ in self.batches.values()),
            last_number=self.last_number,
        )


class Boxes:
    """Names of boxes."""

    def ask_box(self, employer, offer):
        return f"ask.{employer}.{offer}"

    def work_box(self, session):
        return f"work.{session}"

    def result_box(self, employer, offer, session):
        return f"res.{employer}.{session}"


def a_pc(**changes):
    return replace(
        PC(
            worker="pc1",
            os="linux",
            cores=2,
            memory=8 << 30,
            disk=10 << 30,
            programs={"python": Program(name="python", version="3")},
        ),
        **changes,
    )


def an_offer(letter="o", *, key=KEY, seen=None, **changes):
    fields = {
        "time": TIME,
        "offer": letter * 16,
        "sequence": 1,
        "employer": "alice",
        "title": "Bridge study",
        "program": "python",
        "needs": Needs(),
        "own_code": True,
        "waiting": 10,
        "workers": 0,
        "expires": LATER,
    }
    return ev.SeenOffer(Offer(**(fields | changes)), key, SENDER, **(seen or {}))


class Bench:
    """One worker, its spool, and a scripted employer."""

    def __init__(self, pc=None, seed=1, spool=None):
        self.pc = pc or a_pc()
        self.rng = random.Random(seed)
        self.spool = spool or FakeSpool()
        self.now = NOW
        self.count = 0
        self.done = []
        self.restart()

    def restart(self):
        """The process dies and comes up again; what was not saved is gone."""
        self.core = Core(self.pc, self.rng)
        self.step(ev.Started(self.spool.load()))

    def step(self, *happened, after=0.0):
        """One step; what it says is saved and remembered, and every message arrives."""
        self.now += after
        self.done = self.core.step(self.now, *happened)
        self.spool.commit([a for a in self.done if isinstance(a, do.SAVES)])
        return self.done

    def wait(self, seconds, *offers):
        """Let time pass second by second; the pool answers; returns all that was done."""
        found = []
        for _ in range(int(seconds)):
            happened = [ev.Tick()]
            self.now += 1.0
            while happened:
                found += self.step(*happened)
                happened = [ev.Sent(send.number) for send in of(do.Send, self.done)]
                if of(do.Scan, self.done):
                    happened.append(ev.OffersSeen(offers))
        return found

    def confirm(self, actions=None):
        """The pool keeps all that was sent."""
        sends = of(do.Send, self.done if actions is None else actions)
        return self.step(*[ev.Sent(send.number) for send in sends])

    def connect(self):
        return self.step(ev.Connected(Boxes()))

    def scan(self, *offers):
        return self.step(ev.OffersSeen(offers))

    def ask(self, offer=None):
        """Up to an ask on its way; returns its session's id."""
        self.connect()
        self.scan(offer or an_offer())
        (ask,) = sent("ask", self.done)
        return ask.session

    def join(self, offer=None):
        """Up to an open session; returns its id."""
        session = self.ask(offer)
        self.confirm()
        self.answer(session)
        return session

    # ---- what the employer says
    def receive(self, message, key=KEY, **more):
        return self.step(ev.Received(message, key, SENDER, **more))

    def answer(self, session, *items, offer="o" * 16, key=KEY):
        self.count += 1
        said = tuple(Item(package=p, attempt=a, say=s) for p, a, s in items)
        return self.receive(
            Answer(time=TIME, offer=offer, session=session, start=1, count=self.count, items=said),
            key,
        )

    def work(self, session, *names, attempt=1, key=KEY, **more):
        packages = tuple(Package(name=n, attempt=attempt) for n in names)
        recipe = Recipe(program="python", command=("x",), outputs=())
        message = Work(time=TIME, offer="o" * 16, session=session, recipe=recipe, packages=packages)
        return self.receive(message, key, frame=b"signed", **more)

    def bye(self, session, reason=Goodbye.JOB_DONE):
        return self.receive(Bye(time=TIME, offer="o" * 16, session=session, reason=reason))

    # ---- what the runner says
    def end(self, start, outcome=Outcome.DONE, *, began=True, seconds=10.0):
        result = Result(
            package=start.package, attempt=start.attempt, outcome=outcome, seconds=seconds
        )
        return self.step(ev.RunEnded(start.run, result, began))


def of(kind, actions):
    return [a for a in actions if isinstance(a, kind)]


def sent(kind, actions):
    """The messages of a kind among the sends."""
    from jobman_agent.model.messages import KINDS

    return [a.message for a in of(do.Send, actions) if isinstance(a.message, KINDS[kind])]


def results(actions):
    """All results that are kept in this step."""
    return [r for save in of(do.SaveBatch, actions) for r in save.message.results]


def started(actions):
    return [a.package for a in of(do.Start, actions)]


__all__ = ["Goodbye", "HeldState", "Outcome", "Say", "Stage"]
