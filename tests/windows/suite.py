"""Run the suite in Windows' Python, and judge how that ended."""

from __future__ import annotations

import os
import re
import threading
from typing import TYPE_CHECKING

from tests.windows.box import CLONE
from tests.windows.inside import CLOSING_LINE

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.windows.pc import WindowsPC

PROCESSES = ("tests/unit/agent", "tests/unit/control", "tests/unit/execution")
NOT_THERE = ("tests/unit/installer", "tests/unit/examples")
"""The embeddable Python makes no environments; the examples are programs of their own."""
ALIKE = tuple(
    f"tests/unit/{name}" for name in ("cli", "employer", "model", "policy", "tray", "worker")
)
"""What these do is the same on every system, and takes Wine two minutes: only when asked for."""
ALL = bool(os.environ.get("JOBMAN_TEST_ALL_ON_WINDOWS"))
PATIENCE_S = 540.0


def rooms() -> list[str]:
    """The folders of unit tests, but for those that start processes all the time."""
    found = {f"tests/unit/{init.parent.name}" for init in CLONE.glob("tests/unit/*/__init__.py")}
    return sorted(found - {*PROCESSES, *NOT_THERE} - (set() if ALL else set(ALIKE)))


def must_pass(
    pc: WindowsPC, record: Callable[[str, object], None], least: int, *words: str
) -> None:
    """Run pytest there with these words: so many must pass, and none may fail or skip itself."""
    process = pc.start(
        *(pc.python, "-u", "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider"),
        *("--tb=short", "--timeout=120", *words),
        env={"HYPOTHESIS_STORAGE_DIRECTORY": r"C:\hypothesis"},
        cwd=CLONE,
    )
    lines: list[str] = []
    reader = threading.Thread(target=_read, args=(process, lines))
    reader.start()
    try:
        code = process.wait(PATIENCE_S)
    finally:
        process.kill()
        pc.end_programs()  # else the pipe stays open
        reader.join()
        print("\n".join(lines))  # shown when it fails
    closing = next((line for line in reversed(lines) if re.search(r" in \d", line)), "")
    record(CLOSING_LINE, f"{words[0]} and others: {closing}")
    passed = re.match(r"(\d+) passed(, \d+ deselected)? in ", closing)
    assert code == 0, f"exit code {code}: {closing}"
    assert passed is not None, closing
    assert int(passed[1]) >= least, closing


def _read(process: subprocess.Popen[bytes], lines: list[str]) -> None:
    assert process.stdout is not None
    with process.stdout as out:
        for line in out:
            lines.append(line.decode(errors="replace").rstrip())
