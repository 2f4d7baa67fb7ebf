"""What the pages for people say is what the code knows."""

from __future__ import annotations

import re
from pathlib import Path

from jobman_agent.employer.job.ini import SCHEMA, mistakes_of, read_spec
from jobman_agent.errors import ExitCode
from jobman_agent.settings.ini import parse_ini

CLONE = Path(__file__).parents[2]
JOB_FOLDER = (CLONE / "docs" / "job-folder.md").read_text(encoding="utf-8")
README = (CLONE / "README.md").read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_the_job_folder_page_explains_every_key_with_its_default():
    for section in SCHEMA.sections.values():
        text = JOB_FOLDER.split(f"### [{section.name}]")[1].split("\n#")[0]
        rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", text, re.MULTILINE))

        assert set(rows) == {key.name for key in section.keys}
        for key in section.keys:
            if key.required:
                assert rows[key.name] == "must be given"
            elif key.default is not None:
                assert rows[key.name] == key.default


def test_every_job_ini_in_the_docs_has_no_mistake():
    for page in (JOB_FOLDER, README):
        texts = [text for text in blocks(page, "ini") if "[job]" in text]
        assert len(texts) == 1
        spec, values = read_spec(parse_ini(texts[0].encode(), "job.ini"))
        assert [str(mistake) for mistake in mistakes_of(values)] == []
        assert spec is not None


def test_readme_lists_every_exit_code():
    table = README.split("## Exit codes")[1].split("\n## ")[0]

    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == list(
        ExitCode
    )
