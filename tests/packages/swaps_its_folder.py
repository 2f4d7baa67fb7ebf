"""Put a link to another folder (argument 1) in the place of its own folder."""

from __future__ import annotations

import sys
from pathlib import Path

here = Path.cwd()
here.rename(here.with_name("moved"))
here.symlink_to(sys.argv[1])
Path("out.txt").write_text("moved", encoding="utf-8")
