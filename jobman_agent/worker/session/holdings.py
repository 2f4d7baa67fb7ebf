"""The records of what a worker holds: its PC, sessions, packages, lists of results. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from jobman_agent.worker.session.rows import ItemRow, SessionRow, Stage, Standing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobman_agent.model.messages import Goodbye, Program, Result


@dataclass(frozen=True, slots=True)
class PC:
    """What this PC is and offers; what its owner's settings come to."""

    worker: str
    """Its name, for people."""
    os: str
    cores: int
    memory: int
    disk: int
    programs: Mapping[str, Program]
    """By lower-case name."""
    sandbox: str = "none"
    slots: int | None = None
    """None: as many packages side by side as the cores allow."""
    scan_most_s: float = 5.0
    """The longest pause between two scans: 5 s for `jobman work`, 30 s for an agent's worker."""
    idle_exit_s: float | None = None


@dataclass(slots=True, eq=False)
class Item:
    """One attempt of one package."""

    session: Session
    package: str
    attempt: int
    stage: Stage = Stage.WAITING
    work: int = 0
    place: int = 0
    run: str | None = None
    batch: int | None = None
    missing: set[str] | None = None
    """Files that must come before it can start."""
    runs_since: float | None = None
    """When its program was seen to run."""
    tries: int = 0
    """How often the runner gave it back without having begun it."""
    end: str | None = None
    """Why its run is being ended by us, if it is."""

    @property
    def key(self) -> tuple[str, int]:
        """What it is called within its session."""
        return self.package, self.attempt

    def row(self) -> ItemRow:
        """As the spool keeps it."""
        return ItemRow(
            session=self.session.id,
            package=self.package,
            attempt=self.attempt,
            stage=self.stage,
            work=self.work,
            place=self.place,
            run=self.run,
            batch=self.batch,
        )


@dataclass(slots=True)
class Batch:
    """One list of results on its way."""

    number: int
    session: Session
    size: int
    made: float
    items: set[Item] = field(default_factory=set)
    """Those without a receipt."""
    under_way: bool = False
    not_before: float = 0.0
    """Not sent again before this: the pool did not confirm it, and may be blocked."""
    again_s: float = 0.0
    """So long it waited last time; doubles while the pool confirms nothing."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What a message that is being sent was for."""

    kind: Literal["ask", "beat", "results", "word"]
    box: str
    session: str
    """The id under which the pool orders it."""
    batch: Batch | None = None


@dataclass(slots=True)
class Beats:
    """When a session's beats were sent."""

    last: float | None = None
    """When the last one was sent; None: not since this process came up."""
    unread: int | None = None
    """The `Send` of the last one that was not answered."""
    confirmed: bool = False
    wait: float = 0.0
    """Seconds from the last one to the next; doubles while there is no answer."""
    due: bool = False
    """Wanted now, whenever the last one was."""


@dataclass(slots=True, eq=False)
class Session:
    """One employer and this worker, from ask to bye."""

    id: str
    offer: str
    key: str
    employer: str
    name: str
    work_box: str
    result_box: str
    slots: int
    standing: Standing
    since: float
    heard: tuple[int, int] = (0, 0)
    """The newest (start, count) of an answer."""
    orphan: bool = False
    code: bool = False
    title: str = ""
    """Of its offer, for people; not kept on disk."""
    needed: tuple[int, int] = (0, 0)
    """The newest (start, count) of a need; not kept on disk, for an old need does no harm."""
    version_refused: bool = False
    answered: float = 0.0
    """When we last heard the employer, or when this process came up."""
    worked: float = 0.0
    """When a package last came or ended."""
    mute_until: float | None = None
    """Nothing starts before its employer has answered a beat, or this time has come."""
    in_doubt: frozenset[tuple[str, int]] = frozenset()
    """What waited when we came up or woke: the employer's word on it is awaited."""
    word: float = 0.0
    """When the employer last sent work or an answer."""
    rested: float = 0.0
    """When it came to rest."""
    farewell: Goodbye | None = None
    """A bye has to be said as soon as there is a pool."""
    boxless: bool = False
    """Its result box was missing since the pool was last connected."""
    declared: float = 0.0
    """When its boxes were last declared."""
    beats: Beats = field(default_factory=Beats)
    items: dict[tuple[str, int], Item] = field(default_factory=dict)
    """All that is not gone."""
    gone: set[tuple[str, int]] = field(default_factory=set)
    ready: deque[Item] = field(default_factory=deque)
    """What waits and has all its files, in the order it came (others may be among them)."""
    results: list[tuple[Item, Result, Mapping[str, bytes]]] = field(default_factory=list)
    """Finished, and about to be kept and sent as one list."""
    results_since: float = 0.0
    results_size: int = 0
    counts: dict[Stage, int] = field(default_factory=lambda: dict.fromkeys(Stage, 0))

    @property
    def calling(self) -> tuple[str, str]:
        """Which offer it belongs to, and whose: another key's offer of this id is another one."""
        return self.offer, self.key

    @property
    def unstarted(self) -> int:
        """How many packages wait."""
        return self.counts[Stage.WAITING]

    @property
    def begun(self) -> int:
        """How many packages the runner has."""
        return self.counts[Stage.GIVEN]

    @property
    def live(self) -> bool:
        """Whether we still read its work box."""
        return self.standing in (Standing.OPEN, Standing.REST)

    def row(self) -> SessionRow:
        """As the spool keeps it."""
        return SessionRow(
            id=self.id,
            offer=self.offer,
            key=self.key,
            employer=self.employer,
            name=self.name,
            work_box=self.work_box,
            result_box=self.result_box,
            slots=self.slots,
            standing=self.standing,
            since=self.since,
            heard=self.heard,
            orphan=self.orphan,
            code=self.code,
        )
