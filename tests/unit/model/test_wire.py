"""One decoder for all input: what is exactly a message of version 1 passes, nothing else does."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobman_agent.errors import MalformedMessage, UnknownProtocolVersion, WireError
from jobman_agent.model import messages, wire

TIME = "2026-11-24T09:30:00Z"
ID = "abcdefgh234567ab"
BYE = messages.Bye(time=TIME, offer=ID, session=ID, reason=messages.Goodbye.LEAVING)
BYE_TYPE = "application/vnd.jobman.bye.v1+json"


def as_json(message: messages.Message, **changes: object) -> bytes:
    body = json.loads(wire.encode_body(message))
    body.update(changes)
    return json.dumps(body).encode()


def test_the_signed_bytes_are_those_of_the_dsse_specification():
    assert wire.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_every_kind_of_the_protocol_has_a_struct_and_a_payload_type():
    assert list(messages.KINDS) == (
        ["offer", "ask", "refuse", "work", "need", "chunk", "result", "beat", "answer", "bye"]
    )
    assert wire.payload_type(BYE) == BYE_TYPE


def test_a_message_comes_back_as_it_was():
    assert wire.decode_body(BYE_TYPE, wire.encode_body(BYE)) == BYE


def test_a_field_with_its_default_is_left_out_and_may_be_left_out():
    assert b"text" not in wire.encode_body(BYE)
    assert wire.decode_body(BYE_TYPE, as_json(BYE, text="")) == BYE


@pytest.mark.parametrize(
    "changes",
    [
        {"extra": 1},
        {"reason": "because"},
        {"session": ID + "\n"},
        {"session": ID.upper()},
        {"session": None},
        {"time": "2026-11-24T09:30:00+00:00"},
        {"time": "2026-11-24T09:30:00Z\n"},
        {"time": "2026-11-24T09:30:00.5Z"},
        {"poll_s": -1},
        {"text": "x" * 2001},
    ],
)
def test_what_is_not_exactly_version_1_is_junk(changes: dict[str, object]):
    with pytest.raises(MalformedMessage):
        wire.decode_body(BYE_TYPE, as_json(BYE, **changes))


@pytest.mark.parametrize(
    "body", [b"", b"[" * 5000, b'{"a":' * 5000, b"\xff", b"null", b"[]", b"{}", b"NaN"]
)
def test_bytes_that_are_no_message_are_junk(body: bytes):
    with pytest.raises(MalformedMessage):
        wire.decode_body(BYE_TYPE, body)
    with pytest.raises(MalformedMessage):
        wire.decode_envelope(body)


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/vnd.jobman.party.v1+json", BYE_TYPE + "\n"]
)
def test_a_payload_type_that_is_not_ours_is_junk(kind: str):
    with pytest.raises(MalformedMessage):
        wire.decode_body(kind, wire.encode_body(BYE))


def test_another_version_is_told_apart_from_junk():
    with pytest.raises(UnknownProtocolVersion, match="version 2"):
        wire.decode_body("application/vnd.jobman.bye.v2+json", b"anything")


def a_chunk(*contents: bytes) -> messages.Chunk:
    listed = tuple(
        messages.Attachment(sha256=hashlib.sha256(c).hexdigest(), size=len(c)) for c in contents
    )
    return messages.Chunk(
        time=TIME, offer=ID, session=ID, sha256="0" * 64, offset=0, total=9, attachments=listed
    )


def test_attachments_are_found_by_their_hash():
    frame = wire.join_frame(b"line", [b"one", b"", b"two\n"])

    line, rest = wire.split_frame(frame)
    found = wire.take_attachments(a_chunk(b"one", b"", b"two\n"), rest)

    assert line == b"line"
    assert set(found.values()) == {b"one", b"", b"two\n"}


@pytest.mark.parametrize("rest", [b"on", b"onee", b"onf", b""])
def test_attachments_that_are_not_what_was_signed_are_refused(rest: bytes):
    with pytest.raises(MalformedMessage):
        wire.take_attachments(a_chunk(b"one"), memoryview(rest))


def test_a_frame_has_a_size_and_a_line():
    with pytest.raises(MalformedMessage, match="at most"):
        wire.split_frame(b"x\n" + b"y" * wire.MAX_FRAME)
    with pytest.raises(MalformedMessage, match="at most"):
        wire.join_frame(b"x", [b"y" * wire.MAX_FRAME])
    with pytest.raises(MalformedMessage, match="envelope line"):
        wire.split_frame(b"no end")


def test_a_time_that_does_not_exist_is_junk():
    assert wire.time_text(wire.parse_time(TIME)) == TIME
    with pytest.raises(MalformedMessage):
        wire.parse_time("2026-02-30T00:00:00Z")


@given(st.binary(max_size=200), st.sampled_from(sorted(messages.KINDS)))
def test_no_bytes_raise_anything_else(body: bytes, kind: str):
    try:
        wire.decode_body(f"application/vnd.jobman.{kind}.v1+json", body)
    except WireError:
        pass
    else:
        pytest.fail("random bytes were taken for a message")
