"""The example job as a folder: its table, its ability test, its programs, its check."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def run_program(beams: Any, folder: Path, row: dict[str, str], **changes: str) -> Any:
    """Run solve.py as a worker would, with `key = value` lines of the template changed."""
    text = beams.fill(row)
    for key, value in changes.items():
        text, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        assert count == 1, key
    folder.mkdir(exist_ok=True)
    (folder / "beam.ini").write_text(text, encoding="utf-8")
    program = beams.folder / "common" / "solve.py"
    done = subprocess.run(
        [sys.executable, str(program), "beam.ini"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    result = folder / "result.json"
    return done, json.loads(result.read_text()) if result.exists() else None


def the_test(beams: Any) -> dict[str, str]:
    (row,) = beams.rows("test/parameters.csv")
    return row


def calculated(beams: Any, row: dict[str, str], tmp_path: Path) -> dict[str, Any]:
    """A row's figures, with coarse steps of the vehicle so that all rows take a second or two."""
    path = tmp_path / "beam.ini"
    path.write_text(beams.fill(row).replace("step = 0.1", "step = 2.5"), encoding="utf-8")
    girder, load = beams.solve.read(path)
    model = beams.girder.Model(girder, load["element"])
    dead, _ = beams.solve.permanent(model, load["uniform"])
    vehicle, _ = beams.solve.cross(model, load)
    return {"permanent": dead, "vehicle": vehicle}


def test_the_ability_tests_expected_answer_is_what_theory_says(beams):
    row = the_test(beams)
    expected = json.loads((beams.folder / "test/expected/result.json").read_text())
    length, height = float(row["spans"]), float(row["height"])
    bending = 35e6 * 0.8 * height**3 / 12
    q = float(row["uniform"]) + 25 * 0.8 * height
    p = float(row["axle_load"])

    dead, vehicle = expected["permanent"], expected["vehicle"]
    assert dead["deflection_mm"] == pytest.approx(5e3 * q * length**4 / (384 * bending), rel=1e-9)
    assert dead["deflection_at_m"] == length / 2
    assert dead["sagging_kNm"] == pytest.approx(q * length**2 / 8, rel=1e-9)
    assert dead["reactions_kN"] == pytest.approx([q * length / 2] * 2, rel=1e-9)
    assert dead["hogging_kNm"] == pytest.approx(0, abs=1e-9)
    assert vehicle["deflection_mm"] == pytest.approx(1e3 * p * length**3 / (48 * bending), rel=1e-9)
    assert vehicle["sagging_kNm"] == pytest.approx(p * length / 4, rel=1e-9)
    assert vehicle["reactions_kN"] == pytest.approx([p, p], rel=1e-9)
    assert vehicle["hogging_kNm"] == pytest.approx(0, abs=1e-9)


def test_the_program_gives_the_expected_answer_and_leaves_no_cache_in_common(beams, tmp_path):
    done, result = run_program(beams, tmp_path, the_test(beams))

    assert done.returncode == 0, done.stderr
    expected = json.loads((beams.folder / "test/expected/result.json").read_text())
    assert result["permanent"]["deflection_mm"] == pytest.approx(
        expected["permanent"]["deflection_mm"], rel=1e-9
    )
    assert (tmp_path / "envelope.csv").read_text().startswith("x_m,w_mm,M_kNm")
    assert not (beams.folder / "common" / "__pycache__").exists()


def test_a_changed_input_changes_the_result_as_it_should(beams, tmp_path):
    row = the_test(beams)
    _, before = run_program(beams, tmp_path / "before", row, step="1.0")
    _, softer = run_program(beams, tmp_path / "softer", row, step="1.0", modulus="17.5")
    _, lighter = run_program(beams, tmp_path / "lighter", row, step="1.0", density="0")

    w, r = before["permanent"]["deflection_mm"], before["permanent"]["reactions_kN"][0]
    assert softer["permanent"]["deflection_mm"] == pytest.approx(2 * w, rel=1e-8)
    assert softer["permanent"]["reactions_kN"][0] == pytest.approx(r, rel=1e-8)
    assert lighter["permanent"]["reactions_kN"][0] == pytest.approx(12 * 20 / 2, rel=1e-8)
    assert lighter["vehicle"] == before["vehicle"]


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("spans", "20 abc", "could not convert string to float"),
        ("height", "0", "height must be above 0"),
        ("ends", "pinned glued", "ends must be two of free, pinned and fixed"),
        ("ends", "free free", "not held"),
        ("axle_load", "-3", "axle_load must not be below 0"),
        ("step", "0", "step must be above 0"),
    ],
)
def test_input_that_cannot_be_calculated_is_named_and_leaves_no_result(
    beams, tmp_path, key, value, says
):
    done, result = run_program(beams, tmp_path, the_test(beams), **{key: value})

    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert result is None


def test_a_vehicle_without_axles_is_a_girder_without_vehicle(beams, tmp_path):
    done, result = run_program(beams, tmp_path, the_test(beams), axles="0")

    assert done.returncode == 0, done.stderr
    assert result["vehicle"]["deflection_mm"] == 0


def test_every_row_has_a_name_of_its_own_and_fills_every_word_of_the_template(beams):
    table = beams.rows()

    assert 40 <= len(table) <= 60
    assert len({row["package"].lower() for row in table}) == len(table)
    for row in [*table, the_test(beams)]:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,98}[A-Za-z0-9]", row["package"])
        assert not re.search(r"^[^;].*[{}]", beams.fill(row), re.MULTILINE)


def test_the_employers_check_accepts_every_row_as_it_is_calculated(beams, tmp_path):
    for row in beams.rows():
        result = calculated(beams, row, tmp_path)
        assert beams.check.complaint(row["package"], result) is None


@pytest.mark.parametrize(
    ("where", "factor", "says"),
    [
        (("permanent", "reactions_kN", 1), 1.0001, "the supports carry"),
        (("permanent", "support_moments_kNm", 0), 1.0001, "three moments"),
        (("vehicle", "reactions_kN", 0), 0.5, "of an axle of"),
        (("vehicle", "reactions_kN", 2), 0.5, "of an axle of"),
    ],
)
def test_the_employers_check_refuses_a_figure_that_is_slightly_wrong(
    beams, tmp_path, where, factor, says
):
    row = next(row for row in beams.rows() if "two-spans" in row["package"])
    result = copy.deepcopy(calculated(beams, row, tmp_path))
    assert row["height"] == row["haunch"]

    part, key, index = where
    result[part][key][index] *= factor
    assert says in (beams.check.complaint(row["package"], result) or "")


def test_the_employers_check_refuses_moved_reactions_and_the_result_of_another_row(beams, tmp_path):
    haunched = [
        r
        for r in beams.rows()
        if r["package"].startswith("four-spans") and "haunched" in r["package"]
    ]
    first, other = haunched[0], haunched[-1]
    result = calculated(beams, first, tmp_path)
    assert "the supports carry" in (beams.check.complaint(other["package"], result) or "")

    result["permanent"]["reactions_kN"][0] += 5.0
    result["permanent"]["reactions_kN"][1] -= 5.0
    assert "do not balance" in (beams.check.complaint(first["package"], result) or "")


def test_the_check_program_says_why_on_stderr_and_exits_1(beams, tmp_path):
    package = beams.rows()[0]["package"]
    (tmp_path / "result.json").write_text('{"permanent": []}', encoding="utf-8")

    done = subprocess.run(
        [sys.executable, str(beams.folder / "check.py"), package],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"{package}: ")
    assert "Traceback" not in done.stderr
