"""Take so many megabytes (default 300) and hold them for a minute."""

from __future__ import annotations

import sys
import time

held = b"x" * (1_000_000 * (int(sys.argv[1]) if len(sys.argv) > 1 else 300))
print("full", flush=True)
time.sleep(60)
