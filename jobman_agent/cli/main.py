"""The entry point of the ``jobman`` command."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from jobman_agent import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the exit code."""
    parser = argparse.ArgumentParser(prog="jobman", description=__doc__)
    parser.add_argument("--version", action="version", version=f"jobman {__version__}")
    parser.parse_args(argv)
    return 0
