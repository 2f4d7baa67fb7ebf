"""The wire format, the same on both roads: one line of JSON, then the raw bytes of attachments.

Line 1 is a DSSE envelope (https://github.com/secure-systems-lab/dsse); its payload is the JSON of
one message, its payload type ``application/vnd.jobman.KIND.v1+json``. Signing and verifying are
the room ``trust``; everything that can be checked without a key is here.

Order of checks: size, signature, type, decoding, meaning. This is the one decoder for all input.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from jobman_agent.errors import MalformedMessage, UnknownProtocolVersion
from jobman_agent.model.messages import KIND_OF, KINDS, Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_FRAME = 1 << 20
"""Bytes of a whole message, attachments included."""
MAX_LIST = 256 << 10
"""Bytes up to which small things travel together in one message."""
MAX_INLINE = 64 << 10
"""Bytes up to which a file is an attachment; a larger one travels by hash when needed."""
MAX_CHUNK = 1_000_000
"""Bytes of one piece of a larger file."""
MAX_UNACKED = 16 << 20
"""Bytes of chunks in answer to one ``need``."""

_TYPE = re.compile(r"application/vnd\.jobman\.([a-z]+)\.v([0-9]+)\+json")
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_encoder = msgspec.json.Encoder()
_decoders: dict[str, msgspec.json.Decoder[Message]] = {
    kind: msgspec.json.Decoder(cls) for kind, cls in KINDS.items()
}


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose signature, and the signature, both in base64."""

    keyid: str
    sig: str


class Envelope(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"payload_type": "payloadType"}
):
    """The DSSE envelope as JSON: ``payload``, ``payloadType``, ``signatures``."""

    payload: str
    payload_type: str
    signatures: tuple[Signature, ...]


_envelopes = msgspec.json.Decoder(Envelope)


def pae(payload_type: str, body: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


def payload_type(message: Message) -> str:
    """The payload type of a message."""
    return f"application/vnd.jobman.{KIND_OF[type(message)]}.v1+json"


def encode_body(message: Message) -> bytes:
    """The JSON of a message, as it is signed."""
    return _encoder.encode(message)


def decode_body(kind_of_payload: str, body: bytes) -> Message:
    """The message in a body whose signature was right.

    Raises:
        UnknownProtocolVersion: a kind of jobman's in another version.
        MalformedMessage: anything else that is not exactly a message of version 1.
    """
    match = _TYPE.fullmatch(kind_of_payload)
    if match is None:
        raise MalformedMessage(f"payload type {kind_of_payload[:80]!r} is not jobman's")
    kind, version = match.groups()
    if version != "1":
        raise UnknownProtocolVersion(f"{kind} of version {version}; this jobman speaks version 1")
    if kind not in _decoders:
        raise MalformedMessage(f"there is no kind {kind[:40]!r} in version 1")
    try:
        return _decoders[kind].decode(body)
    except (ValueError, RecursionError) as exc:
        raise MalformedMessage(f"{kind}: {exc}") from exc


def encode_envelope(envelope: Envelope) -> bytes:
    """The envelope as one line of JSON, without the line's end."""
    return _encoder.encode(envelope)


def decode_envelope(line: bytes) -> Envelope:
    """The envelope in a line.

    Raises:
        MalformedMessage: it is not one.
    """
    try:
        return _envelopes.decode(line)
    except (ValueError, RecursionError) as exc:
        raise MalformedMessage(f"envelope: {exc}") from exc


def join_frame(line: bytes, attachments: Iterable[bytes] = ()) -> bytes:
    """A whole message: the envelope line, its end, the attachments.

    Raises:
        MalformedMessage: it is larger than a message may be (a fault of the caller).
    """
    frame = b"".join([line, b"\n", *attachments])
    if len(frame) > MAX_FRAME:
        raise MalformedMessage(f"message of {len(frame)} bytes; at most {MAX_FRAME} are allowed")
    return frame


def split_frame(frame: bytes) -> tuple[bytes, memoryview]:
    """The envelope line and what comes after it.

    Raises:
        MalformedMessage: too large, or without a line's end.
    """
    if len(frame) > MAX_FRAME:
        raise MalformedMessage(f"message of {len(frame)} bytes; at most {MAX_FRAME} are allowed")
    end = frame.find(b"\n")
    if end < 0:
        raise MalformedMessage("message without an envelope line")
    return frame[:end], memoryview(frame)[end + 1 :]


def take_attachments(message: Message, rest: memoryview) -> Mapping[str, bytes]:
    """The attachments of a message by their SHA-256, each checked.

    Raises:
        MalformedMessage: they are not, to the byte, what the signed body lists.
    """
    listed = getattr(message, "attachments", ())
    if sum(a.size for a in listed) != len(rest):
        raise MalformedMessage("the attachments are not as long as the signed body says")
    found: dict[str, bytes] = {}
    start = 0
    for attachment in listed:
        content = bytes(rest[start : start + attachment.size])
        start += attachment.size
        if hashlib.sha256(content).hexdigest() != attachment.sha256:
            raise MalformedMessage("an attachment does not have the hash that the signed body says")
        found[attachment.sha256] = content
    return found


def time_text(when: datetime) -> str:
    """A time as it travels: UTC, whole seconds."""
    return when.astimezone(UTC).strftime(_TIME)


def parse_time(text: str) -> datetime:
    """The time in a text of a message.

    Raises:
        MalformedMessage: there is no such time.
    """
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError as exc:
        raise MalformedMessage(f"no such time: {text[:40]!r}") from exc
