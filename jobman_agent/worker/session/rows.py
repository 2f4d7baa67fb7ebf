"""What the spool holds, row by row; the session core is rebuilt from these and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Stage(IntEnum):
    """How far a package has come here; these numbers stand in spools."""

    WAITING = 0
    """It has certainly not begun."""
    GIVEN = 1
    """The runner has it: it may have begun."""
    FINISHED = 2
    """There is a result, without a receipt yet."""
    GONE = 3
    """Done with; kept so that a second copy of the message is known as one."""


class Standing(IntEnum):
    """Where a session stands; these numbers stand in spools."""

    ASKED = 0
    """We asked and have no answer yet."""
    OPEN = 1
    """We take work."""
    REST = 2
    """We take no more work, but still owe results."""
    ENDED = 3
    """Nothing is owed; work that still comes is handed back."""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session."""

    id: str
    offer: str
    key: str
    """Whom we obey: the key that signed the offer."""
    employer: str
    """That key's id, as it stands in the names of mailboxes."""
    name: str
    """The employer's name, for people."""
    work_box: str
    result_box: str
    slots: int
    standing: Standing
    since: float
    """When it began, or when it came to its present standing if it has ended."""
    heard: tuple[int, int] = (0, 0)
    """The newest (start, count) of an answer that was heard."""
    orphan: bool = False
    """Its result box was found missing."""
    code: bool = False
    """Whether its employer may run code of its own here, as its offer was judged."""


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One attempt of one package in one session."""

    session: str
    package: str
    attempt: int
    stage: Stage
    work: int = 0
    """The number of the work message it came in, and its place there."""
    place: int = 0
    run: str | None = None
    batch: int | None = None
    """The list of results it is in, once it is finished."""


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One list of results, as it was or will be sent."""

    number: int
    session: str
    size: int
    made: float


@dataclass(frozen=True, slots=True)
class Loaded:
    """All that a spool held when the process came up."""

    start: int
    """This start's number: one more than that of the last one, and kept already."""
    sessions: tuple[SessionRow, ...] = ()
    items: tuple[ItemRow, ...] = ()
    """`GIVEN` here means: its program may have run."""
    batches: tuple[BatchRow, ...] = ()
    missing: Mapping[tuple[int, int], Mapping[str, int]] = field(default_factory=dict)
    """By work message and place: the files of a package that are still not here, with sizes."""
    last_number: int = 0
    """The highest number that a work message or a list of results ever had."""
