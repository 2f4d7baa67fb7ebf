"""What the employer must not forget: the rows of its journal, as the session core changes them.

Rules that hold here:
1. The journal's rows alone are enough to go on after ``kill -9`` at any moment.
2. A field never holds anything that changes in place, so that a copy of a row stays what it was.
3. Times of rows are Unix seconds by the employer's wall clock.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field

from jobman_agent.model.messages import File


class PackageEnd(StrEnum):
    """How a package ended; until then it is waiting, leased, or its result is being judged."""

    OPEN = ""
    ACCEPTED = "accepted"
    FAILED = "failed"


class LeaseState(StrEnum):
    """What the employer last heard of a leased package."""

    SENT = "sent"
    WAITING = "waiting"
    RUNNING = "running"
    SUSPENDED = "suspended"
    RETURNING = "returning"
    """Its result is journalled; some of its files are still on the road."""


class LeaseEnd(StrEnum):
    """Why a lease ended."""

    OPEN = ""
    RETURNED = "returned"
    LAPSED = "lapsed"
    STOPPED = "stopped"
    GONE = "gone"
    """The worker's mailbox was not there, so that the package never left."""


class Judgement(StrEnum):
    """What the evaluation made of a returned result."""

    NONE = ""
    """Nothing to judge: not returned yet, handed back, or lost."""
    PENDING = "pending"
    ACCEPTED = "accepted"
    FAILED = "failed"
    WRONG = "wrong"
    MALFORMED = "malformed"
    """Not even a result (files that nobody asked for); counts as failed, and against its PC."""
    DROPPED = "dropped"
    """A second result of a package that had ended: counted, not used."""


class JobRow(Struct):
    """The job itself."""

    start: int = 0
    """Raised at each start of ``employ``; the first half of (start, count)."""
    sequence: int = 0
    """Of the offer; raised before each posting."""
    ended: bool = False
    """The end is complete: good-byes said, boxes and offer removed."""


class PackageRow(Struct):
    """One package."""

    name: str
    attempt: int = 0
    """Raised at every hand-out; the number of the last one."""
    state: PackageEnd = PackageEnd.OPEN
    failed: int = 0
    wrong: int = 0
    interrupted: int = 0
    refused: int = 0
    lost: tuple[tuple[int, str], ...] = ()
    """(attempt, key) of every loss that was not taken back."""
    tried: tuple[str, ...] = ()
    """Keys whose run failed, was wrong, or that refused it."""
    retry_at: float = 0.0
    """When it last came back unfinished or not accepted."""
    spent: str = ""
    """Why no new copy goes out any more."""
    why: str = ""
    accepted: int = 0
    """The attempt that was accepted."""
    checkpoint: tuple[File, ...] = ()
    """From the last hand back; the next PC starts from it."""
    since: int = 0
    """Attempts up to this one were of other inputs, or of an earlier go: they do not count."""


class LeaseRow(Struct):
    """The promise of a package to a worker. Rows of leases are never deleted."""

    package: str
    attempt: int
    key: str
    session: str
    handed_at: float
    until: float
    """By the employer's lease clock, which stands while it cannot hear."""
    state: LeaseState = LeaseState.SENT
    ended: LeaseEnd = LeaseEnd.OPEN
    asked: bool = False
    """The worker was asked to give it back."""
    test: bool = False
    outcome: str = ""
    ended_at: float = 0.0
    seconds: float = 0.0
    judgement: Judgement = Judgement.NONE
    why: str = ""


class SessionRow(Struct):
    """One worker, from its ask to the end of the job: results may come late."""

    session: str
    key: str
    worker: str
    """The PC's name, for people."""
    work_box: str
    result_box: str
    slots: int
    asked_at: float
    willing_until: float = 0.0
    """0: not said."""
    leaving: bool = False
    """A good-bye was said: open for results only."""
    gone: bool = False
    """Its work box did not exist; a later beat takes that back."""
    deaf: bool = False
    """Its result box does not exist any more."""
    beat_start: int = 0
    beat_count: int = 0


class KeyRow(Struct):
    """What this job has learnt of a worker's key."""

    key: str
    tested_at: float = 0.0
    retest: bool = False
    against: int = 0
    """Failures of packages that another PC then got accepted, and malformed results."""
    in_a_row: int = 0
    dismissed: str = ""
    """Why, once it was."""


Row = JobRow | PackageRow | LeaseRow | SessionRow | KeyRow


class Journalled(Struct, frozen=True):
    """All rows of a journal."""

    job: JobRow = field(default_factory=JobRow)
    packages: tuple[PackageRow, ...] = ()
    leases: tuple[LeaseRow, ...] = ()
    sessions: tuple[SessionRow, ...] = ()
    keys: tuple[KeyRow, ...] = ()


def opened_again(row: PackageRow) -> PackageRow:
    """A package that has ended, to be done anew (``--retry-failed``, ``--redo-changed``)."""
    return PackageRow(name=row.name, attempt=row.attempt, since=row.attempt)
