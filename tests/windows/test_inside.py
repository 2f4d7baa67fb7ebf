"""What is left out on Windows is named by its right name."""

from __future__ import annotations

import pytest

from tests.windows.box import CLONE
from tests.windows.inside import POSIX, WINE


@pytest.mark.parametrize("name", [*POSIX, *WINE])
def test_each_line_of_what_is_left_out_on_windows_names_a_test_that_there_is(name: str) -> None:
    path, _, test = name.partition("::")

    text = (CLONE / path).read_text(encoding="utf-8")
    assert f"def {test.partition('[')[0]}" in text


def test_nothing_is_left_out_twice() -> None:
    assert not set(POSIX) & set(WINE)
