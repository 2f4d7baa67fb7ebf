"""What travels, byte for byte: docs/protocol.md, sections 2 to 4."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

LARGEST = 1_048_576
LARGEST_ATTACHMENT = 65_536
TYPE = re.compile(r"application/vnd\.jobman\.([a-z]+)\.v([0-9]+)\+json")
ID = re.compile(r"[a-z2-7]{16}")


class Junk(Exception):
    """Raised for what is no message of version 1: acknowledge it and go on."""


class OtherVersion(Junk):
    """Raised for an authentic message of another version: `refuse` it."""


@dataclass
class Message:
    """A message whose signature, form and attachments are right."""

    sender: str
    kind: str
    body: dict[str, Any]
    contents: dict[str, bytes] = field(default_factory=dict)


# ------------------------------------------------------------------ keys, ids, times


def fresh_id() -> str:
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()


def key_text(public: bytes) -> str:
    return "ed25519:" + base64.b64encode(public).decode()


def id_of(key: str) -> str:
    public = base64.b64decode(key.removeprefix("ed25519:"))
    return base64.b32encode(hashlib.sha256(public).digest()).decode().lower()[:16]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: UP017


def strict_base64(text: object) -> bytes:
    ensure(isinstance(text, str), "base64")
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Junk(str(error)) from error
    ensure(base64.b64encode(content).decode() == text, "base64 is not canonical")
    return content


# ------------------------------------------------------------------ sealing and opening


def pae(kind: str, body: bytes) -> bytes:
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)


def seal(key: SigningKey, kind: str, body: dict[str, Any], contents: list[bytes]) -> bytes:
    """A whole message, signed. `attachments` of its body are made from the contents."""
    if contents:
        body = body | {"attachments": [{"sha256": sha256(c), "size": len(c)} for c in contents]}
    payload = json.dumps({"time": now()} | body, separators=(",", ":"), ensure_ascii=False).encode()
    name = f"application/vnd.jobman.{kind}.v1+json"
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": name,
        "signatures": [
            {
                "keyid": key_text(bytes(key.verify_key)),
                "sig": base64.b64encode(key.sign(pae(name, payload)).signature).decode(),
            }
        ],
    }
    return json.dumps(envelope, separators=(",", ":")).encode() + b"\n" + b"".join(contents)


def parse(text: bytes) -> Any:
    try:
        return json.loads(text.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Junk(str(error)) from error


def unseal(frame: bytes) -> Message:
    """Check a message in the order of the page: size, signature, type, decoding, meaning.

    Raises:
        Junk: it is no message of version 1; `OtherVersion` if it is one of another.
    """
    ensure(len(frame) <= LARGEST, "larger than 1 MiB")
    line, newline, rest = frame.partition(b"\n")
    ensure(bool(newline), "no line end")
    envelope = ENVELOPE(parse(line))
    ensure(len(envelope["signatures"]) == 1, "not exactly one signature")
    signature = envelope["signatures"][0]
    ensure(signature["keyid"].startswith("ed25519:"), "not an Ed25519 key")
    payload = strict_base64(envelope["payload"])
    public = strict_base64(signature["keyid"].removeprefix("ed25519:"))
    try:
        signed = pae(envelope["payloadType"], payload)
        VerifyKey(public).verify(signed, strict_base64(signature["sig"]))
    except (CryptoError, ValueError, UnicodeError) as error:
        raise Junk("the signature is wrong") from error
    match = TYPE.fullmatch(envelope["payloadType"])
    if match is not None and match[2] != "1":
        raise OtherVersion(f"a message of version {match[2]}")
    ensure(match is not None and match[1] in KINDS, "another type")
    kind = match[1]
    body = KINDS[kind](parse(payload))
    return Message(signature["keyid"], kind, body, _attached(body.get("attachments", []), rest))


def _attached(listed: list[dict[str, Any]], rest: bytes) -> dict[str, bytes]:
    ensure(sum(one["size"] for one in listed) == len(rest), "attachments are of another size")
    contents, start = {}, 0
    for one in listed:
        content = rest[start : start + one["size"]]
        ensure(sha256(content) == one["sha256"], "an attachment has another hash")
        contents[one["sha256"]] = content
        start += one["size"]
    return contents


# ------------------------------------------------------------------ fields and their bounds


def ensure(claim: bool, what: str) -> None:
    if not claim:
        raise Junk(what)


def _no_constant(name: str) -> None:
    raise Junk(name)


def text(least: int = 0, most: int = 2000, form: str | None = None):
    def check(value: object) -> object:
        ensure(isinstance(value, str) and least <= len(value) <= most, f"text {value!r:.80}")
        ensure(form is None or re.fullmatch(form, value) is not None, f"form of {value!r:.80}")
        return value

    return check


def integer(least: int = 0):
    def check(value: object) -> object:
        right = isinstance(value, int) and not isinstance(value, bool)
        ensure(right and least <= value < 2**53, f"integer {value!r:.80}")
        return value

    return check


def duration(value: object) -> object:
    right = isinstance(value, (int, float)) and not isinstance(value, bool)
    ensure(right and value >= 0, f"duration {value!r:.80}")
    return value


def truth(value: object) -> object:
    ensure(isinstance(value, bool), f"boolean {value!r:.80}")
    return value


def moment(value: object) -> object:
    text(form=r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")(value)
    try:
        datetime.strptime(str(value), "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007
    except ValueError as error:
        raise Junk(str(error)) from error
    return value


def one_of(*words: str):
    def check(value: object) -> object:
        ensure(isinstance(value, str) and value in words, f"{value!r:.80} is none of {words}")
        return value

    return check


def many(check):
    def check_all(value: object) -> object:
        ensure(isinstance(value, list), f"list {value!r:.80}")
        return [check(one) for one in value]

    return check_all


def texts(value: object) -> object:
    right = isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
    ensure(right, f"object of texts {value!r:.80}")
    return value


def fields(**specs: Any):
    """An object of exactly these fields; a pair is (check, default), and makes one optional."""

    def check(value: object) -> dict[str, Any]:
        ensure(isinstance(value, dict), f"object {value!r:.80}")
        ensure(not set(value) - set(specs), f"unknown fields {sorted(set(value) - set(specs))}")
        found = {}
        for name, spec in specs.items():
            one, *default = spec if isinstance(spec, tuple) else (spec,)
            ensure(name in value or bool(default), f"{name} is missing")
            given = value[name] if name in value else default[0]
            found[name] = None if given is None and default == [None] else one(given)
        return found

    return check


SHA = text(form="[0-9a-f]{64}")
AN_ID = text(form=ID.pattern)
ATTACHMENTS = (many(fields(sha256=SHA, size=integer())), [])
A_FILE = fields(path=text(1, 240), size=integer(), sha256=SHA)
FROM_E = {"time": moment, "poll_s": (duration, None)}
IN_SESSION = FROM_E | {"offer": AN_ID, "session": AN_ID}
NUMBERED = IN_SESSION | {"start": integer(), "count": integer()}

ENVELOPE = fields(
    payload=text(0, LARGEST * 2),
    payloadType=text(),
    signatures=many(fields(keyid=text(), sig=text())),
)

KINDS = {  # those that a worker reads
    "offer": fields(
        **FROM_E, offer=AN_ID, sequence=integer(), employer=text(1, 64), title=text(0, 200),
        program=text(1, 64),
        needs=fields(
            cores=(integer(1), 1), memory=(integer(), 0),
            os=(many(text(1, 64)), []),
        ),
        own_code=truth, waiting=integer(), workers=integer(), usual_s=(duration, None),
        at_once=(integer(), None), expires=moment, voucher=(text(0, 4000), None),
    ),
    "refuse": fields(
        **FROM_E, offer=AN_ID, session=(AN_ID, None), worker=(text(1, 64), None),
        code=one_of(
            "program", "trust", "version", "too_small", "hours", "clock", "dismissed", "closed",
            "boxes",
        ),
        why=text(), right=(text(), ""),
    ),
    "work": fields(
        **IN_SESSION,
        recipe=fields(
            program=text(1, 64), command=many(text(0, 8192)), outputs=many(text(1, 240)),
            checkpoint=(many(text(1, 240)), []), cores=(integer(1), 1), memory=(integer(), 0),
            time_s=(duration, 3600), common=(many(A_FILE), []),
        ),
        packages=many(
            fields(
                name=text(1, 100), attempt=integer(1), files=(many(A_FILE), []),
                values=(texts, {}), checkpoint=(many(A_FILE), []),
            )
        ),
        attachments=ATTACHMENTS,
    ),
    "need": fields(**NUMBERED, files=many(fields(sha256=SHA, first=(integer(), 0)))),
    "chunk": fields(
        **IN_SESSION, sha256=SHA, total=integer(), offset=integer(),
        attachments=ATTACHMENTS[0],
    ),
    "answer": fields(
        **NUMBERED,
        items=many(
            fields(
                package=text(1, 100), attempt=integer(1),
                say=one_of("go_on", "stop", "give_back", "receipt", "send_again"),
            )
        ),
    ),
    "bye": fields(
        **IN_SESSION, reason=one_of("job_done", "no_work", "leaving", "dismissed"),
        text=(text(), ""),
    ),
}  # fmt: skip
