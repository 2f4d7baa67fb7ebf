"""What an agent and its worker say to each other through the pipe between them.

Rules that hold here:

1. A message is one line of JSON, as in `messages`.
2. The agent's first message is `Limits`: the worker begins nothing before it. It comes once.
3. A package's JOBMAN_RUN is told (`Starting`) before the package can begin, its process group
   (`Started`) as soon as it has one; every process of a package descends from `RunnerUp.pid`.
4. Every `Freeze` is answered by one `Frozen` with its number, also if nothing runs.
5. The pipe's end means the same at both ends: the other one is gone. A worker then kills its
   packages, hands back and leaves. A line that cannot be read counts as the end.

Pure.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from jobman_agent.control.messages import (
    Count,
    LineReader,
    Name,
    Pid,
    PublicKey,
    ShownPackage,
    Text,
)
from jobman_agent.model.messages import Outcome

LIST_MOST = 100
"""Packages in one message, so that a line has room for them."""

Run: TypeAlias = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]
"""A package's JOBMAN_RUN."""
WireTime: TypeAlias = Annotated[
    str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")
]
"""As it travels in an ask."""


# ---- the agent says
class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="limits"):
    """What the worker may use of this PC."""

    cores: Annotated[int, Meta(ge=1, le=100_000)]
    memory: Count
    """Bytes."""
    disk: Count
    """Bytes."""


class WillingUntil(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="willing_until"):
    """Until when this PC expects to be free; null: unknown."""

    until: WireTime | None


class Starts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="starts"):
    """Whether packages may be begun. While they may not, what has not begun is handed back."""

    allowed: bool


class Freeze(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="freeze"):
    """The owner is back: nothing runs, nothing begins."""

    number: Count


class Thaw(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="thaw"):
    """The owner has gone again: go on."""


class Leave(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="leave"):
    """Hand everything back and end."""

    why: Text


AgentSays: TypeAlias = Limits | WillingUntil | Starts | Freeze | Thaw | Leave


# ---- the worker says
class RunnerUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="runner_up"):
    """The process below which all packages run: at the start, and when another took its place."""

    pid: Pid


class ComingRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A package that will begin soon."""

    run: Run
    package: Name
    employer: Name
    """The employer's name, as this PC knows it."""
    title: Name = ""
    """Of the job, for the ledger; empty: not known any more."""


class Starting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="starting"):
    """These may begin from now on."""

    runs: Annotated[tuple[ComingRun, ...], Meta(max_length=LIST_MOST)]


class Started(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="started"):
    """A package runs; of those that last for milliseconds only the end is told."""

    run: Run
    group: Pid
    """Its process group (POSIX), or its first process (Windows)."""


class Ended(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="ended"):
    """Nothing is left of a run, or it will never begin. For the ledger."""

    run: Run
    outcome: Outcome
    seconds: Annotated[float, Meta(ge=0)]
    """How long it ran, frozen time not counted."""
    cpu_seconds: Annotated[float, Meta(ge=0)]
    peak_memory: Count
    """Bytes."""


class Frozen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="frozen"):
    """Nothing begins any more, and nothing of these runs runs."""

    number: Count
    """That of the `Freeze` it answers."""
    runs: tuple[Run, ...]


class Snapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="snapshot"):
    """What the worker does: at once when it first holds something or nothing more, else each 1 s.

    While it says the same but for seconds, it is repeated each 5 s as long as packages run.
    """

    state: Name
    """In words, for people: seeking, working, ..."""
    connected: bool
    """Whether the pool is there."""
    held: Count
    """Packages that are held and not finished."""
    packages: Annotated[tuple[ShownPackage, ...], Meta(max_length=LIST_MOST)]
    """Those that have begun; no more than a line has room for."""
    done: Count
    """Packages that have run to their end since the worker came up, well or not."""
    usual_s: Annotated[float, Meta(gt=0)] | None = None
    """What one package usually takes, where that is known."""


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="said"):
    """What people should be able to read in the agent's log."""

    text: Text
    warning: bool


class UnknownEmployer(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="unknown_employer"
):
    """Somebody offers work whom this PC's owner has not judged; told now and then of each."""

    name: Name
    key: PublicKey
    title: Name
    own_code: bool
    name_taken: bool
    """Another key is known here by that name."""


WorkerSays: TypeAlias = (
    RunnerUp | Starting | Started | Ended | Frozen | Snapshot | Said | UnknownEmployer
)

decode_agent: LineReader[AgentSays] = LineReader(
    "the agent's line", msgspec.json.Decoder(AgentSays)
)
decode_worker: LineReader[WorkerSays] = LineReader(
    "the worker's line", msgspec.json.Decoder(WorkerSays)
)
