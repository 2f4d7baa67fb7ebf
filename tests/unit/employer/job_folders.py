"""Job folders for tests: one without mistakes, and how to change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

INI = """\
[job]
title = Bridge
program = python
command = {common}/solve.py {package}
outputs = result.json, *.dat
time = 10 min

[test]
compare = result.json within 1e-6

[evaluate]
require = result.json
"""

FILES = {
    "job.ini": INI,
    "common/solve.py": "print(1)\n",
    "packages/a2/in.txt": "2\n",
    "packages/a10/in.txt": "10\n",
    "packages/a10/sub/deep.txt": "deep\n",
    "test/in.txt": "1\n",
    "test/expected/result.json": '{"x": 1.0}\n',
}

TABLE_FILES = {
    "job.ini": INI.replace("{package}", "in.txt {height}"),
    "common/solve.py": "print(1)\n",
    "common/in.txt.template": "h = {height}\n",
    "parameters.csv": "package,height,note\nb,1.5,x\na,-2,y\n",
    "test/parameters.csv": "package,height,note\ntest,1,\n",
    "test/expected/result.json": '{"x": 1.0}\n',
}


def a_job(root: Path, files: dict[str, str] | None = None, **changes: str | None) -> Path:
    """Write a job folder; ``changes`` are texts by path (None: leave it out)."""
    job = root / "bridge"
    for path, text in ((FILES if files is None else files) | changes).items():
        if text is not None:
            put(job / path, text)
    return job


def put(path: Path, text: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def ini(**keys: str | None) -> str:
    """The job.ini with some keys set, or left out, as ``job__time``."""
    lines = INI.splitlines()
    for name, value in keys.items():
        section, key = name.split("__")
        start = lines.index(f"[{section}]")
        for at in range(start + 1, len(lines)):
            if lines[at].startswith((f"{key} =", "[")) or not lines[at]:
                break
        if lines[at].startswith(f"{key} ="):
            del lines[at]
        if value is not None:
            lines.insert(at, f"{key} = {value}")
    return "\n".join(lines) + "\n"
