"""The example jobs, read as jobman reads them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from jobman_agent.employer.job.loading import load_job

EXAMPLES = Path(__file__).parents[3] / "config" / "examples"


@pytest.mark.parametrize("name", [path.parent.name for path in EXAMPLES.glob("*/job.ini")])
def test_the_example_has_no_mistake_and_an_ability_test(name):
    job = load_job(EXAMPLES / name)

    assert job.test is not None
    assert [file.path for file in job.test.expected_files()] == ["result.json"]
    assert len(job.package_names) == {"beams": 48, "hello": 3}[name]


def fingerprints(folder: Path) -> dict[str, str]:
    job = load_job(folder)
    return {name: job.fingerprint(name) for name in job.package_names}


def test_a_changed_value_in_the_table_changes_just_its_own_package(tmp_path):
    folder = shutil.copytree(EXAMPLES / "beams", tmp_path / "beams")
    before = fingerprints(folder)
    table = folder / "parameters.csv"
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)

    changed = lines[5].split(",")[0]
    lines[5] = lines[5].replace(",20,", ",21,")
    table.write_text("".join(lines), encoding="utf-8")

    after = fingerprints(folder)
    assert [name for name in before if before[name] != after[name]] == [changed]


def test_a_changed_template_changes_every_package(tmp_path):
    folder = shutil.copytree(EXAMPLES / "beams", tmp_path / "beams")
    before = fingerprints(folder)
    template = folder / "common" / "beam.ini.template"
    text = template.read_text(encoding="utf-8")
    template.write_text(text.replace("modulus = 35", "modulus = 34"), encoding="utf-8")

    after = fingerprints(folder)
    assert all(before[name] != after[name] for name in before)
