"""The state of a session core, and the steps that change it. Pure.

`State` is shared by the parts of the core (`sessions`, `packages`, `results`, `beats`, `hiring`);
only its methods change a package's stage, so that the counts are right and every change is saved.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jobman_agent.model.names import short_id
from jobman_agent.model.wire import time_text
from jobman_agent.worker.session import actions as do
from jobman_agent.worker.session.holdings import PC, Batch, Errand, Item, Session
from jobman_agent.worker.session.rows import ItemRow, Stage
from jobman_agent.worker.session.seeking import Seeking

if TYPE_CHECKING:
    from jobman_agent.model.messages import Message
    from jobman_agent.worker.session.actions import Action
    from jobman_agent.worker.session.chance import Chance
    from jobman_agent.worker.session.events import Boxes

LEASE_S = 600.0
"""How long an employer waits for word of a package (PROTOCOL 3.4)."""


class State:
    """All that the core knows; `out` collects what is to be done."""

    def __init__(self, pc: PC, rng: Chance) -> None:
        self.pc = pc
        self.rng = rng
        self.now = 0.0
        self.wall = 0.0
        self.out: list[Action] = []
        # ---- what the spool keeps
        self.start = 0
        self.sessions: dict[str, Session] = {}
        self.batches: dict[int, Batch] = {}
        self.work_left: dict[int, int] = {}
        """By work message: how many of its packages may still run."""
        self.last_number = 0
        # ---- what this process knows
        self.current: Session | None = None
        self.runs: dict[str, Item] = {}
        self.boxes: Boxes | None = None
        self.connected_at = 0.0
        self.contact = 0.0
        """When the pool was last known to be there."""
        self.frozen_at: float | None = None
        self.leaving: str | None = None
        self.starts_allowed = True
        """Whether the PC's agent lets packages begin."""
        self.willing_until: str | None = None
        self.usual_s: float | None = None
        """Seconds that packages took lately; None: none has ended yet."""
        self.unsent: dict[int, Batch] = {}
        """Lists of results that the pool has not kept since they were last wanted."""
        self.untold: set[Item] = set()
        """Packages that run, and that no beat has called running yet."""
        self.in_flight: dict[int, Errand] = {}
        self.count = 0
        self.sends = 0
        self.seeking = Seeking(pc.scan_most_s, rng)
        self._dirty_items: dict[Item, bool] = {}
        self._dirty_sessions: dict[Session, bool] = {}

    # ---- numbers and times
    def next_number(self) -> int:
        """A number for a work message or a list of results, never used before in this spool."""
        self.last_number += 1
        return self.last_number

    def next_pair(self) -> tuple[int, int]:
        """(start, count) for the next message of a kind that repeats."""
        self.count += 1
        return self.start, self.count

    def fresh_id(self) -> str:
        """A new random id of 16 characters."""
        return short_id(self.rng.randbytes(16))

    @property
    def takes_work(self) -> bool:
        """Whether this PC can do with more work: nobody freezes it, forbids it, or ends it."""
        return self.frozen_at is None and self.leaving is None and self.starts_allowed

    def time(self) -> str:
        """The wall clock, as it travels."""
        return time_text(datetime.fromtimestamp(self.wall, UTC))

    @property
    def unreceipted(self) -> int:
        """Bytes of results on the road without a receipt."""
        return sum(batch.size for batch in self.batches.values())

    # ---- what to do
    def tell(self, text: str, step: int | None = None, *, warning: bool = False) -> None:
        """Say something to people."""
        self.out.append(do.Tell(text, step, warning))

    def send(self, message: Message | None, errand: Errand, replaces: int | None = None) -> int:
        """Send a message; only while there is a pool. Returns its number."""
        self.sends += 1
        batch = errand.batch.number if errand.batch is not None else None
        self.out.append(do.Send(self.sends, errand.box, errand.session, message, batch, replaces))
        self.in_flight[self.sends] = errand
        return self.sends

    def say(self, session: Session, message: Message) -> None:
        """Send something to a session's employer that nothing depends on, if there is a pool."""
        if self.boxes is not None:
            self.send(message, Errand("word", session.result_box, session.id))

    # ---- sessions
    def add_session(self, session: Session) -> None:
        """Take a new session in."""
        session.beats.wait = 0.0
        self.sessions[session.id] = session
        self.touch_session(session)

    def touch_session(self, session: Session, *, lazy: bool = False) -> None:
        """Have a session's row saved with this step."""
        self._dirty_sessions[session] = lazy and self._dirty_sessions.get(session, True)

    def held(self, session: Session) -> bool:
        """Whether anything of a session is not gone."""
        return bool(session.items)

    # ---- packages
    def add_item(self, item: Item) -> None:
        """Take a new package in; it waits."""
        self.adopt_item(item)
        self.touch_item(item)

    def adopt_item(self, item: Item) -> None:
        """Take in a package as it is: from the spool, or from another session."""
        session = item.session
        session.items[item.key] = item
        session.counts[item.stage] += 1
        if item.stage is Stage.WAITING and not item.missing:
            session.ready.append(item)

    def touch_item(self, item: Item, *, lazy: bool = False) -> None:
        """Have a package's row saved with this step."""
        self._dirty_items[item] = lazy and self._dirty_items.get(item, True)

    def move(self, item: Item, stage: Stage, *, lazy: bool = False) -> None:
        """Bring a package to another stage.

        A finished one is saved when its list of results is: what says that it is finished, and the
        result, must come into the spool together.
        """
        session, old = item.session, item.stage
        session.counts[old] -= 1
        session.counts[stage] += 1
        item.stage = stage
        if old is Stage.GIVEN and item.run is not None:
            self.runs.pop(item.run, None)
            self.untold.discard(item)
            item.run, item.runs_since = None, None
        if stage is Stage.WAITING:
            session.ready.append(item)
        elif stage is Stage.GONE:
            del session.items[item.key]
            session.gone.add(item.key)
        if stage is not Stage.FINISHED:
            self.touch_item(item, lazy=lazy)
        if old in (Stage.WAITING, Stage.GIVEN) and stage in (Stage.FINISHED, Stage.GONE):
            self._work_done(item)

    def _work_done(self, item: Item) -> None:
        left = self.work_left.get(item.work, 0) - 1
        if left > 0:
            self.work_left[item.work] = left
        elif self.work_left.pop(item.work, None) is not None:
            self.out.append(do.DropWork(item.work))

    def receipted(self, item: Item) -> None:
        """The employer has a result, or it is given up: forget it."""
        batch = self.batches.get(item.batch) if item.batch is not None else None
        self.move(item, Stage.GONE, lazy=True)
        if batch is not None:
            batch.items.remove(item)
            if not batch.items:
                del self.batches[batch.number]
                self.unsent.pop(batch.number, None)
                self.out.append(do.DropBatch(batch.number))

    def drop_session(self, session: Session, *, whole: bool) -> None:
        """Forget all that belongs to a session (nothing of it runs), and itself if `whole`."""
        for item in session.items.values():
            self.work_left.pop(item.work, None)
        for number in [n for n, b in self.batches.items() if b.session is session]:
            del self.batches[number]
            self.unsent.pop(number, None)
        session.items.clear()
        session.gone.clear()
        session.ready.clear()
        session.results.clear()
        session.counts = dict.fromkeys(Stage, 0)
        for item in [i for i in self._dirty_items if i.session is session]:
            del self._dirty_items[item]
        if whole:
            self._dirty_sessions.pop(session, None)
            del self.sessions[session.id]
        self.out.append(do.DropSession(session.id, whole))

    # ---- the end of a step
    def collect(self) -> list[Action]:
        """All actions of the step: first the saves, then the others in their order."""
        found, self.out = self.out, []
        saves = [a for a in found if isinstance(a, do.SAVES)]
        others = [a for a in found if not isinstance(a, do.SAVES)]
        rows: dict[bool, list[ItemRow]] = {False: [], True: []}
        for item, lazy in self._dirty_items.items():
            rows[lazy].append(item.row())
        sessions = [do.SaveSession(s.row(), lazy) for s, lazy in self._dirty_sessions.items()]
        items = [do.SaveItems(tuple(r), lazy) for lazy, r in rows.items() if r]
        self._dirty_items, self._dirty_sessions = {}, {}
        return [*sessions, *saves, *items, *others]
