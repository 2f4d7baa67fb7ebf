"""The unit tests of other rooms, run by Windows' Python; as ``test_suite_processes``.

Those that touch no system come too where JOBMAN_TEST_ALL_ON_WINDOWS is set (1,862 in all).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.windows.suite import ALL, must_pass, rooms

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.windows.pc import WindowsPC

pytestmark = [pytest.mark.wine, pytest.mark.slow, pytest.mark.timeout(590)]
LEAST = 400


def test_every_other_room_passes_on_windows(
    new_windows_pc: WindowsPC, record_property: Callable[[str, object], None]
) -> None:
    must_pass(new_windows_pc, record_property, 1500 if ALL else LEAST, *rooms())
