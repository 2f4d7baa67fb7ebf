"""Leave things that are no regular files: a link, a pipe, a link to a folder; and one good file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

secret = sys.argv[1]
Path("link.dat").symlink_to(secret)
os.mkfifo("pipe.dat")
Path("folder").symlink_to(Path(secret).parent)
Path("good.dat").write_bytes(b"1 2 3")
