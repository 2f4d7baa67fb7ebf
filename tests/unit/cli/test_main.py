"""The parser as a whole, and the page that describes it."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jobman_agent.cli.main import build_parser
from jobman_agent.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parents[3] / "docs" / "command-line.md").read_text(encoding="utf-8")


def commands(
    parser: argparse.ArgumentParser, name: str = "jobman"
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command, those of commands too, by what is typed."""
    yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inner in action.choices.items():
                yield from commands(inner, f"{name} {word}")


ALL = dict(commands(build_parser()))


@pytest.mark.parametrize("name", sorted(ALL))
def test_the_page_names_the_command_and_all_its_options(name):
    row = re.search(rf"^\| `{name}\b.*$", PAGE, re.MULTILINE)
    leads_on = any(other.startswith(f"{name} ") for other in ALL)
    assert row or leads_on or name == "jobman keys show"

    for action in ALL[name]._actions:
        for option in action.option_strings:
            if option.startswith("--"):
                assert option in PAGE, f"{name} {option}"


def test_the_page_names_no_command_that_is_not_there():
    typed = re.findall(r"^\| `(jobman [a-z ]+?)(?: [A-Z\[].*)?` \|", PAGE, re.MULTILINE)

    assert len(typed) > 15
    assert set(typed) <= set(ALL)


def test_the_page_and_the_help_name_every_exit_code():
    for code in ExitCode:
        assert f"| {int(code)} |" in PAGE
        assert re.search(rf"\b{int(code)} [a-zC]", build_parser().epilog or "")


def test_every_command_says_what_it_does():
    for name, parser in ALL.items():
        assert parser.description, name
