"""An employer's session core at a desk: events by hand, rows kept as a journal would keep them."""

from __future__ import annotations

import copy
import random
from datetime import UTC, datetime
from typing import TypeVar

from jobman_agent.employer.session.core import Core
from jobman_agent.employer.session.events import (
    Action,
    Connected,
    Event,
    Hand,
    JobPlan,
    Judged,
    Moment,
    PackageSpec,
    Received,
    Save,
    Send,
    Settled,
    Started,
    Tick,
)
from jobman_agent.employer.session.records import (
    JobRow,
    Journalled,
    Judgement,
    KeyRow,
    LeaseRow,
    PackageRow,
    Row,
    SessionRow,
)
from jobman_agent.model.messages import (
    Answer,
    Ask,
    Beat,
    Held,
    HeldState,
    Outcome,
    Program,
    Result,
    Results,
    Say,
)
from jobman_agent.model.wire import time_text

OFFER = "o" * 16
START = 1_800_000_000.0
A = TypeVar("A")


def specs(*names: str) -> tuple[PackageSpec, ...]:
    return tuple(PackageSpec(name) for name in names)


class Desk:
    """A core, its clock and its journal."""

    def __init__(self, plan: JobPlan | None = None, *, seed: int = 1, **changes: object) -> None:
        usual: dict[str, object] = {
            "offer": OFFER,
            "employer": "alice",
            "title": "Bridge",
            "program": "python",
            "packages": specs("a1", "a2", "a3"),
            "usual_s": 60.0,
            "test": False,
            "key": "ed25519:" + "A" * 43 + "=",
        }
        self.plan = plan or JobPlan(**(usual | changes))  # type: ignore[arg-type]
        self.seconds = 0.0
        self.seed = seed
        self.kept: dict[tuple[object, ...], Row] = {}
        self.done: list[Action] = []
        self.beats = 0
        self.start()

    # ---- life
    def start(self) -> list[Action]:
        """Start a process from what the journal holds, up to the settled connection."""
        self.core = Core(self.plan, self.journalled(), random.Random(self.seed), self.now)
        return [*self.do(Started()), *self.do(Connected()), *self.do(Settled())]

    @property
    def now(self) -> Moment:
        return Moment(self.seconds + 5.0, self.seconds + START)

    def do(self, event: Event) -> list[Action]:
        actions = self.core.step(event, self.now)
        assert [isinstance(one, Save) for one in actions].count(True) <= 1
        for action in actions:
            if isinstance(action, Save):
                assert action is actions[0], "what is saved is saved first"
                self._save(action.rows)
        self.done += actions
        return actions

    def wait(self, seconds: float, step: float = 5.0) -> list[Action]:
        """Let time pass, with ticks."""
        actions: list[Action] = []
        end = self.seconds + seconds
        while self.seconds < end:
            self.seconds = min(end, self.seconds + step)
            actions += self.do(Tick())
        return actions

    def journalled(self) -> Journalled:
        rows = [copy.copy(row) for row in self.kept.values()]

        def all_of(cls: type[A]) -> tuple[A, ...]:
            return tuple(row for row in rows if isinstance(row, cls))

        return Journalled(
            job=next(iter(all_of(JobRow)), JobRow()),
            packages=all_of(PackageRow),
            leases=all_of(LeaseRow),
            sessions=all_of(SessionRow),
            keys=all_of(KeyRow),
        )

    def _save(self, rows: tuple[Row, ...]) -> None:
        for row in rows:
            match row:
                case JobRow():
                    self.kept["job",] = row
                case PackageRow():
                    self.kept["package", row.name] = row
                case LeaseRow():
                    self.kept["lease", row.package, row.attempt] = row
                case SessionRow():
                    self.kept["session", row.session] = row
                case KeyRow():
                    self.kept["key", row.key] = row

    # ---- what a worker says
    @property
    def time(self) -> str:
        return time_text(datetime.fromtimestamp(self.now.wall, UTC))

    def ask(self, worker: str = "w1", slots: int = 1, **changes: object) -> list[Action]:
        session = f"s{worker}"
        usual: dict[str, object] = {
            "time": self.time,
            "offer": OFFER,
            "session": session,
            "worker": worker,
            "work_box": f"work.{session}",
            "result_box": f"res.{session}",
            "os": "linux",
            "cores": 4,
            "memory": 1 << 33,
            "disk": 1 << 33,
            "slots": slots,
            "programs": (Program("python"),),
            "sandbox": "none",
        }
        key = str(changes.pop("key", f"key-{worker}"))
        ask = Ask(**(usual | changes))  # type: ignore[arg-type]
        return self.do(Received(key, ask))

    def beat(
        self,
        worker: str = "w1",
        *held: tuple[str, int, HeldState],
        slots: int = 1,
        count: int | None = None,
        key: str = "",
    ) -> list[Action]:
        self.beats += 1
        message = Beat(
            time=self.time,
            offer=OFFER,
            session=f"s{worker}",
            start=1,
            count=self.beats if count is None else count,
            slots=slots,
            holding=tuple(Held(*one) for one in held),
        )
        return self.do(Received(key or f"key-{worker}", message))

    def result(
        self,
        package: str,
        attempt: int = 1,
        outcome: Outcome = Outcome.DONE,
        worker: str = "w1",
        *,
        seconds: float = 60.0,
        key: str = "",
    ) -> list[Action]:
        result = Result(package, attempt, outcome, seconds=seconds, why="because")
        message = Results(time=self.time, offer=OFFER, session=f"s{worker}", results=(result,))
        return self.do(Received(key or f"key-{worker}", message))

    def judge(
        self, package: str, attempt: int = 1, judgement: Judgement = Judgement.ACCEPTED
    ) -> list[Action]:
        return self.do(Judged(package, attempt, judgement, "so"))

    def run(self, package: str, attempt: int = 1, worker: str = "w1") -> list[Action]:
        """A whole good run."""
        return [
            *self.result(package, attempt, worker=worker),
            *self.judge(package, attempt),
        ]

    # ---- what is known
    def package(self, name: str) -> PackageRow:
        row = self.kept["package", name]
        assert isinstance(row, PackageRow)
        return row

    def lease(self, package: str, attempt: int = 1) -> LeaseRow:
        row = self.kept["lease", package, attempt]
        assert isinstance(row, LeaseRow)
        return row


def handed(actions: list[Action], session: str | None = None) -> list[tuple[str, int]]:
    """Package and attempt of what goes out."""
    return [
        (one.package, one.attempt)
        for action in actions
        if isinstance(action, Hand) and session in (None, action.session)
        for one in action.packages
    ]


def said(actions: list[Action]) -> list[tuple[str, int, Say]]:
    """What the answers say, package by package."""
    return [
        (item.package, item.attempt, item.say)
        for action in actions
        if isinstance(action, Send) and isinstance(action.message, Answer)
        for item in action.message.items
    ]


def sent(actions: list[Action], kind: type[A]) -> list[A]:
    """Messages of a kind that go out."""
    return [
        action.message
        for action in actions
        if isinstance(action, Send) and isinstance(action.message, kind)
    ]


def of(actions: list[Action], kind: type[A]) -> list[A]:
    """Actions of a kind."""
    return [action for action in actions if isinstance(action, kind)]
