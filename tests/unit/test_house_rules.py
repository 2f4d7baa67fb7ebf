"""Rules that hold for the whole tree, and that no other tool knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

CLONE = Path(__file__).parents[2]
ROOTS = (".ci", "config", "docs", "installer", "jobman_agent", "tests")
TEXT = {".cfg", ".csv", ".ini", ".md", ".py", ".sh", ".svg", ".template", ".toml", ".yml", ""}


def files(*suffixes: str) -> list[Path]:
    """Every text file of the project, or those that end so."""
    found = [path for path in CLONE.iterdir() if path.is_file()]
    for root in ROOTS:
        found += [path for path in (CLONE / root).rglob("*") if path.is_file()]
    wanted = set(suffixes) or TEXT
    return sorted(p for p in found if p.suffix in wanted and "__pycache__" not in p.parts)


def lines_that_match(pattern: str, *suffixes: str) -> list[str]:
    rule = re.compile(pattern, re.IGNORECASE)
    return [
        f"{path.relative_to(CLONE)}:{number}: {line.strip()}"
        for path in files(*suffixes)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if rule.search(line)
    ]


def test_no_install_line_names_an_index_because_the_name_there_is_a_strangers():
    # By that name the index has another program, with a command of the same name.
    by_name = r"(pipx?|uvx?|tool)\s+(install|run)\b(?!.*[./]jobman)[^#\n]*\sjobman(?![\w/.]*/)"

    assert re.search(by_name, "pip " + "install --user jobman-agent")
    assert not re.search(by_name, "pip " + "install ./jobman")
    assert lines_that_match(by_name) == []


def test_no_file_names_the_host_of_a_package_registry():
    hosts = r"pypi\.|python[h]osted|de[b]ian\.org|ubun[t]u\.com|npm[j]s|crates\.[i]o"

    assert re.search(hosts, "https://" + "pypi" + ".org/simple")
    assert lines_that_match(hosts) == []


def test_nothing_is_left_to_be_done_later_in_a_comment():
    assert lines_that_match(r"\b(TO[D]O|FIX[M]E)\b") == []


def test_a_file_of_code_fits_one_sitting():
    lengths = {
        str(path.relative_to(CLONE)): len(path.read_text(encoding="utf-8").splitlines())
        for path in files(".py")
        if "tests" not in path.relative_to(CLONE).parts
    }

    assert len(lengths) > 30
    assert {path: n for path, n in lengths.items() if n > 400} == {}


def slug(heading: str) -> str:
    """The anchor that git hosts give a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower().replace("`", ""))
    return kept.replace(" ", "-")


def prose(path: Path) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(path: Path) -> set[str]:
    return {slug(heading) for heading in re.findall(r"^#+ (.*)", prose(path), re.MULTILINE)}


def broken_links(path: Path) -> list[str]:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        page = (path.parent / name).resolve() if name else path
        if not page.exists() or (anchor and anchor not in anchors(page)):
            broken.append(target)
    return broken


def test_every_link_in_the_docs_points_to_something():
    pages = files(".md")

    assert {"README.md", "protocol.md", "job-folder.md"} <= {page.name for page in pages}
    assert {str(p.relative_to(CLONE)): broken_links(p) for p in pages if broken_links(p)} == {}


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One two\n[a](page.md#one-two) [b](gone.md) [c](#three) [d](https://x.y/)\n")

    assert broken_links(page) == ["gone.md", "#three"]


WORDS = """
    pool, hiring queue, employer, job, offer, ask, session, worker, package, ability test,
    result, evaluation, beat, answer, receipt, hand back, lease, attempt, slot, spool, journal,
    agent, owner, reading, verdict, reason
"""


@pytest.mark.parametrize("word", [word.strip() for word in WORDS.split(",")])
def test_the_glossary_defines_the_word_once(word):
    text = (CLONE / "docs" / "glossary.md").read_text(encoding="utf-8")
    defined = [
        part.strip()
        for bold in re.findall(r"^\| \*\*(.+?)\*\*", text, re.M)
        for part in bold.split(",")
    ]

    assert defined.count(word) == 1


def test_the_changelog_has_a_place_for_what_comes_next():
    headings = re.findall(r"^## (.+)$", (CLONE / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)

    assert headings[0] == "Unreleased"


def bound_names(tree: ast.Module) -> set[str]:
    """What a module's own statements bind, imports under `if` and `try` included."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {a.asname or a.name.split(".")[0] for a in aliases}
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
    return names


def declared_names(tree: ast.Module) -> list[str] | None:
    """The value of `__all__`, or None."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return None


def test_what_all_names_exists_and_a_room_names_all_that_it_hands_on():
    wrong = []
    for path in files(".py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        declared = declared_names(tree)
        if declared is None:
            continue
        missing = set(declared) - bound_names(tree)
        handed_on = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jobman_agent")
            for alias in node.names
        }
        hidden = handed_on - set(declared) if path.name == "__init__.py" else set()
        wrong += [f"{path.relative_to(CLONE)}: {name}" for name in sorted(missing | hidden)]

    assert wrong == []
