"""Every message is signed: seal a body into one line of JSON, and open such a line.

The form is DSSE (https://github.com/secure-systems-lab/dsse), narrowed: exactly one signature,
Ed25519, ``keyid`` is the sender's whole public key, base64 standard, padded and canonical.
That the signature is right says who sent it; whether that sender may do anything is the business
of ``employers``.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobman_agent.errors import InputError, MalformedMessage
from jobman_agent.model import wire
from jobman_agent.model.names import short_id
from jobman_agent.model.public_key import decode_base64, parse_public_key
from jobman_agent.trust.keys import verify

if TYPE_CHECKING:
    from jobman_agent.trust.keys import KeyPair


@dataclass(frozen=True, slots=True)
class Opened:
    """What was in an envelope whose signature was right."""

    payload_type: str
    body: bytes
    keyid: str
    """``ed25519:BASE64`` of the key that signed it."""
    signer_id: str
    """The id of that key, as it stands in the names of mailboxes."""


def seal(body: bytes, payload_type: str, key: KeyPair) -> bytes:
    """The envelope of a body: one line of JSON, without the line's end."""
    signature = key.sign(wire.pae(payload_type, body))
    return wire.encode_envelope(
        wire.Envelope(
            payload=_encode(body),
            payload_type=payload_type,
            signatures=(wire.Signature(keyid=key.public, sig=_encode(signature)),),
        )
    )


def open_envelope(line: bytes) -> Opened:
    """Check the one signature of an envelope, and only then hand out what is in it.

    Args:
        line: Without the line's end (``wire.split_frame``).

    Raises:
        MalformedMessage: too large, or not exactly such an envelope.
        BadSignature: it is not the signature of the key that ``keyid`` names.
    """
    if len(line) > wire.MAX_FRAME:
        message = f"envelope of {len(line)} bytes; at most {wire.MAX_FRAME} are allowed"
        raise MalformedMessage(message)
    envelope = wire.decode_envelope(line)
    if len(envelope.signatures) != 1:
        message = f"envelope with {len(envelope.signatures)} signatures; exactly one is right"
        raise MalformedMessage(message)
    (signature,) = envelope.signatures
    try:
        public = parse_public_key(signature.keyid)
        signed = decode_base64(signature.sig)
        body = decode_base64(envelope.payload)
        signed_bytes = wire.pae(envelope.payload_type, body)
    except (ValueError, InputError) as exc:
        message = f"envelope: {exc}"
        raise MalformedMessage(message) from exc
    verify(public, signed_bytes, signed)
    return Opened(envelope.payload_type, body, signature.keyid, short_id(public))


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
