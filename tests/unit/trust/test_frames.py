"""A message goes through the pool as signed bytes and comes back whole, or not at all."""

from __future__ import annotations

import pytest

from jobman_agent.errors import BadSignature, MalformedMessage, UnknownProtocolVersion
from jobman_agent.model import messages
from jobman_agent.trust import envelope, frames
from jobman_agent.trust.keys import KeyPair

KEY = KeyPair.from_seed(b"k" * 32)
ID = "abcdefgh234567ab"
CONTENTS = [b"first file", b"", b"second\nfile"]


def a_chunk() -> messages.Chunk:
    return messages.Chunk(
        time="2026-11-24T09:30:00Z",
        offer=ID,
        session=ID,
        sha256="0" * 64,
        offset=0,
        total=21,
        attachments=frames.attach(CONTENTS),
    )


def test_a_message_and_its_attachments_come_back_with_their_signer():
    opened = frames.open_frame(frames.seal(a_chunk(), KEY, CONTENTS))

    assert opened.message == a_chunk()
    assert (opened.signer, opened.signer_id) == (KEY.public, KEY.id)
    assert sorted(opened.attachments.values()) == sorted(CONTENTS)


def test_no_byte_of_a_frame_can_be_changed_unnoticed():
    frame = frames.seal(a_chunk(), KEY, CONTENTS)

    for place in range(len(frame)):
        changed = frame[:place] + bytes([frame[place] ^ 1]) + frame[place + 1 :]
        with pytest.raises((MalformedMessage, BadSignature)):
            frames.open_frame(changed)


def test_attachments_that_the_message_does_not_list_are_refused():
    with pytest.raises(MalformedMessage, match="not as long"):
        frames.open_frame(frames.seal(a_chunk(), KEY, [*CONTENTS, b"more"]))


def test_a_signed_message_of_another_version_is_told_apart_from_junk():
    line = envelope.seal(b"{}", "application/vnd.jobman.work.v9+json", KEY)

    with pytest.raises(UnknownProtocolVersion, match="version 9"):
        frames.open_frame(line + b"\n")
