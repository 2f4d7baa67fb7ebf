"""bootstrap's modules, imported as the script imports them: from its own folder."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

CLONE = Path(__file__).parents[3]
NAMES = ("talk", "system_packages", "environment", "on_path", "bootstrap")


@pytest.fixture
def installer(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.syspath_prepend(CLONE / "installer")
    modules = {name: importlib.import_module(name) for name in NAMES}
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name)
    return SimpleNamespace(clone=CLONE, **modules)
