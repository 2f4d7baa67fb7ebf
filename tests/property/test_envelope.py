"""Whatever happens to an envelope on the road: it opens unchanged, or is refused in two words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobman_agent.errors import BadSignature, MalformedMessage
from jobman_agent.trust.envelope import open_envelope, seal
from jobman_agent.trust.keys import KeyPair

KEY = KeyPair.from_seed(bytes(range(32)))
LINE = seal(b'{"time":"2026-11-24T09:30:00Z"}', "application/vnd.jobman.bye.v1+json", KEY)


@given(body=st.binary(max_size=2000), payload_type=st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_every_body_and_type_comes_back_as_sealed(body, payload_type):
    opened = open_envelope(seal(body, payload_type, KEY))

    assert (opened.body, opened.payload_type, opened.keyid) == (body, payload_type, KEY.public)


@pytest.mark.parametrize("bit", range(8))
def test_no_flipped_bit_opens(bit):
    for position in range(len(LINE)):
        line = bytearray(LINE)
        line[position] ^= 1 << bit
        with pytest.raises((MalformedMessage, BadSignature)):
            open_envelope(bytes(line))


def test_nothing_cut_short_opens():
    for end in range(len(LINE)):
        with pytest.raises(MalformedMessage):
            open_envelope(LINE[:end])


@given(junk=st.one_of(st.binary(max_size=300), st.text(max_size=100).map(str.encode)))
@settings(max_examples=200, deadline=None)
def test_junk_is_malformed(junk):
    with pytest.raises(MalformedMessage):
        open_envelope(junk)
