"""Agent, execution, control and the pool in a folder, tested by Windows' Python.

`tests.windows.inside` lists what is left out there, and shows the closing line at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.windows.suite import PROCESSES, must_pass

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.windows.pc import WindowsPC

pytestmark = [pytest.mark.wine, pytest.mark.slow, pytest.mark.timeout(590)]


def test_agent_execution_control_and_directory_pool_pass_on_windows(
    new_windows_pc: WindowsPC, record_property: Callable[[str, object], None]
) -> None:
    must_pass(new_windows_pc, record_property, 500, *PROCESSES, "tests/contract")
