"""Does a job folder make sense as a whole? Placeholders, templates, files that are named, the test.

Each function adds a line to ``faults`` for every mistake: where it is, and what would be right.
"""

from __future__ import annotations

import difflib
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.employer.comparison import expected_fault
from jobman_agent.employer.job.inputs import unreadable
from jobman_agent.employer.job.spec import LOG_NAME
from jobman_agent.model.patterns import is_plain, patterns
from jobman_agent.model.templates import (
    COMMON,
    JOB,
    PACKAGE,
    filled_path,
    is_template,
    placeholders,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobman_agent.employer.job.inputs import InputFile
    from jobman_agent.employer.job.spec import JobSpec
    from jobman_agent.employer.job.table import Table

# Common files, one package's files and their small contents must fit into 1 MiB together.
_LIST_BYTES = 120_000
_ENTRY_BYTES = 120  # size, hash and the names of fields, around the path
_ROW_BYTES = 64 << 10
_LOOKS_LIKE_A_HEADER = re.compile(rb"\{([A-Za-z_][\w .+-]*)\}")


def list_fault(files: Sequence[InputFile]) -> str | None:
    """Whether a list of files is too long for a message, which is at most 1 MiB."""
    if sum(len(f.path.encode("utf-8", "replace")) + _ENTRY_BYTES for f in files) > _LIST_BYTES:
        return (
            f"{len(files)} files are too many to be named in one message: put them into an "
            "archive that the program unpacks"
        )
    return None


def check_common(common: Sequence[InputFile], faults: list[str]) -> None:
    """The list of common files travels with every message of work."""
    if fault := list_fault(common):
        faults.append(f"common: {fault}")


def check_rows(table: Table, shown: str, faults: list[str]) -> None:
    """A row travels inside a message, with others."""
    for package, row in table.rows.items():
        if sum(map(len, row)) > _ROW_BYTES:
            faults.append(
                f"{shown}: the row of {package!r} is longer than {_ROW_BYTES >> 10} KiB: put long "
                "texts into files of common/"
            )


# ------------------------------------------------------------------ words
def check_words(
    spec: JobSpec, root: Path, headers: tuple[str, ...], common: set[str], faults: list[str]
) -> None:
    """Placeholders that nobody fills in, and files that are named but not there."""
    known = (PACKAGE, COMMON, *headers)
    _check_named(spec.program, COMMON, common, "[job] program", faults)
    for word in spec.command:
        _check_placeholders("[job] command", word, known, faults)
        _check_named(word, COMMON, common, "[job] command", faults)
    for word in spec.evaluate.check:
        _check_placeholders("[evaluate] check", word, (*known, JOB), faults)
        _check_in_job(word, root, faults)
    if spec.evaluate.check:
        _check_program(spec.evaluate.check[0], root, faults)


def _check_placeholders(where: str, word: str, known: tuple[str, ...], faults: list[str]) -> None:
    for name in placeholders(word):
        if name in known:
            continue
        if name == JOB:
            what = "{job} is the employer's own folder, so it can stand in check only"
        else:
            close = difflib.get_close_matches(name, known, n=1)
            could = ", ".join(f"{{{header}}}" for header in (close or known))
            what = f"nothing is called {{{name}}}: " + (
                f"did you mean {could}?" if close else f"known are {could}"
            )
        faults.append(f"job.ini, {where}: {what}")


def _check_named(word: str, folder: str, there: set[str], where: str, faults: list[str]) -> None:
    path = _below(word, folder)
    if path is None or path in there or any(name.startswith(f"{path}/") for name in there):
        return
    if path in {filled_path(name) for name in there}:
        what = f"{path}.template is filled into the package's folder: write {path} alone"
    else:
        what = f"{folder}/{path} is missing"
    faults.append(f"job.ini, {where}: {what}")


def _check_in_job(word: str, root: Path, faults: list[str]) -> None:
    for folder, top in ((JOB, root), (COMMON, root / "common")):
        path = _below(word, folder)
        if path is not None and not (top / path).exists():
            shown = path if folder == JOB else f"common/{path}"
            faults.append(f"job.ini, [evaluate] check: {shown} is missing")


def _below(word: str, folder: str) -> str | None:
    """The path in a word like ``{common}/solve.py``, where nothing else is to be filled in."""
    path = word.removeprefix(f"{{{folder}}}/")
    return None if path == word or not path or "{" in path else path.rstrip("/")


def _check_program(word: str, root: Path, faults: list[str]) -> None:
    where = "job.ini, [evaluate] check"
    below = _below(word, JOB)
    if below is not None:
        if (root / below).is_file() and shutil.which(root / below) is None:
            faults.append(f"{where}: {below} may not be executed")
    elif word == "python" or "{" in word:
        return
    elif "/" in word and not Path(word).is_absolute():
        faults.append(f"{where}: {word!r} is relative: write {{job}}/{word.removeprefix('./')}")
    elif shutil.which(word) is None:
        faults.append(
            f"{where}: the program {word!r} is not on this PC; python is the one of [software], "
            "or the one that runs jobman"
        )


# ------------------------------------------------------------------ templates
def check_templates(
    common: Sequence[InputFile], headers: tuple[str, ...], faults: list[str], *, with_table: bool
) -> None:
    """Templates that nothing fills in, or that miss the columns they mean."""
    targets = [filled_path(f.path).casefold() for f in common if is_template(f.path)]
    for file in common:
        if not is_template(file.path):
            continue
        shown = f"common/{file.path}"
        if not with_table:
            faults.append(
                f"{shown}: a template is filled in from parameters.csv, and there is none: make "
                "the table, or rename the file"
            )
            continue
        target = filled_path(file.path)
        if target.casefold() == LOG_NAME:
            faults.append(f"{shown}: {LOG_NAME} is reserved for what the program prints")
        if any(other.startswith(f"{target.casefold()}/") for other in targets):
            faults.append(f"{shown}: other templates lie in a folder {target}: rename one")
        _check_template_text(file, shown, headers, faults)


def _check_template_text(
    file: InputFile, shown: str, headers: tuple[str, ...], faults: list[str]
) -> None:
    try:
        text = file.source.read_bytes()
    except OSError as exc:
        faults.append(unreadable(file.source, exc))
        return
    if b"\0" in text:
        faults.append(f"{shown}: it is no text in UTF-8 (it holds a NUL): save it as UTF-8")
        return
    if not headers:
        return  # the table's own mistake was told
    found = [name.decode("utf-8", "replace") for name in _LOOKS_LIKE_A_HEADER.findall(text)]
    unknown = [name for name in dict.fromkeys(found) if name not in headers]
    if unknown and not any(b"{%b}" % header.encode() in text for header in headers):
        faults.append(
            f"{shown}: nothing in it would be filled in: parameters.csv has no column "
            f"{', '.join(unknown[:5])}"
        )
        return
    # Braces are common in inputs, so only what nearly is a column can be called a mistake.
    meant = ((name, _nearest(headers, name)) for name in unknown)
    faults.extend(
        f"{shown}: parameters.csv has no column {name!r}: did you mean {{{header}}}?"
        for name, header in meant
        if header
    )


def _nearest(headers: tuple[str, ...], name: str) -> str | None:
    return next((header for header in headers if _nearly(header, name)), None)


def _nearly(header: str, name: str) -> bool:
    a, b = (re.sub(r"[\s._-]", "", text).casefold() for text in (header, name))
    return a == b or (len(a) > 3 and difflib.SequenceMatcher(None, a, b).ratio() > 0.85)  # noqa: PLR2004 - a slip of a letter in a word, but no other short word


# ------------------------------------------------------------------ the test
def check_expected(
    spec: JobSpec, shown: str, expected: Sequence[InputFile], faults: list[str]
) -> None:
    """Expected outputs that cannot come back, or cannot be compared; rules for none of them."""
    if spec.test is None:
        return
    wanted = patterns(spec.outputs)
    for file in expected:
        if file.path.casefold() == LOG_NAME:
            faults.append(f"{shown}/{file.path}: what a program prints is not compared: remove it")
        elif not wanted.matches(file.path):
            faults.append(
                f"{shown}/{file.path}: it is none of the outputs, so it cannot come back: remove "
                "it, or add it to outputs"
            )
        else:
            _check_expected_file(spec, shown, file, faults)
    paths = [file.path for file in expected]
    faults.extend(
        f"job.ini, [test] compare: {shown}/ has no {rule.pattern}"
        for rule in spec.test.compare
        if paths
        and (wanted.matches(rule.pattern) or not is_plain(rule.pattern))
        and not any(map(patterns((rule.pattern,)).matches, paths))
    )


def _check_expected_file(spec: JobSpec, shown: str, file: InputFile, faults: list[str]) -> None:
    if spec.test is None:
        return
    try:
        content = file.source.read_bytes()
    except OSError as exc:
        faults.append(unreadable(file.source, exc))
        return
    if fault := expected_fault(spec.test.rule_for(file.path), file.path, content):
        faults.append(f"{shown}/{file.path}: {fault}")
