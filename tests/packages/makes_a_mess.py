"""Leave a folder that is hard to remove: very deep, without rights, with odd names."""

from __future__ import annotations

import os
from pathlib import Path

top = Path.cwd()
Path("file").write_text("x", encoding="utf-8")
Path("1").mkdir()
Path("1/inner").mkdir()
for _ in range(1500):
    Path("deep").mkdir()
    os.chdir("deep")
os.chdir(top)
Path("shut/inner").mkdir(parents=True)
Path("shut/inner/file").write_text("x", encoding="utf-8")
Path("shut").chmod(0)
Path("new\nline\\and\tmore ").write_text("x", encoding="utf-8")
Path(os.environ["HOME"], ".cache").mkdir()
