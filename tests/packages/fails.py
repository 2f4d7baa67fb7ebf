"""Print to stderr and end with an exit code (default 3)."""

from __future__ import annotations

import sys

print("the mesh is bad", file=sys.stderr)
sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
