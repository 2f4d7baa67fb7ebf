"""Write started.txt, then sleep (default a minute)."""

from __future__ import annotations

import sys
import time
from pathlib import Path

Path("started.txt").write_text("yes", encoding="utf-8")
time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 60)
