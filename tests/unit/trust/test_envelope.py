"""Only what is exactly one right signature opens; the form is that of DSSE."""

from __future__ import annotations

import base64
import json

import pytest
from securesystemslib.dsse import Envelope as DsseEnvelope
from securesystemslib.signer import Signature as DsseSignature
from securesystemslib.signer import SSlibKey

from jobman_agent.errors import BadSignature, MalformedMessage, WireError
from jobman_agent.model import wire
from jobman_agent.model.public_key import parse_public_key
from jobman_agent.trust.envelope import open_envelope, seal
from jobman_agent.trust.keys import KeyPair

KEY = KeyPair.from_seed(bytes(range(32)))
OTHER = KeyPair.from_seed(bytes(32))
TYPE = "application/vnd.jobman.bye.v1+json"
BODY = b'{"time":"2026-11-24T09:30:00Z"}'


def _sealed():
    return json.loads(seal(BODY, TYPE, KEY))


def test_what_was_sealed_opens_and_names_its_signer():
    opened = open_envelope(seal(BODY, TYPE, KEY))

    assert opened.body == BODY
    assert opened.payload_type == TYPE
    assert opened.keyid == KEY.public
    assert opened.signer_id == KEY.id


def test_an_envelope_is_one_line():
    assert b"\n" not in seal(b"line\nline\r\n", TYPE, KEY)


def test_the_signed_bytes_are_those_of_the_dsse_specification():
    # https://github.com/secure-systems-lab/dsse/blob/master/protocol.md, "Test Vectors"
    assert (
        wire.pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_the_specifications_own_envelope_is_decoded_but_needs_a_keyid():
    line = (
        b'{"payload": "aGVsbG8gd29ybGQ=", "payloadType": "http://example.com/HelloWorld", '
        b'"signatures": [{"sig": "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUi'
        b'HqJPcIAriEGAHTVeCUjW2JIZA=="}]}'
    )

    with pytest.raises(MalformedMessage, match="keyid"):
        open_envelope(line)


def test_another_implementation_of_dsse_verifies_what_we_sign():
    theirs = DsseEnvelope.from_dict(_sealed())
    key = SSlibKey(KEY.public, "ed25519", "ed25519", {"public": parse_public_key(KEY.public).hex()})

    assert theirs.payload == BODY
    assert theirs.verify([key], threshold=1) == {KEY.public: key}


def test_we_open_what_another_implementation_of_dsse_writes():
    theirs = DsseEnvelope(BODY, TYPE, {})
    signature = DsseSignature(KEY.public, KEY.sign(theirs.pae()).hex())
    theirs.signatures[KEY.public] = signature

    assert open_envelope(json.dumps(theirs.to_dict()).encode()).body == BODY


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda e: e["signatures"].clear(), MalformedMessage),
        (lambda e: e["signatures"].append(e["signatures"][0]), MalformedMessage),
        (lambda e: e.update(extra=1), MalformedMessage),
        (lambda e: e["signatures"][0].update(extra=1), MalformedMessage),
        (lambda e: e.pop("payload"), MalformedMessage),
        (lambda e: e.update(payload=e["payload"].rstrip("=")), MalformedMessage),
        (lambda e: e.update(payload=e["payload"] + "\n"), MalformedMessage),
        (lambda e: e.update(payload="é" * 4), MalformedMessage),
        (lambda e: e.update(payload=1), MalformedMessage),
        (lambda e: e["signatures"][0].update(keyid="alice"), MalformedMessage),
        (lambda e: e["signatures"][0].update(keyid=KEY.id), MalformedMessage),
        (lambda e: e["signatures"][0].update(keyid=OTHER.public), BadSignature),
        (lambda e: e["signatures"][0].update(sig=base64.b64encode(b"x" * 63).decode()), WireError),
        (lambda e: e["signatures"][0].update(sig=base64.b64encode(b"x" * 64).decode()), WireError),
        (lambda e: e.update(payloadType=TYPE.replace("bye", "ask")), BadSignature),
        (lambda e: e.update(payload=base64.b64encode(BODY + b" ").decode()), BadSignature),
    ],
)
def test_any_change_is_refused(change, error):
    envelope = _sealed()

    change(envelope)

    with pytest.raises(error):
        open_envelope(json.dumps(envelope).encode())


def test_url_safe_base64_is_junk():
    body = b"\xfb\xff\xfe"  # +//+ in standard base64
    line = seal(body, TYPE, KEY)
    assert b"+//+" in line

    with pytest.raises(MalformedMessage):
        open_envelope(line.replace(b"+//+", b"-__-"))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b"hello",
        b"[" * 5000,
        b'{"payload":' + b"[" * 100_000,
        b"{" * 5000,
        b"\xff\xfe",
        b'{"payload":"","payloadType":"\\ud800","signatures":[{"keyid":"","sig":""}]}',
        b" " * (wire.MAX_FRAME + 1),
    ],
)
def test_junk_is_malformed_and_nothing_worse(line):
    with pytest.raises(MalformedMessage):
        open_envelope(line)
