"""What a pool guarantees, in words and types; memory, directory and amqp keep it.

The truth lives at both ends, in the employer's journal and the worker's spool; the pool is a lossy
road between them (PROTOCOL 3). What every pool promises:

1. *At least once.* What `send` returned for has been kept by the pool, and is given to the box's
   reader until it is acknowledged; it may be given twice, also after a reconnect.
2. *Whole.* No message is ever given in part or mixed with another.
3. *Order.* Messages of one sender in one session come in the order of their sending; after a
   reconnect some may come again.
4. *Unsure is said.* `Unconfirmed` means that the message may or may not arrive. `Undeliverable`
   means that the box is not there: the message was not kept.
5. *An offer stands* until its poster withdraws it, and can be read by any number of workers any
   number of times. Several sequences of one offer may be seen at once: the highest counts.
6. *One reader per box.* Nothing is claimed by two.
7. *Nothing hangs.* Every call ends within `CALL_SECONDS`; a pool that is out of reach raises
   `PoolUnavailable` from the call, and from `receive`, and the object is then used up: close it
   and make a new one. There is no reconnecting inside (one path for first start, reconnect,
   wake-up and crash).
8. *Junk stays inside.* What cannot be a message at all (nothing, or more than `MAX_FRAME`; in a
   directory also what is no file of ours) is counted in `junk`, removed, and never given out.

All methods are called from one asyncio loop. Frames are opaque here: no pool looks into them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

CALL_SECONDS = 10.0
"""Seconds after which a call that was not answered counts as pool out of reach."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who uses this pool. One for a process; the counter goes on over reconnects."""

    id: str
    """`trust.KeyPair.id` of the employer or worker."""
    start: int
    """Raised, and kept on disk, at each start of the process: names are never used twice."""
    spool: str = "0"
    """A worker's spool: a second worker in one JOBMAN_HOME has another (`[a-z0-9]{1,16}`)."""
    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1), compare=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that waits in a box of ours."""

    box: str
    frame: bytes
    token: object
    """What the pool needs to acknowledge it."""


class Pace(Enum):
    """What a reader of a box is waiting for; a directory polls accordingly (PROTOCOL 3.2, 12)."""

    ANSWER = "answer"
    """Just asked: 20 ms, growing to 2 s, after two minutes 10 s."""
    LOW = "low"
    """The spool runs low: 20 ms, growing to 1 s."""
    FULL = "full"
    """Enough to do: every 5 s."""
    EMPLOYER = "employer"
    """20 ms while messages arrive, growing to 1 s."""


class Blobs(Protocol):
    """Files larger than a message, by their hash; only a shared directory has this."""

    async def put(self, sha256: str, source: Path, *, again: bool = False) -> None:
        """Make a file available; `again` writes a second copy because the first was bad.

        Raises:
            PoolUnavailable: the file may or may not be there.
        """
        ...

    async def get(self, sha256: str, size: int, target: Path) -> bool:
        """Copy a file, verified by its hash, to `target` (which must not exist).

        Returns False when all copies are bad, or none was listed within 60 s: ask with `need`.

        Raises:
            PoolUnavailable: the pool is out of reach.
            StorageError: `target` cannot be written.
        """
        ...

    async def remove(self, sha256: str) -> None:
        """Remove a file that we put there; it is no error when it is gone."""
        ...


class Pool(Protocol):
    """One connection of one program to the pool, from `connect` to the first `PoolUnavailable`."""

    @property
    def blobs(self) -> Blobs | None:
        """None: larger files travel as `chunk` messages."""
        ...

    @property
    def junk(self) -> int:
        """How many things that were no messages have been dropped."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What `connect` did that a person should read, one line each; the caller prints it."""
        ...

    async def connect(self) -> None:
        """Reach the pool and make what is public there.

        Raises:
            PoolUnavailable: not there (yet).
            PoolRefused: login or permission.
            PoolMisused: something in it must not be there; the message says how to remove it, or
                (PoolUnsuitable, bad input) names a folder that can be a pool.
        """
        ...

    async def close(self) -> None:
        """Let go of the pool; never raises, may be called twice."""
        ...

    # ---- names of boxes; they are what `ask` messages carry
    def ask_box(self, employer: str, offer: str) -> str:
        """The box in which an employer awaits asks for an offer."""
        ...

    def work_box(self, session: str) -> str:
        """Our (a worker's) box for what an employer sends in a session."""
        ...

    def result_box(self, employer: str, offer: str, session: str) -> str:
        """The box in which an employer awaits what we (a worker) send in a session."""
        ...

    def is_work_box(self, box: str, worker: str, session: str) -> bool:
        """Whether a name from an ask is that worker's box for that session (by pattern)."""
        ...

    def is_result_box(self, box: str, offer: str, worker: str, session: str) -> bool:
        """Whether a name from an ask is our (an employer's) box for that worker's session."""
        ...

    # ---- the hiring queue
    async def post(self, offer: str, sequence: int, frame: bytes) -> None:
        """Put an offer up, or refresh it with a higher sequence; older ones go away.

        Raises:
            PoolUnavailable: also as `Unconfirmed`.
        """
        ...

    async def stands(self, offer: str) -> bool:
        """Look whether our offer is there, and remove all of its sequences but the newest."""
        ...

    async def withdraw(self, offer: str) -> bool:
        """Remove all sequences of our offer; True once a look showed none (call again if not)."""
        ...

    async def scan(self) -> Sequence[bytes]:
        """Every offer that stands, ours too; of those never seen before, the older ones first.

        A directory cannot know the age of those that it sees for the first time.
        """
        ...

    # ---- boxes
    async def open_box(self, box: str) -> None:
        """Make a box, or renew its life if it is there.

        A directory makes only inboxes of our own: that another's is gone is said by `send`.
        """
        ...

    async def listen(self, box: str) -> None:
        """Let `receive` give what comes into a box of ours.

        Raises:
            Undeliverable: the box does not exist.
        """
        ...

    async def remove_box(self, box: str) -> None:
        """Remove a box and all in it; it is no error when it is gone.

        In a directory a session's box is only the files of that session in its reader's inbox: who
        is not the reader removes what it has put there itself, and a later message is not
        `Undeliverable`. An employer removes its ask box, and with it the inbox, at the job's end.
        """
        ...

    async def backlog(self, box: str) -> int:
        """How many messages wait in a box that we send to.

        Raises:
            Undeliverable: the box does not exist.
        """
        ...

    async def send(
        self, box: str, session: str, frame: bytes, *, replaces: str | None = None
    ) -> str:
        """Put a message into a box; returns a token of it.

        `replaces`: the token of an older message to the same box that needs no reading any more
        (an unanswered beat); a pool that can removes it first.

        Raises:
            Undeliverable: the box does not exist.
            Unconfirmed: it may or may not arrive.
            PoolUnavailable: the pool is out of reach.
        """
        ...

    async def receive(self) -> Sequence[Delivery]:
        """Wait for messages in the boxes listened to: at least one, at most some MiB at once.

        Given ones are not given again by this object. Cancelling loses nothing. One task calls
        this. A directory also gives what lies in the same inbox for sessions whose boxes are not
        listened to: to an employer with the ask box as `box`, to a worker with the work box of that
        session (work for a session that it has left is to be handed back).

        Raises:
            PoolUnavailable: the connection is lost.
            Undeliverable: a box that was listened to has been removed by somebody else.
        """
        ...

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Have done with messages: they are never given again. Within seconds of receiving them.

        Raises:
            PoolUnavailable: they may come again.
        """
        ...

    def expect(self, pace: Pace, floor_s: float = 0.0) -> None:
        """Say what we wait for, and how often at most a directory may be listed."""
        ...
