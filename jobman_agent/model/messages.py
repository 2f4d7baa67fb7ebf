"""The ten kinds of messages of version 1, as frozen structs.

Rules that hold here:
1. These are exactly the fields of version 1: an unknown field or kind is junk.
2. A field that has a default may be left out; jobman leaves it out when it has that value.
3. Times are UTC in whole seconds (``2026-11-24T09:30:00Z``); durations are seconds; sizes bytes.
4. No field tells an ability test from work.

docs/protocol.md describes every field for people who write a worker in another language.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

Id = Annotated[str, Meta(pattern=r"^[a-z2-7]{16}\Z")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Time = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
PackageName = Annotated[str, Meta(min_length=1, max_length=100)]
Text = Annotated[str, Meta(max_length=2000)]
Word = Annotated[str, Meta(max_length=8192)]
Path = Annotated[str, Meta(min_length=1, max_length=240)]
Count = Annotated[int, Meta(ge=0, lt=2**53)]
Attempt = Annotated[int, Meta(ge=1, lt=2**53)]
Seconds = Annotated[float, Meta(ge=0)]


class Outcome(StrEnum):
    """How the run of a package ended, as its worker saw it."""

    DONE = "done"
    """The program ended with exit code 0 and every required output is there."""
    FAILED = "failed"
    """Exit code, signal, memory or a missing output; ``why`` says which."""
    TIMED_OUT = "timed_out"
    REFUSED = "refused"
    """The rules of the worker's PC do not allow it; it did not run."""
    HANDED_BACK = "handed_back"
    """Unfinished: owner, hours, leaving, wake-up. Costs the package no attempt."""
    LOST = "lost"
    """The worker's process died while the package ran."""


class HeldState(StrEnum):
    """What a worker says of a package that it holds."""

    WAITING = "waiting"
    RUNNING = "running"
    SUSPENDED = "suspended"
    FINISHED = "finished"
    """Finished, without a receipt yet."""


class Say(StrEnum):
    """What an employer answers to a package that a worker holds."""

    GO_ON = "go_on"
    STOP = "stop"
    GIVE_BACK = "give_back"
    """Obeyed only for what has not started."""
    RECEIPT = "receipt"
    """The result is safely kept: the worker forgets it."""
    SEND_AGAIN = "send_again"


class Goodbye(StrEnum):
    """Why a session ends."""

    JOB_DONE = "job_done"
    """A receipt for all of it."""
    NO_WORK = "no_work"
    LEAVING = "leaving"
    DISMISSED = "dismissed"


class RefuseCode(StrEnum):
    """Why an offer, an ask or work is refused."""

    PROGRAM = "program"
    """The worker has no program of that name."""
    TRUST = "trust"
    """The key is not trusted, or not trusted with code of its own."""
    VERSION = "version"
    TOO_SMALL = "too_small"
    HOURS = "hours"
    CLOCK = "clock"
    DISMISSED = "dismissed"
    CLOSED = "closed"
    """The job has ended, or the offer is another one."""
    BOXES = "boxes"
    """The mailboxes that an ask names are not this worker's."""


class _Part(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Attachment(_Part, frozen=True):
    """Bytes that follow the envelope line, in this order."""

    sha256: Sha256
    size: Count


class File(_Part, frozen=True):
    """A file by name and content; its bytes are an attachment, or travel when needed."""

    path: Path
    size: Count
    sha256: Sha256


class Needs(_Part, frozen=True):
    """What one package asks of a PC."""

    cores: Attempt = 1
    memory: Count = 0
    os: tuple[Name, ...] = ()
    """Any of these (``linux``, ``windows``, ``macos``); empty: any."""


class Program(_Part, frozen=True):
    """A program that a PC offers, with the version its owner states or the file's SHA-256."""

    name: Name
    version: Text = ""


class Held(_Part, frozen=True):
    """One package that a worker holds."""

    package: PackageName
    attempt: Attempt
    state: HeldState
    progress: float | None = None
    """0 to 1, where known."""


class Item(_Part, frozen=True):
    """One package in an answer."""

    package: PackageName
    attempt: Attempt
    say: Say


class Recipe(_Part, frozen=True):
    """How every package of a ``work`` message is run."""

    program: Name
    command: tuple[Word, ...]
    """Words with ``{package}``, ``{common}`` and ``{header}`` not yet filled in."""
    outputs: tuple[Path, ...]
    checkpoint: tuple[Path, ...] = ()
    cores: Attempt = 1
    memory: Count = 0
    """Bytes of resident memory that the tree may use; 0: no limit of the job's own."""
    time_s: Seconds = 3600.0
    """Seconds that one package may run, frozen time not counted."""
    common: tuple[File, ...] = ()
    """Files of the folder ``common/``; ``*.template`` is filled in for each package."""


class Package(_Part, frozen=True):
    """One package to run."""

    name: PackageName
    attempt: Attempt
    files: tuple[File, ...] = ()
    values: dict[str, str] = {}
    """The row of parameters.csv: header to text."""
    checkpoint: tuple[File, ...] = ()


class Result(_Part, frozen=True):
    """What one attempt of a package gave back."""

    package: PackageName
    attempt: Attempt
    outcome: Outcome
    exit_code: int | None = None
    signal: int | None = None
    seconds: Seconds = 0.0
    cpu_seconds: Seconds = 0.0
    peak_memory: Count = 0
    files: tuple[File, ...] = ()
    checkpoint: tuple[File, ...] = ()
    log: File | None = None
    """``log.txt``: stdout and stderr, capped, both ends kept."""
    version: Text = ""
    why: Text = ""


class Wanted(_Part, frozen=True):
    """A file that the sender of a ``need`` lacks, from its first missing byte on."""

    sha256: Sha256
    first: Count = 0


class Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What all kinds have in common."""

    time: Time
    poll_s: Seconds | None = None
    """From an employer: no reader of a shared directory polls more often than this."""


class Offer(Message, frozen=True, kw_only=True):
    """Step 1: an employer's announcement in the hiring queue."""

    offer: Id
    sequence: Count
    employer: Name
    title: Annotated[str, Meta(max_length=200)]
    program: Name
    needs: Needs
    own_code: bool
    """Whether a PC must allow the employer code of its own (an interpreter, a job's program)."""
    waiting: Count
    workers: Count
    usual_s: Seconds | None = None
    at_once: Count | None = None
    expires: Time
    voucher: Annotated[str, Meta(max_length=4000)] | None = None


class Ask(Message, frozen=True, kw_only=True):
    """Step 3: a worker is free, and names its two private mailboxes."""

    offer: Id
    session: Id
    worker: Name
    """The PC's name, for people."""
    work_box: Word
    result_box: Word
    os: Name
    cores: Attempt
    memory: Count
    disk: Count
    slots: Count
    programs: tuple[Program, ...]
    sandbox: Name
    willing_until: Time | None = None
    holding: tuple[Held, ...] = ()


class Refuse(Message, frozen=True, kw_only=True):
    """No, with the reason and what would be right."""

    offer: Id
    session: Id | None = None
    worker: Name | None = None
    code: RefuseCode
    why: Text
    right: Text = ""


class Work(Message, frozen=True, kw_only=True):
    """Step 5: packages for a worker."""

    offer: Id
    session: Id
    recipe: Recipe
    packages: tuple[Package, ...]
    attachments: tuple[Attachment, ...] = ()


class Need(Message, frozen=True, kw_only=True):
    """Files that the sender lacks. An older (start, count) than the last one is ignored."""

    offer: Id
    session: Id
    start: Count
    count: Count
    files: tuple[Wanted, ...]


class Chunk(Message, frozen=True, kw_only=True):
    """A piece of a file, as the one attachment."""

    offer: Id
    session: Id
    sha256: Sha256
    offset: Count
    total: Count
    attachments: tuple[Attachment, ...]


class Results(Message, frozen=True, kw_only=True):
    """Step 7: what packages gave back (the kind is called ``result``)."""

    offer: Id
    session: Id
    results: tuple[Result, ...]
    attachments: tuple[Attachment, ...] = ()


class Beat(Message, frozen=True, kw_only=True):
    """All that a worker holds in a session, and how many slots it offers now."""

    offer: Id
    session: Id
    start: Count
    count: Count
    slots: Count
    holding: tuple[Held, ...]


class Answer(Message, frozen=True, kw_only=True):
    """Step 8: what an employer says to packages that a worker holds."""

    offer: Id
    session: Id
    start: Count
    count: Count
    items: tuple[Item, ...]


class Bye(Message, frozen=True, kw_only=True):
    """The end of a session."""

    offer: Id
    session: Id
    reason: Goodbye
    text: Text = ""


KINDS: dict[str, type[Message]] = {
    "offer": Offer,
    "ask": Ask,
    "refuse": Refuse,
    "work": Work,
    "need": Need,
    "chunk": Chunk,
    "result": Results,
    "beat": Beat,
    "answer": Answer,
    "bye": Bye,
}
KIND_OF: dict[type[Message], str] = {cls: kind for kind, cls in KINDS.items()}
