"""The end of a Windows session waits until an agent has handed back."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.command import wait_until
from tests.windows.pc import windows_path

if TYPE_CHECKING:
    from pathlib import Path

    from tests.windows.pc import WindowsPC

pytestmark = [pytest.mark.wine, pytest.mark.timeout(300)]

HANDS_BACK_S = 3.0
# Stays until it is ended; what it is told goes into a file, and what it does takes its time.
PROGRAM = """\
import sys, threading, time
from pathlib import Path
from jobman_agent.sensors import Departures

said = Path(sys.argv[1])

def told(going):
    with said.open("a") as file:
        file.write(going.name + "\\n")
    threading.Thread(target=hand_back).start()

def hand_back():
    time.sleep(float(sys.argv[2]))
    with said.open("a") as file:
        file.write("handed back\\n")
    watch.close()

watch = Departures(told)
watch.start()
said.write_text("up\\n")
time.sleep(60)
"""


def test_the_end_of_the_session_waits_for_what_is_handed_back(
    windows_pc: WindowsPC, tmp_path: Path
) -> None:
    said = tmp_path / "said.txt"
    script = tmp_path / "program.py"
    script.write_text(PROGRAM, encoding="utf-8")
    words = (windows_path(script), windows_path(said), str(HANDS_BACK_S))
    windows_pc.log_in()
    program = windows_pc.start(windows_pc.python, *words, stdout=subprocess.DEVNULL)
    wait_until(said.exists)

    began = time.monotonic()
    windows_pc.run("wineboot", "--end-session")
    took = time.monotonic() - began

    assert said.read_text().split("\n") == ["up", "SHUTDOWN", "handed back", ""]
    assert took > HANDS_BACK_S
    program.wait(20)  # Windows has ended it
    print(f"the session's end took {took:.1f} s")
