"""What can happen to a worker: the events that its session core is told of.

The shell observes, the core decides: an event carries all that the core needs to know, and nothing
of how it was learned. `Core.step` takes several at once, in the order in which they happened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobman_agent.model.messages import Message, Offer, Result
    from jobman_agent.worker.session.rows import Loaded


class Boxes(Protocol):
    """How mailboxes are called in this pool; every `Pool` is one."""

    def ask_box(self, employer: str, offer: str) -> str:
        """Where an employer awaits asks for an offer."""
        ...

    def work_box(self, session: str) -> str:
        """Where we await work."""
        ...

    def result_box(self, employer: str, offer: str, session: str) -> str:
        """Where an employer awaits our results."""
        ...


@dataclass(frozen=True, slots=True)
class Started:
    """The process has come up, with what its spool held."""

    loaded: Loaded


@dataclass(frozen=True, slots=True)
class Connected:
    """The pool is there: for the first time, or again."""

    boxes: Boxes


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The pool is out of reach; what was being sent counts as unconfirmed."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; comes when `Core.due` asked for it, or earlier."""


@dataclass(frozen=True, slots=True)
class Woke:
    """More than a minute is missing since the event before: the PC slept, or its clock jumped."""


@dataclass(frozen=True, slots=True)
class SeenOffer:
    """An offer that stands, and what this PC's owner thinks of its signer."""

    offer: Offer
    key: str
    """``ed25519:BASE64`` of its signer."""
    sender: str
    """The signer's id, as it stands in the names of mailboxes."""
    trusted: bool = True
    code_allowed: bool = True
    """Whether the signer may run code of its own here."""
    own_code: bool = False
    """Whether its program is the employer's own code by this PC's rules, whatever it says."""
    priority: float = 1.0
    """The owner's weight for this employer."""
    why: str = ""
    """Why it is not trusted, for the employer to read."""
    right: str = ""
    """What would make it trusted."""
    unknown: bool = False
    """The owner of this PC may be asked about its signer."""
    name_taken: bool = False
    """Another key than its signer's is known here by the name of its employer."""


@dataclass(frozen=True, slots=True)
class OffersSeen:
    """A scan is done: all that stands in the hiring queue."""

    offers: tuple[SeenOffer, ...]


@dataclass(frozen=True, slots=True)
class Received:
    """An authentic message from one of our work boxes (every kind but ``chunk``)."""

    message: Message
    key: str
    sender: str
    trusted: bool = False
    """Whether the owner trusts the signer; only looked at where the session is not known."""
    frame: bytes = b""
    """The whole signed message, for the spool (``work`` only)."""
    missing: Mapping[str, int] = field(default_factory=dict)
    """Of the files that a ``work`` names, those neither attached nor stored here: their sizes."""


@dataclass(frozen=True, slots=True)
class Junk:
    """Something was received that is no authentic message; it is dropped and counted."""

    what: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class OtherVersion:
    """A message of another version of the protocol came into a box of ours."""

    box: str
    signer: str


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A package runs."""

    run: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run is over and nothing of it is left; or the rules of this PC refused it (`result`)."""

    run: str
    result: Result
    began: bool = True
    """False: its program never ran."""
    contents: Mapping[str, bytes] = field(default_factory=dict)
    """The small files that travel with the result, by SHA-256."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The pool has kept a message."""

    number: int


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A message may or may not arrive."""

    number: int


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """The mailbox of a message does not exist."""

    number: int


@dataclass(frozen=True, slots=True)
class FilesCame:
    """These files are now complete in the file store."""

    sha256s: frozenset[str]


@dataclass(frozen=True, slots=True)
class FilesFailed:
    """These files cannot be had; packages that need them are handed back."""

    sha256s: frozenset[str]
    why: str


@dataclass(frozen=True, slots=True)
class Freeze:
    """The owner is back: nothing runs from now on."""


@dataclass(frozen=True, slots=True)
class Thaw:
    """The owner has gone again."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Hand everything back and end."""

    why: str
    at_once: bool = False
    """Now: neither running packages are given time, nor what is still to be sent."""
    grace: bool = True
    """Whether running packages are given time to write their checkpoints."""


@dataclass(frozen=True, slots=True)
class Starts:
    """Whether packages may begin; while they may not, what waits is handed back."""

    allowed: bool


@dataclass(frozen=True, slots=True)
class Willing:
    """Until when this PC expects to be free, as a time of the wire; None: unknown."""

    until: str | None


Local = (
    RunStarted
    | RunEnded
    | FilesCame
    | FilesFailed
    | Tick
    | Woke
    | Willing
    | Freeze
    | Thaw
    | Leave
    | Starts
)
"""What happens on this PC."""

Event = (
    Started
    | Connected
    | Disconnected
    | OffersSeen
    | Received
    | Junk
    | OtherVersion
    | Sent
    | Unconfirmed
    | Undeliverable
    | Local
)
