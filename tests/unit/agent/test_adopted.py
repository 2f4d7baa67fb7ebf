"""What a dead worker leaves comes to the agent, and is ended."""

from __future__ import annotations

import json
import subprocess
import sys

import psutil
import pytest

from jobman_agent.execution import SYSTEM

# A grandchild without a parent, in a session of its own, with an empty environment.
AGENT = """\
import json, subprocess, sys
from jobman_agent.agent.adopted import adopt, end_adopted

adopted = adopt()
stray = "import time; time.sleep(60)"
leave = (
    "import subprocess, sys\\n"
    f"words = [sys.executable, '-S', '-c', {stray!r}]\\n"
    "print(subprocess.Popen(words, start_new_session=True, env={}, stdout=2).pid)\\n"
)
done = subprocess.run([sys.executable, "-S", "-c", leave], stdout=subprocess.PIPE, check=True)
print(json.dumps([adopted, int(done.stdout), end_adopted(), end_adopted()]))
"""


@pytest.mark.skipif(SYSTEM != "linux", reason="subreapers are Linux'")
def test_an_orphan_that_hides_everything_is_ended():
    said = subprocess.check_output([sys.executable, "-c", AGENT], timeout=30)

    adopted, pid, ended, ended_again = json.loads(said)
    assert (adopted, ended, ended_again) == (True, 1, 0)
    assert not psutil.pid_exists(pid)
