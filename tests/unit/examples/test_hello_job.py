"""The smallest example: its program gives the expected answer, and every package has input."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

HELLO = Path(__file__).parents[3] / "config" / "examples" / "hello"


def run_in(folder: Path) -> dict[str, float]:
    program = HELLO / "common" / "statistics_of.py"
    subprocess.run(
        [sys.executable, str(program), "input.txt"],
        cwd=folder,
        check=True,
        timeout=60,
        stdout=subprocess.DEVNULL,
    )
    return json.loads((folder / "result.json").read_text())


def test_the_ability_test_has_the_answer_of_the_textbook(tmp_path):
    shutil.copy(HELLO / "test" / "input.txt", tmp_path)

    result = run_in(tmp_path)

    assert result == json.loads((HELLO / "test" / "expected" / "result.json").read_text())
    assert (result["mean"], result["standard_deviation"] ** 2) == (3.0, 2.5000000000000004)


def test_every_package_runs(tmp_path):
    packages = sorted((HELLO / "packages").iterdir())
    assert [package.name for package in packages] == ["a", "b", "c"]
    for package in packages:
        folder = shutil.copytree(package, tmp_path / package.name)
        assert run_in(folder)["count"] == len((package / "input.txt").read_text().split())
