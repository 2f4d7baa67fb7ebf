"""The Windows PC that the other tests here stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.windows.pc import WindowsPC

pytestmark = [pytest.mark.wine, pytest.mark.timeout(300)]


def test_windows_own_python_runs_the_jobman_of_this_clone(windows_pc: WindowsPC) -> None:
    done = windows_pc.run(windows_pc.python, "-m", "jobman_agent", "--version")

    assert done.returncode == 0
    assert done.stdout.startswith("jobman ")


def test_words_and_umlauts_arrive_as_they_were_given(windows_pc: WindowsPC) -> None:
    program = "import os, sys; print(sys.platform, sys.argv[1:], os.environ['WHO'])"

    done = windows_pc.run(windows_pc.python, "-c", program, "a b", 'ö"', env={"WHO": "Jørgen"})

    assert done.stdout == "win32 ['a b', 'ö\"'] Jørgen\n"


def test_what_one_pc_keeps_another_one_does_not_have(
    windows_pc: WindowsPC, new_windows_pc: WindowsPC
) -> None:
    (windows_pc.profile / "kept.txt").write_text("mine", encoding="utf-8")
    words = ("-c", "import pathlib; print((pathlib.Path.home() / 'kept.txt').exists())")

    assert windows_pc.run(windows_pc.python, *words).stdout == "True\n"
    assert new_windows_pc.run(new_windows_pc.python, *words).stdout == "False\n"
