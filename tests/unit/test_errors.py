"""The tree of errors that errors.py draws is the tree that it defines."""

from __future__ import annotations

import inspect
import re

from jobman_agent import errors


def test_the_drawn_tree_names_every_error_once_and_no_other():
    drawn = re.findall(r"^ +([A-Z]\w+)", errors.__doc__ or "", re.MULTILINE)

    defined = [
        n
        for n, c in vars(errors).items()
        if inspect.isclass(c) and issubclass(c, errors.JobmanError)
    ]

    assert sorted(drawn) == sorted(defined)
