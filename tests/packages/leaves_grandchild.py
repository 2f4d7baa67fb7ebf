"""Leave a process that slips away: a session of its own, and with "hidden" no JOBMAN_RUN.

Its pid is in grandchild.txt. With a second argument "stay" wait for it, else end at once.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

hidden = "hidden" in sys.argv
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        environment = {} if hidden else dict(os.environ)
        code = "import time; time.sleep(60)"
        os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", code], environment)
    os._exit(0)
os.wait()
Path("ready.txt").write_text("yes", encoding="utf-8")
if "stay" in sys.argv:
    time.sleep(60)
