"""Readings: what is no number is not known, and nothing was used in the future."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobman_agent.model.reading import UNKNOWN, InputSource, RemoteUser
from tests.unit.policy.readings import a_reading


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), UNKNOWN])
def test_what_is_no_number_is_not_known(number):
    assert InputSource("X11", number, proven=True).idle_seconds is UNKNOWN
    assert RemoteUser("anna", number).idle_seconds is UNKNOWN
    assert a_reading(others_cpu=number).others_cpu is UNKNOWN


def test_input_of_the_future_was_now():
    source = InputSource("X11", -3600.0, proven=True)

    assert source.idle_seconds == 0.0
    assert replace(source, idle_seconds=2.5).idle_seconds == 2.5
