"""Whole messages: a struct and its attachments become signed bytes for the pool, and come back.

The order of checks is PROTOCOL 3.3's: size, signature, type, decoding, then the attachments. What
comes back is authentic and well-formed; whether its signer may say it is for the caller to judge.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobman_agent.errors import UnknownProtocolVersion
from jobman_agent.model import wire
from jobman_agent.model.messages import Attachment, Message
from jobman_agent.trust.envelope import open_envelope
from jobman_agent.trust.envelope import seal as seal_envelope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jobman_agent.trust.keys import KeyPair


@dataclass(frozen=True, slots=True)
class Opened:
    """An authentic message of version 1."""

    message: Message
    signer: str
    """``ed25519:BASE64`` of the key that signed it."""
    signer_id: str
    """The id of that key, as it stands in the names of mailboxes."""
    attachments: Mapping[str, bytes]
    """By SHA-256."""


def attach(contents: Iterable[bytes]) -> tuple[Attachment, ...]:
    """What a message must list for these attachments, in this order."""
    return tuple(Attachment(sha256=hashlib.sha256(c).hexdigest(), size=len(c)) for c in contents)


def seal(message: Message, key: KeyPair, attachments: Sequence[bytes] = ()) -> bytes:
    """The signed frame of a message, which already lists its attachments in this order.

    Raises:
        MalformedMessage: it would be larger than a message may be (a fault of the caller).
    """
    line = seal_envelope(wire.encode_body(message), wire.payload_type(message), key)
    return wire.join_frame(line, attachments)


def open_frame(frame: bytes) -> Opened:
    """Check a frame from the pool and decode it.

    Raises:
        MalformedMessage: it is no message of version 1, or its attachments are not those signed.
        BadSignature: it is not signed by the key that it names.
        UnknownProtocolVersion: it is one of another version, and says who signed it; in a session
            of that signer's the answer is ``refuse: version``.
    """
    line, rest = wire.split_frame(frame)
    envelope = open_envelope(line)
    try:
        message = wire.decode_body(envelope.payload_type, envelope.body)
    except UnknownProtocolVersion as exc:
        exc.signer = envelope.keyid
        raise
    found = wire.take_attachments(message, rest)
    return Opened(message, envelope.keyid, envelope.signer_id, found)
