"""The owner's programs come first (Windows): done before a package begins, see ``Launcher``."""

from __future__ import annotations

import sys

assert sys.platform == "win32"


def prepare() -> None:
    """Nothing: a runner has a console of its own, so Ctrl-C elsewhere does not reach it."""


def hurry(*, now: bool) -> bool:
    """Nothing: here only the packages have a low priority, not the runner."""
    del now
    return True


def lower(pid: int, largest_file: int) -> None:
    """Nothing: the priority class was set while the package was still suspended."""
    del pid, largest_file
