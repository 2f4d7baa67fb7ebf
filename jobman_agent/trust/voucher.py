"""Vouchers: the office's authority signs that a key is an employer's, and every PC knows her.

A voucher is an envelope line as every message is (``envelope``), with a payload type of its own;
an employer's offers carry it. Its commands come later; its form is of version 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from jobman_agent.errors import BadSignature, MalformedMessage, NotAllowed
from jobman_agent.model.messages import Name, Time
from jobman_agent.model.wire import parse_time, time_text
from jobman_agent.trust.envelope import open_envelope, seal

if TYPE_CHECKING:
    from datetime import datetime

    from jobman_agent.trust.keys import KeyPair

PAYLOAD_TYPE = "application/vnd.jobman.voucher.v1+json"


class Voucher(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the authority says."""

    name: Name
    """Whose key it is."""
    key: Annotated[str, msgspec.Meta(max_length=60)]
    """``ed25519:BASE64`` of the employer."""
    code: bool
    """Whether her own code may run."""
    until: Time | None
    """The last moment; null: until she is named in ``never``."""


_decoder = msgspec.json.Decoder(Voucher)


def make_voucher(
    authority: KeyPair, name: str, key: str, *, code: bool, until: datetime | None
) -> str:
    """Sign that ``key`` is the employer ``name``'s."""
    voucher = Voucher(name, key, code, time_text(until) if until else None)
    return seal(msgspec.json.encode(voucher), PAYLOAD_TYPE, authority).decode("ascii")


def open_voucher(text: str, authority: str, key: str, now: datetime) -> Voucher:
    """Check a voucher.

    Args:
        text: As an offer carries it.
        authority: ``ed25519:BASE64`` of the office's authority.
        key: Of the employer who shows it.
        now: The wall clock.

    Raises:
        MalformedMessage: it is no voucher.
        BadSignature: the authority did not sign it.
        NotAllowed: it is for another key, or has run out.
    """
    opened = open_envelope(text.encode("utf-8", "replace"))
    if opened.keyid != authority:
        raise BadSignature("the voucher is not signed by this PC's authority")
    if opened.payload_type != PAYLOAD_TYPE:
        raise MalformedMessage(f"a voucher of type {opened.payload_type[:80]!r}")
    try:
        voucher = _decoder.decode(opened.body)
    except (ValueError, RecursionError) as exc:
        raise MalformedMessage(f"voucher: {exc}") from exc
    if voucher.key != key:
        raise NotAllowed("the voucher is for another key")
    if voucher.until is not None and parse_time(voucher.until) < now:
        raise NotAllowed(f"the voucher ran out on {voucher.until}")
    return voucher
