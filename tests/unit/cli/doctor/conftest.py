"""What a look is given, without a command."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import pytest

from jobman_agent.cli.doctor.setup import begin
from jobman_agent.settings.places import Places

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobman_agent.cli.doctor.setup import Setup


@pytest.fixture
def setup_with(tmp_path: Path) -> Callable[..., Setup]:
    """Makes it, from the text of a jobman.ini and ``--pool``."""

    def make(text: str = "", pool: str | None = None) -> Setup:
        ini = tmp_path / "jobman.ini"
        ini.write_text(text, encoding="utf-8")
        places = Places(tmp_path / "home", ini, tmp_path / "machine" / "jobman.ini", tmp_path)
        return begin(argparse.Namespace(config=None, pool=pool), places)

    return make
