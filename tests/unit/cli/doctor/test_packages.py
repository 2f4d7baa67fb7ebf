"""A trial package really runs; and what is made of what it saw."""

from __future__ import annotations

import pytest

from jobman_agent.cli.doctor import about_packages
from jobman_agent.cli.doctor.about_packages import fared, priority
from jobman_agent.cli.doctor.line import Level
from jobman_agent.cli.doctor.trial import Trial


def test_a_package_is_started_frozen_thawed_and_ended_and_nothing_of_it_stays(setup_with):
    setup = setup_with("[limits]\ncores = 1\nmemory = 500 MB\ndisk = 3 GB\n")
    setup.places.home.mkdir()

    lines = {line.what: line for line in about_packages.look(setup)}

    assert dict(lines["limits"].data) == {"cores": 1, "memory": 500 * 10**6, "disk": 3 * 10**9}
    assert lines["trial"].level is not Level.WRONG, lines["trial"].text
    if lines["trial"].data["ended"]:  # a PC that is very busy may take too long
        assert lines["trial"].data["frozen"] is True
        assert lines["priority"].level is Level.OK, lines["priority"].text
    assert lines["sandbox"].level is not Level.WRONG
    assert list(setup.places.home.iterdir()) == []


def test_a_package_that_fails_or_runs_on_is_wrong_and_one_that_is_late_is_not():
    assert fared(Trial(fault="exit code 3")).level is Level.WRONG
    assert "exit code 3" in fared(Trial(fault="exit code 3")).text
    assert fared(Trial(frozen=False)).level is Level.WRONG
    assert fared(Trial(late=True)).level is Level.NOTE
    assert fared(Trial(frozen=True, freeze_seconds=1.5)).level is Level.NOTE
    assert fared(Trial(frozen=True, freeze_seconds=0.01)).level is Level.OK


@pytest.mark.parametrize(
    ("seen", "level"),
    [
        ({"idle_class": True, "nice": 0, "autogroup": "/autogroup-7 nice 19"}, Level.OK),
        ({"idle_class": False, "nice": 0, "autogroup": "/autogroup-7 nice 19"}, Level.OK),
        ({"idle_class": True, "nice": 0, "autogroup": "/autogroup-7 nice 0"}, Level.NOTE),
        ({"idle_class": True, "nice": 0}, Level.OK),
        ({"priority_class": 64}, Level.OK),
        ({"priority_class": 32}, Level.NOTE),
        ({"nice": 0, "background": 1}, Level.OK),
        ({"nice": 0}, Level.NOTE),
    ],
)
def test_a_package_that_does_not_yield_is_a_note(seen, level):
    assert priority(seen).level is level
