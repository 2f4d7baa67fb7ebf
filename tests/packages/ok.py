"""Read in.txt, write out.txt, print a line."""

from __future__ import annotations

from pathlib import Path

text = Path("in.txt").read_text(encoding="utf-8") if Path("in.txt").exists() else ""
Path("out.txt").write_text(text.upper(), encoding="utf-8")
print("all is well")
