"""What every test shares: a clean environment, and a broker for those that ask for it."""

from __future__ import annotations

import os
import signal

import pytest

pytest_plugins = ["tests.broker", "tests.windows.inside"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Begun in the background of a shell without job control: what tests start would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own JOBMAN_* variables must not decide a test."""
    for name in list(os.environ):
        if name.startswith("JOBMAN_") and not name.startswith("JOBMAN_TEST_"):
            monkeypatch.delenv(name)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first: side by side, the last file must not be a long one."""
    items.sort(key=lambda item: item.get_closest_marker("wine") is None)
