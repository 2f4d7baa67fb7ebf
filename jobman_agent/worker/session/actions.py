"""What the session core tells its shell to do.

Rules for whoever performs them (the shell, or a simulator):

1. All `Save` actions of a step are one transaction, in their order. It is committed before anything
   that was received is acknowledged, and before any other action of the step is performed.
2. A step whose saves are all `lazy` may wait for a later step's transaction: what they say would
   be learned anew after a crash.
3. The others are performed in their order; `Send` of one session in order above all. Each `Send`
   is answered by `Sent`, `Unconfirmed` or `Undeliverable` with its number, or by `Disconnected`.
4. Each `Start` is answered by exactly one `RunEnded`, a `RunStarted` may come before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobman_agent.model.messages import Message, Need, Results
    from jobman_agent.worker.session.rows import ItemRow, SessionRow


# ---- saves: one transaction
@dataclass(frozen=True, slots=True)
class SaveSession:
    """Keep a session's row, new or changed."""

    row: SessionRow
    lazy: bool = False


@dataclass(frozen=True, slots=True)
class SaveItems:
    """Keep the rows of packages, new or changed."""

    rows: tuple[ItemRow, ...]
    lazy: bool = False


@dataclass(frozen=True, slots=True)
class SaveWork:
    """Keep a signed work message: the inputs of its packages."""

    number: int
    session: str
    frame: bytes
    lazy: bool = False


@dataclass(frozen=True, slots=True)
class SaveBatch:
    """Keep a list of results with its small files, until all of it has receipts."""

    number: int
    session: str
    message: Results
    contents: Mapping[str, bytes]
    """Its attachments, by hash, in the order that the message lists."""
    size: int
    made: float
    lazy: bool = False


@dataclass(frozen=True, slots=True)
class MoveSession:
    """Rename the session of all packages, work and results of `old`: they go on in `new`."""

    old: str
    new: str
    lazy: bool = False


@dataclass(frozen=True, slots=True)
class DropWork:
    """Forget a work message: none of its packages will run any more."""

    number: int
    lazy: bool = True


@dataclass(frozen=True, slots=True)
class DropBatch:
    """Forget a list of results: all have receipts, or are given up."""

    number: int
    lazy: bool = True


@dataclass(frozen=True, slots=True)
class DropSession:
    """Forget all packages, work and results of a session, and its row if `whole`."""

    session: str
    whole: bool
    lazy: bool = False


Save = (
    SaveSession
    | SaveItems
    | SaveWork
    | SaveBatch
    | MoveSession
    | DropWork
    | DropBatch
    | DropSession
)

SAVES = (
    SaveSession,
    SaveItems,
    SaveWork,
    SaveBatch,
    MoveSession,
    DropWork,
    DropBatch,
    DropSession,
)
"""The same, for ``isinstance``."""


# ---- the pool
@dataclass(frozen=True, slots=True)
class OpenBoxes:
    """Make both boxes of a session, or renew their life; listen to the work box."""

    work_box: str
    result_box: str


@dataclass(frozen=True, slots=True)
class RemoveBox:
    """Remove a box of ours that nobody needs any more."""

    box: str


@dataclass(frozen=True, slots=True)
class Send:
    """Sign and send a message; `batch` names the kept list of results that it is."""

    number: int
    box: str
    session: str
    message: Message | None
    """None for a list of results: what is kept under `batch` is sent, in its present session."""
    batch: int | None = None
    replaces: int | None = None
    """The number of an older message to the same box that needs no reading any more."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Look at all offers; answered by `OffersSeen` or `Disconnected`."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """Get files from the employer of a session; answered by `FilesCame` or `FilesFailed`."""

    session: str
    files: Mapping[str, int]
    """SHA-256 to size in bytes."""


@dataclass(frozen=True, slots=True)
class Serve:
    """The employer lacks files of ours: send them."""

    session: str
    need: Need


# ---- the runner
@dataclass(frozen=True, slots=True)
class Start:
    """Run a package; those of a step go to the runner in one batch, in this order."""

    run: str
    session: str
    package: str
    attempt: int
    work: int
    place: int
    key: str
    """Its employer's."""
    code: bool
    """Whether that employer's own code may run here, as its offer was judged."""
    employer: str = ""
    """That employer's name, for people."""
    title: str = ""
    """Of the job, for people; empty in a session from before this process."""


@dataclass(frozen=True, slots=True)
class Kill:
    """End a run; its `RunEnded` follows."""

    run: str
    why: str
    at_once: bool = False
    """Without grace: no checkpoint is wanted."""
    only_waiting: bool = False
    """Only if it has not begun; else nothing happens and nothing follows."""


@dataclass(frozen=True, slots=True)
class SetSlots:
    """Run so many packages side by side from now on."""

    count: int


@dataclass(frozen=True, slots=True)
class Suspend:
    """Stop everything that runs, at once."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Let everything go on."""


# ---- people
@dataclass(frozen=True, slots=True)
class Tell:
    """Say something; `step` is the number of the mission's step, where it is one."""

    text: str
    step: int | None = None
    warning: bool = False
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exit:
    """All is handed back, or was given time to be: end the process."""

    why: str


Action = (
    Save
    | OpenBoxes
    | RemoveBox
    | Send
    | Scan
    | Fetch
    | Serve
    | Start
    | Kill
    | SetSlots
    | Suspend
    | Resume
    | Tell
    | Exit
)
