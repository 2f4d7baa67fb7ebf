"""What a face (command line, tray) and the agent say to each other, and how each line is read.

Rules that hold here:

1. A message is one line of JSON, at most `LINE_MOST` bytes; a field that is not known is an error.
2. A connection begins with `Hello`. Each `Request` is answered by one `Reply`, in order.
3. `Status` is, to the letter, the object that ``jobman status --json`` prints. What a tray needs
   besides is in `Seen`, which answers `Watch` and may grow.

Pure. What agent and worker say to each other is in `pipe_messages`, read in the same way.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated, Generic, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from jobman_agent.errors import MalformedMessage
from jobman_agent.model.verdict import ReasonCode

LINE_MOST = 256 << 10
"""Bytes of one line, its end included."""
LONGEST_S = 366 * 86_400
"""Seconds that a pause or ``work-now`` may last."""

Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
"""ISO 8601 with its offset."""
Text: TypeAlias = Annotated[str, Meta(max_length=2000)]
Name: TypeAlias = Annotated[str, Meta(max_length=200)]
Seconds: TypeAlias = Annotated[float, Meta(gt=0, le=LONGEST_S)]
Pid: TypeAlias = Annotated[int, Meta(ge=1, le=2**32)]

Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**53)]
PublicKey: TypeAlias = Annotated[str, Meta(pattern="^ed25519:[A-Za-z0-9+/]{43}=$")]
WATCH_S = 10.0
"""A `Watch` is answered after so long, whether there is news or not."""

StateWord: TypeAlias = Literal["OFF_DUTY", "SEEKING", "WORKING", "SUSPENDED", "LEAVING", "GONE"]
"""The agent's states; the contract of ``status --json``."""


# ---- requests
class Hello(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="hello"):
    """The first line of a connection: who knows the token may ask."""

    token: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class GetStatus(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="status"):
    """What does the agent do, and what holds it back?"""


class PauseKind(Enum):
    """How a pause ends; the values are what follows ``jobman pause``."""

    DURATION = "duration"
    """After `PauseWork.seconds`."""
    TOMORROW = "tomorrow"
    """When the next day begins."""
    LOCK = "lock"
    """When the screen is locked."""
    PACKAGE = "package"
    """It begins once what runs has ended, and lasts until ``resume``."""
    RESUME = "resume"
    """With ``jobman resume``."""


class PauseWork(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="pause"):
    """No work for a while."""

    kind: PauseKind
    seconds: Seconds | None = None
    """With `PauseKind.DURATION`, and only with it."""

    def __post_init__(self) -> None:
        """Refuse a duration without seconds, and seconds without a duration."""
        if (self.kind is PauseKind.DURATION) is not (self.seconds is not None):
            raise ValueError("a pause has seconds if its kind is duration, and only then")


class ResumeWork(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="resume"):
    """A pause, or ``work-now``, is over."""


class WorkNow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="work_now"):
    """Work for so long, whatever the hours say."""

    seconds: Seconds


class Quit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="quit"):
    """Hand back what is held and end. The connection is closed when the agent has ended."""


class Watch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="watch"):
    """Like `GetStatus` for a face that stays: answered when there is news, by `Seen`."""

    version: Count = 0
    """`Seen.version` of the last answer; 0: none yet, answer at once."""


class AnswerEmployer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="employer"):
    """What the owner says of an unknown employer."""

    key: PublicKey
    """One of those that `Seen.unknown` names."""
    answer: Literal["allow", "allow_code", "never"]


class Greeted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="greeted"):
    """The owner was told of the first night."""


Request: TypeAlias = (
    GetStatus | PauseWork | ResumeWork | WorkNow | Quit | Watch | AnswerEmployer | Greeted
)


# ---- replies
class ShownReason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that holds the agent back."""

    code: ReasonCode
    text: Text
    until: Moment | None


class ShownPackage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One package that is held."""

    name: Name
    employer: Name
    state: Literal["running", "suspended", "waiting"]
    seconds: Annotated[float, Meta(ge=0)]
    """How long it has run."""


class Status(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent does now."""

    state: StateWord
    reasons: tuple[ShownReason, ...]
    """Only what holds it back."""
    next: Moment | None
    """When it may start at the earliest, if anybody can say."""
    paused_until: Moment | None
    pid: Pid
    packages: tuple[ShownPackage, ...]


class Done(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="done"):
    """What was asked for is done; the status is that of right afterwards."""

    status: Status
    text: Text = ""
    """One line for people; empty where the status says all."""


class Refused(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="refused"):
    """It is not done."""

    text: Text
    """Why, and what would be right."""
    kind: Literal["input", "not_allowed", "fault"]
    """Exit code 2, 4 or 70."""


class ShownEmployer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An employer with work for this PC whom nobody here has judged yet. A stranger's words."""

    name: Name
    """What she calls herself."""
    key: PublicKey
    fingerprint: Name
    title: Name
    """Of her offer."""
    own_code: bool
    """Whether it needs code of her own."""
    name_taken: bool
    """Another key is known here by that name: it may be somebody else who says so."""


class ShownNight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one employer's packages were given last night."""

    employer: Name
    packages: Count
    seconds: Annotated[float, Meta(ge=0)]
    peak_memory: Count
    """Bytes, of the largest."""


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="seen"):
    """All that a tray shows."""

    status: Status
    version: Count
    pausing: bool
    """A pause begins once what runs has ended."""
    work_until: Moment | None
    """The hours do not count until then (``work-now``)."""
    failing: bool
    """Workers end by themselves, one after another."""
    share: Annotated[float, Meta(ge=0, le=1)] | None
    """How much of what its packages usually take has passed, on average."""
    unknown: tuple[ShownEmployer, ...]
    night: tuple[ShownNight, ...]
    first_night: bool
    """This PC has worked for the first time, and its owner was not told yet."""
    settings_file: Text
    """This user's ini, which need not be there."""
    log_file: Text


Reply: TypeAlias = Done | Seen | Refused


# ---- lines
_T = TypeVar("_T")
_encoder = msgspec.json.Encoder()


def encode(message: msgspec.Struct) -> bytes:
    """A message as a line, with the line's end.

    Raises:
        MalformedMessage: it is larger than a line may be (a fault of the caller).
    """
    line = _encoder.encode(message) + b"\n"
    if len(line) > LINE_MOST:
        raise MalformedMessage(f"line of {len(line)} bytes; at most {LINE_MOST} are allowed")
    return line


class LineReader(Generic[_T]):
    """Reads lines of one kind.

    Args:
        what: What a line is called in an error.
        decoder: Reads the JSON.
    """

    def __init__(self, what: str, decoder: msgspec.json.Decoder[_T]) -> None:
        self._what = what
        self._decoder = decoder

    def __call__(self, line: bytes) -> _T:
        """The message in a line, with or without the line's end.

        Raises:
            MalformedMessage: there is none; the text says where it is wrong.
        """
        if len(line) > LINE_MOST:
            raise MalformedMessage(f"{self._what}: a line of over {LINE_MOST} bytes")
        try:
            return self._decoder.decode(line)
        except (ValueError, RecursionError) as exc:
            raise MalformedMessage(f"{self._what}: {exc}") from exc


decode_hello: LineReader[Hello] = LineReader("hello", msgspec.json.Decoder(Hello))
decode_request: LineReader[Request] = LineReader("request", msgspec.json.Decoder(Request))
decode_reply: LineReader[Reply] = LineReader("reply", msgspec.json.Decoder(Reply))
