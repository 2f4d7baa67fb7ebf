"""Print so many megabytes (default 200), between a first and a last line."""

from __future__ import annotations

import os
import sys

print("the first line", flush=True)
block = b"x" * 999 + b"\n"
for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 200):
    piece = block * 1000
    while piece:
        piece = piece[os.write(1, piece) :]
print("the last line", flush=True)
