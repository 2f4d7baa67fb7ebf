"""The text form of a public key: ``ed25519:`` and the 32 bytes in standard, padded base64.

Exactly one text stands for one key: anything non-canonical is refused, so that texts can be
compared instead of bytes. Whether a key can be trusted is the room ``trust``.
"""

from __future__ import annotations

import base64
import binascii

from jobman_agent.errors import InputError
from jobman_agent.model.names import short_id

PREFIX = "ed25519:"
KEY_BYTES = 32
_TEXT_LENGTH = len(PREFIX) + 44


def public_key_text(raw: bytes) -> str:
    """The text of 32 bytes."""
    return PREFIX + base64.b64encode(raw).decode("ascii")


def parse_public_key(text: str) -> bytes:
    """The 32 bytes of a key's text.

    Raises:
        InputError: it is not exactly what ``jobman keys export`` prints after ``NAME =``.
    """
    if not text.startswith(PREFIX):
        message = f"{text[:60]!r} is no key: one looks like ed25519:BASE64 (jobman keys export)"
        raise InputError(message)
    if len(text) != _TEXT_LENGTH:
        message = (
            f"{text[:60]!r} is no whole key: ed25519: and 44 characters are, as "
            f"jobman keys export prints them; here are {len(text) - len(PREFIX)}"
        )
        raise InputError(message)
    try:
        raw = decode_base64(text[len(PREFIX) :])
        if len(raw) != KEY_BYTES:
            message = f"{len(raw)} bytes instead of {KEY_BYTES}"
            raise ValueError(message)
    except ValueError as exc:
        message = f"{text!r} is no key: copy it anew from jobman keys export ({exc})"
        raise InputError(message) from exc
    return raw


def public_key_id(text: str) -> str:
    """The id of 16 characters of a key's text, as it stands in the names of mailboxes.

    Raises:
        InputError: the text is no key.
    """
    return short_id(parse_public_key(text))


def fingerprint(text: str) -> str:
    """A key for people, to be compared by eye or on the telephone: its id in groups of four.

    Raises:
        InputError: the text is no key.
    """
    key_id = public_key_id(text)
    return "-".join(key_id[i : i + 4] for i in range(0, len(key_id), 4))


def decode_base64(text: str) -> bytes:
    """Standard, padded base64 (RFC 4648 section 4), canonical: only one text for some bytes.

    Raises:
        ValueError: anything else, a line's end and unused bits that are not zero included.
    """
    raw = binascii.a2b_base64(text, strict_mode=True)
    # Unused bits at the end pass strict_mode; two texts for one message would be two messages.
    if binascii.b2a_base64(raw, newline=False) != text.encode("ascii"):
        message = "not canonical base64"
        raise ValueError(message)
    return raw
