"""Capping what a package prints."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from jobman_agent.execution.log_text import LogText


@given(st.lists(st.binary(max_size=60), max_size=12), st.integers(2, 100))
def test_both_ends_are_kept_however_the_text_comes(pieces: list[bytes], limit: int) -> None:
    log = LogText(limit)
    for piece in pieces:
        log.add(piece)
    whole = b"".join(pieces)

    value = log.value()

    if len(whole) <= limit:
        assert value == whole
        return
    dropped = len(whole) - limit
    head, tail = limit // 2, limit - limit // 2
    line = b"\n[jobman: %d bytes left out here]\n" % dropped
    assert value == whole[:head] + line + whole[len(whole) - tail :]


def test_the_value_can_be_asked_for_in_between() -> None:
    log = LogText(10)
    log.add(b"0123456789")
    assert log.value() == b"0123456789"

    log.add(b"abc")

    assert re.fullmatch(rb"01234\n\[jobman: 3 bytes .*\]\n89abc", log.value())
