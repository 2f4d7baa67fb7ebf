"""The example job's modules, imported as a package imports them: from the folder common/."""

from __future__ import annotations

import csv
import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

BEAMS = Path(__file__).parents[3] / "config" / "examples" / "beams"


@pytest.fixture
def beams(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """`.girder`, `.banded`, `.solve`, `.check` are modules; `.fill(row)` gives a beam.ini."""
    # A __pycache__ in common/ would become a common file of the job.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(BEAMS)
    monkeypatch.syspath_prepend(BEAMS / "common")
    names = ("banded", "girder", "solve", "check")
    modules = {name: importlib.import_module(name) for name in names}
    for name in names:
        monkeypatch.delitem(sys.modules, name)
    return SimpleNamespace(folder=BEAMS, fill=fill, rows=rows, **modules)


def fill(row: dict[str, str]) -> str:
    text = (BEAMS / "common" / "beam.ini.template").read_text(encoding="utf-8")
    for column, value in row.items():
        text = text.replace("{" + column + "}", value)
    return text


def rows(path: str = "parameters.csv") -> list[dict[str, str]]:
    with (BEAMS / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
