"""What every test shares: a clean environment, and a broker for those that ask for it."""

from __future__ import annotations

import os

import pytest

pytest_plugins = ["tests.broker"]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own JOBMAN_* variables must not decide a test."""
    for name in list(os.environ):
        if name.startswith("JOBMAN_") and not name.startswith("JOBMAN_TEST_"):
            monkeypatch.delenv(name)
