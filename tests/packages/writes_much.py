"""Write so many files (argument 1) of so many megabytes (argument 2), then sleep a minute."""

from __future__ import annotations

import sys
import time
from pathlib import Path

for number in range(int(sys.argv[1])):
    with Path(f"{number}.big").open("wb") as file:
        for _ in range(int(sys.argv[2])):
            file.write(b"x" * 1_000_000)
time.sleep(60)
