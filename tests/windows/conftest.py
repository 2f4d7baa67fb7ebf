"""A Windows for tests: skipped at home where Wine is not installed, never under CI=true."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.windows.box import make_box
from tests.windows.pc import WindowsPC

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def windows_box() -> Path:
    """The box that every Windows PC is made from; the first one makes it (30 s)."""
    try:
        return make_box()
    except LookupError as exc:
        if os.environ.get("CI") == "true":
            pytest.fail(str(exc))
        pytest.skip(str(exc))


@pytest.fixture(scope="session")
def _windows_on(windows_box: Path) -> Iterator[WindowsPC]:
    with WindowsPC(windows_box) as pc:
        yield pc


@pytest.fixture
def windows_pc(_windows_on: WindowsPC) -> Iterator[WindowsPC]:
    """A Windows PC, the same one for all tests of a session; each finds no program running."""
    yield _windows_on
    _windows_on.end_programs()


@pytest.fixture
def new_windows_pc(windows_box: Path) -> Iterator[WindowsPC]:
    """A Windows PC that nobody has used: for what installs something, or wants two PCs."""
    with WindowsPC(windows_box) as pc:
        yield pc
