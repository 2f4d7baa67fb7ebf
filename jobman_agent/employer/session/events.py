"""What goes into the employer's session core, and what it wants done.

The shell performs the actions of a step in their order. A ``Save`` comes first: it is committed
before anything after it is done. The shell may be killed between any two actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from jobman_agent.model.messages import Answer, Bye, File, Message, Needs, Offer, Refuse, Result

if TYPE_CHECKING:
    from jobman_agent.employer.session.records import Judgement, Row

NO_NEEDS = Needs()


class Moment(NamedTuple):
    """When a step happens."""

    steady: float
    """Seconds that only ever grow, for what lasts how long."""
    wall: float
    """Unix seconds, for what is journalled and what other PCs say."""


class Chance(Protocol):
    """What the core needs of ``random.Random``."""

    def randrange(self, stop: int, /) -> int:
        """A whole number from 0 up to, not including, ``stop``."""
        ...


@dataclass(frozen=True, slots=True)
class PackageSpec:
    """What the core needs to know of a package."""

    name: str
    guess: float = 1.0
    """How long it takes, in any unit that is the same for all packages of the job."""
    size: int = 0
    """Bytes of its own files; 0 where nobody has looked."""


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What the core needs to know of a job."""

    offer: str
    employer: str
    title: str
    program: str
    packages: tuple[PackageSpec, ...]
    key: str = ""
    """The employer's own public key; only shown to people."""
    needs: Needs = NO_NEEDS
    own_code: bool = False
    usual_s: float | None = None
    time_s: float = 3600.0
    attempts: int = 3
    at_once: int | None = None
    checkpointed: bool = False
    test: bool = True
    known: frozenset[str] | None = None
    """The keys of ``workers = known``; None: any."""
    voucher: str | None = None


class Assignment(NamedTuple):
    """One package of a ``work`` message; the shell adds its files."""

    package: str
    attempt: int
    test: bool
    """Whether the files are those of the ability test. It must not show on the wire."""
    checkpoint: tuple[File, ...]


# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Started:
    """The journal was loaded; the first event of a process."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The pool is there; the ask box is open and listened to."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The pool is out of reach."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What waited in the boxes has been read (the answer to ``ReadOut``)."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Some time has passed: at least every 30 s, every few seconds is better."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """The pool takes no messages for now (an alarm of the broker)."""


@dataclass(frozen=True, slots=True)
class Unblocked:
    """The pool takes messages again."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message whose signature was right."""

    key: str
    """Who signed it."""
    message: Message
    work_box_ok: bool = True
    """An ask: ``pool.is_work_box`` said so."""
    result_box_ok: bool = True
    missing: frozenset[tuple[str, int]] = frozenset()
    """Results, by package and attempt, of which not all files have arrived."""


@dataclass(frozen=True, slots=True)
class FilesComplete:
    """All files of a result are on the disk, synced, their hashes right."""

    package: str
    attempt: int
    result: Result


@dataclass(frozen=True, slots=True)
class Judged:
    """The evaluation's word about a result."""

    package: str
    attempt: int
    judgement: Judgement
    why: str = ""


@dataclass(frozen=True, slots=True)
class SendFailed:
    """A message could not be sent, or may not have been."""

    session: str
    undeliverable: bool
    """True: the box is not there. False: it was not confirmed, and may arrive all the same."""
    packages: tuple[tuple[str, int], ...] = ()
    """Of a ``Hand``: package and attempt."""


@dataclass(frozen=True, slots=True)
class BoxGone:
    """The result box of a session does not exist any more."""

    session: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A package's own files cannot be read, so that it cannot be handed out."""

    package: str
    attempt: int
    why: str


@dataclass(frozen=True, slots=True)
class OfferSeen:
    """What ``pool.stands`` said (the answer to ``Look``)."""

    stands: bool


@dataclass(frozen=True, slots=True)
class WithdrawRequested:
    """The employer wants to stop for now: nothing more is handed out."""


@dataclass(frozen=True, slots=True)
class Finished:
    """All that came before a ``Finish`` has been done."""


Event = (
    Started
    | Connected
    | Disconnected
    | Settled
    | Tick
    | Blocked
    | Unblocked
    | Received
    | FilesComplete
    | Judged
    | SendFailed
    | BoxGone
    | Unreadable
    | OfferSeen
    | WithdrawRequested
    | Finished
)

# ---------------------------------------------------------------- actions


@dataclass(frozen=True, slots=True)
class Save:
    """One transaction; committed before the next action is performed."""

    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Listen:
    """Listen to a session's result box; ``BoxGone`` if it does not exist."""

    session: str
    box: str


@dataclass(frozen=True, slots=True)
class ReadOut:
    """Read what waits in all boxes, then say ``Settled``."""


@dataclass(frozen=True, slots=True)
class Post:
    """Put the offer up, or refresh it."""

    offer: Offer


@dataclass(frozen=True, slots=True)
class Look:
    """Ask the pool whether the offer stands, then say ``OfferSeen``."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take the offer down."""


@dataclass(frozen=True, slots=True)
class Send:
    """Sign a message and put it into a work box; ``SendFailed`` if that goes wrong."""

    session: str
    box: str
    message: Answer | Bye | Refuse


@dataclass(frozen=True, slots=True)
class Hand:
    """Send packages as one or more ``work`` messages; ``SendFailed`` names those not sent."""

    session: str
    box: str
    packages: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True)
class Fetch:
    """Get the missing files of a journalled result, then say ``FilesComplete``."""

    session: str
    package: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Judge:
    """Evaluate a result, outside of any callback, then say ``Judged``."""

    package: str
    attempt: int
    test: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """A package has ended: write it to results/ or failed/, which are derived."""

    package: str
    attempt: int
    """Whose result is to be written; 0: there is none."""
    accepted: bool
    why: str


@dataclass(frozen=True, slots=True)
class RemoveBox:
    """Remove a result box of ours."""

    box: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Remove the ask box too; when all that came before has been done, say ``Finished``."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Something for the person."""

    text: str
    step: int | None = None
    """The mission's step, where this is one of the lines of ``-v``."""


Action = (
    Save
    | Listen
    | ReadOut
    | Post
    | Look
    | Withdraw
    | Send
    | Hand
    | Fetch
    | Judge
    | Ended
    | RemoveBox
    | Finish
    | Tell
)
