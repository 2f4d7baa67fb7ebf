"""Patterns of file names."""

from __future__ import annotations

import fnmatch
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobman_agent.model.patterns import Patterns, pattern_fault, patterns


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("result.json", "result.json", True),
        ("result.json", "Result.json", False),
        ("result.json", "out/result.json", False),
        ("*.dat", "a.dat", True),
        ("*.dat", ".dat", True),
        ("*.dat", "a.data", False),
        ("*.dat", "out/a.dat", False),
        ("ab*ba", "aba", False),
        ("ab*ba", "abba", True),
        ("a*b*c", "abbc", True),
        ("a*b*c", "acb", False),
        ("out/*.dat", "out/a.dat", True),
        ("out/*.dat", "out/deep/a.dat", False),
        ("*/a.dat", "out/a.dat", True),
        ("**/a.dat", "a.dat", True),
        ("**/a.dat", "out/deep/a.dat", True),
        ("out/**", "out/deep/a.dat", True),
        ("out/**", "out", False),
        ("out/**/x*/*.dat", "out/x1/y/x2/a.dat", True),
        ("out/**/x*/*.dat", "out/x1/y/a.dat", False),
        ("a+b[1].dat", "a+b[1].dat", True),
        ("a+[1]*", "a+[1].dat", True),
        ("*", "log.txt", False),
        ("**", "deep/log.txt", True),
    ],
)
def test_a_pattern_matches_what_the_job_folder_page_says(
    pattern: str, path: str, expected: bool
) -> None:
    assert Patterns((pattern,)).matches(path) is expected


def test_only_names_without_a_star_must_be_there() -> None:
    both = patterns(("result.json", "*.dat"))

    assert both.plain == {"result.json"}


@pytest.mark.parametrize("pattern", ["../a", "/a", "a//b", "a**", "**b/c", "C:\\x", "log.txt", ""])
def test_a_pattern_that_leads_outside_or_means_nothing_is_named(pattern: str) -> None:
    assert pattern_fault(pattern)


@pytest.mark.parametrize("pattern", ["a", "*.dat", "**/*.dat", "out/**", "a/b c.txt"])
def test_a_good_pattern_has_no_fault(pattern: str) -> None:
    assert pattern_fault(pattern) is None


def test_only_folders_that_can_hold_something_are_looked_into() -> None:
    wanted = Patterns(("a/b/c.txt", "out/*/x", "deep/**"))

    assert [f for f in ("a", "a/b", "a/c", "out", "out/1", "out/1/2", "deep/1/2", "other")
            if wanted.may_lie_below(f)] == ["a", "a/b", "out", "out/1", "deep/1/2"]  # fmt: skip


def test_a_spiteful_pattern_costs_no_time() -> None:
    wanted = Patterns(("*a" * 60 + "*b", "**/" * 30 + "x"))
    start = time.monotonic()

    assert not wanted.matches("a" * 240)
    assert not wanted.matches("a/" * 119 + "a")
    assert time.monotonic() - start < 1


_text = st.text("ab", max_size=6)


@given(st.lists(st.sampled_from(["a", "b", "*"]), min_size=1, max_size=6).map("".join), _text)
def test_one_name_is_matched_as_a_shell_would(pattern: str, name: str) -> None:
    while "**" in pattern:
        pattern = pattern.replace("**", "*")

    assert Patterns((pattern,)).matches(name) == fnmatch.fnmatchcase(name, pattern)
