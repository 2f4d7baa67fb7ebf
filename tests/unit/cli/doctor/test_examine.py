"""Looks run side by side, and none holds up the others."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from jobman_agent.cli.doctor.examine import Look, examine, later
from jobman_agent.cli.doctor.line import Level, exit_code, note, ok, wrong
from jobman_agent.errors import ExitCode, PoolRefused, PoolUnavailable

if TYPE_CHECKING:
    from concurrent.futures import Future


def look(name, find):
    return Look(name, find, f"the {name}", "see that it answers")


def run(*looks, seconds=20.0, keep=lambda _: None):
    return [wait() for _, wait in examine(looks, seconds, keep)]


def levels(section):
    return [(line.level, line.what) for line in section.lines]


def test_each_look_gives_its_lines_in_the_order_of_the_looks():
    first, second = run(
        look("a", lambda: [ok("one", "1"), note("two", "2", "do it")]),
        look("b", lambda: [wrong("three", "3")]),
    )

    assert first.name == "a"
    assert levels(first) == [(Level.OK, "one"), (Level.NOTE, "two")]
    assert levels(second) == [(Level.WRONG, "three")]


def test_a_look_that_hangs_is_told_with_what_it_found_before_and_the_rest_is_not_held_up():
    forever = threading.Event()

    def hangs():
        yield ok("before", "seen")
        forever.wait(30)

    began = time.monotonic()
    stuck, fine = run(look("share", hangs), look("rest", lambda: [ok("there", "yes")]), seconds=0.5)
    took = time.monotonic() - began
    forever.set()

    assert took < 10
    assert levels(stuck) == [(Level.OK, "before"), (Level.WRONG, "hangs")]
    assert stuck.lines[1].text.startswith("the share: no answer for ")
    assert stuck.lines[1].do == ("see that it answers",)
    assert levels(fine) == [(Level.OK, "there")]


def test_what_jobman_knows_how_to_explain_is_one_wrong_line_with_its_exit_code():
    def away():
        raise PoolUnavailable("nothing listens there")
        yield

    (section,) = run(look("pool", away))

    assert [line.text for line in section.lines] == ["nothing listens there"]
    assert exit_code([section]) == ExitCode.POOL_OUT_OF_REACH


def test_a_fault_of_jobmans_own_is_kept_and_told_and_leaves_the_other_sections():
    kept = []

    def breaks():
        raise ZeroDivisionError("by zero")
        yield

    broken, fine = run(look("a", breaks), look("b", lambda: [ok("there", "yes")]), keep=kept.append)

    assert "ZeroDivisionError: by zero" in broken.lines[0].text
    assert "Traceback" in kept[0]
    assert exit_code([broken]) == ExitCode.BUG
    assert exit_code([fine]) == ExitCode.DONE


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([], 0),
        ([note("a", "")], 0),
        ([wrong("a", "", code=ExitCode.POOL_OUT_OF_REACH)], 3),
        ([wrong("a", "", code=PoolRefused.exit_code)], 4),
        ([wrong("a", "", code=ExitCode.POOL_OUT_OF_REACH), wrong("b", "")], 2),
    ],
)
def test_the_exit_code_is_the_lowest_of_what_is_wrong(lines, code):
    (section,) = run(look("a", lambda: lines))

    assert exit_code([section]) == code


def test_what_is_begun_early_is_waited_for_where_it_is_needed():
    go = threading.Event()

    def give():
        assert go.wait(20)
        return 7

    future: Future[int] = later(give, "slow")
    assert not future.done()
    go.set()
    assert future.result(20) == 7

    def fail():
        raise PoolUnavailable("away")

    with pytest.raises(PoolUnavailable):
        later(fail, "fails").result(20)
