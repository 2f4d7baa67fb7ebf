"""What the owner sees of a worker in the foreground."""

from __future__ import annotations

import pytest

from jobman_agent.cli.worker_view import status_line, work_summary
from jobman_agent.worker.session.core import Holding, Snapshot


def a_snapshot(state="working", employer="alice", names=(), **changes) -> Snapshot:
    running = tuple(Holding(name, "alice", "running", 3.0) for name in names)
    given = {"connected": True, "waiting": 0, "unreceipted": 0, "done": 4}
    return Snapshot(state=state, employer=employer, running=running, **given | changes)


@pytest.mark.parametrize(
    ("snapshot", "text"),
    [
        (None, "starting"),
        (a_snapshot("seeking", None), "looking for offers  4 done"),
        (a_snapshot("asked"), "asked alice for work  4 done"),
        (a_snapshot("waiting for the pool", None), "waiting for the pool  4 done"),
        (a_snapshot(names="a"), "working for alice  a (3 s)  4 done"),
        (
            a_snapshot(names="abcd", waiting=9, unreceipted=2),
            "working for alice  a (3 s), b (3 s) and 2 more  9 wait here  2 on the way back"
            "  4 done",
        ),
    ],
)
def test_one_line_says_what_it_does(snapshot, text):
    assert status_line(snapshot, hint="").plain == text


def test_the_hint_is_last():
    assert status_line(a_snapshot()).plain.endswith("4 done  Ctrl-C hands back and leaves")


def test_an_employers_names_cannot_move_the_cursor():
    line = status_line(a_snapshot(employer="\x1b[2Jeve", names=("p\r\n",)))

    assert "\x1b" not in line.plain
    assert "\n" not in line.plain


def test_its_last_line_counts():
    assert work_summary(1, 3.21) == "1 package done here in 3.2 s"
