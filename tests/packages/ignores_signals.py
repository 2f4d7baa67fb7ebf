"""Ignore every request to end, and sleep for a minute."""

from __future__ import annotations

import signal
import time
from pathlib import Path

for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK"):
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
print("not listening", flush=True)
Path("ready.txt").write_text("yes", encoding="utf-8")
time.sleep(60)
