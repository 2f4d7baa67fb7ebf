"""From a folder to a ``JobFolder``: looked at once, all mistakes told together.

Every package folder is listed, no input is read: contents are hashed when they are handed out.
What is judged here needs the whole folder; a value of job.ini alone is judged in ``job_ini``, the
sense of it all in ``folder_checks``.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobman_agent.employer.job.checks import (
    check_common,
    check_expected,
    check_rows,
    check_templates,
    check_words,
    list_fault,
)
from jobman_agent.employer.job.folder import EXPECTED, JobFolder, TestFolder
from jobman_agent.employer.job.ini import mistakes_of, read_spec
from jobman_agent.employer.job.inputs import (
    IGNORED,
    InputFile,
    is_link,
    read_file,
    scan,
    unreadable,
)
from jobman_agent.employer.job.spec import LOG_NAME, TABLE_NAME, JobSpec
from jobman_agent.employer.job.table import Table, parse_table
from jobman_agent.errors import InputError
from jobman_agent.model.names import package_name_fault
from jobman_agent.settings.ini import MAX_BYTES, parse_ini

if TYPE_CHECKING:
    from pathlib import Path

JOB_INI = "job.ini"
PACKAGES = "packages"
COMMON = "common"

_TABLE_BYTES = 256 << 20
_MOST_LINES = 200
_RESERVED_NAMES = {
    "results": "move it beside packages/",
    "failed": "move it beside packages/",
    "summary.csv": "results/summary.csv is the summary",
    "report.html": "results/report.html is the report",
}


def load_job(root: Path, *, needs_test: bool = True) -> JobFolder:
    """Look at a job folder.

    Args:
        root: The folder with job.ini.
        needs_test: False where the ability test is about to be made: then neither ``[test]`` nor
            the expected outputs are missed, and ``JobFolder.test`` may be None.

    Raises:
        InputError: lists every mistake of the whole folder, one a line.
    """
    root = root.absolute()
    look = _Look(root, needs_test)
    look.ini()
    look.inputs()
    look.test()
    if look.faults:
        raise _all_of(root, look.faults)
    assert look.spec is not None  # noqa: S101 - without one there are faults
    return JobFolder(root, look.spec, look.names, look.table, look.test_folder)


def natural(name: str) -> list[str | int]:
    """The key of natural order: a2 before a10."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


def _all_of(root: Path, faults: list[str]) -> InputError:
    once = list(dict.fromkeys(faults))
    shown = once[:_MOST_LINES]
    if len(once) > len(shown):
        shown.append(f"... and {len(once) - len(shown)} more")
    many = "1 mistake" if len(once) == 1 else f"{len(once)} mistakes"
    lines = "".join(f"\n  {fault}" for fault in shown)
    return InputError(f"{root}: {many} in this job folder:{lines}", once)


@dataclass
class _Look:
    """One look at a folder, in the order of its methods."""

    root: Path
    needs_test: bool
    faults: list[str] = field(default_factory=list)
    spec: JobSpec | None = None
    names: tuple[str, ...] = ()
    table: Table | None = None
    test_folder: TestFolder | None = None

    def ini(self) -> None:
        if not self.root.is_dir():
            what = "this is a file" if self.root.exists() else "there is no such folder"
            raise InputError(f"{self.root}: {what}: name the folder that holds {JOB_INI}")
        if not (self.root / JOB_INI).is_file():
            raise InputError(
                f"{self.root}: there is no {JOB_INI} in it, so it is no job folder; "
                "jobman new FOLDER makes one to start from"
            )
        content = read_file(self.root / JOB_INI, MAX_BYTES)
        ini = parse_ini(content if content is not None else bytes(MAX_BYTES + 1), JOB_INI)
        self.spec, values = read_spec(ini)
        self.faults += [str(mistake) for mistake in mistakes_of(values)]

    def inputs(self) -> None:
        """packages/ or parameters.csv, then common/ with what command says about it."""
        with_table = _exists(self.root / TABLE_NAME)
        with_packages = _exists(self.root / PACKAGES)
        if with_table and with_packages:
            self.faults.append(
                f"there are both {PACKAGES}/ and {TABLE_NAME}: a job has one of them; "
                "move the other out of the folder"
            )
        if with_table:
            self._read_table()
        elif with_packages:
            self._list_packages()
        else:
            self.faults.append(
                f"there are no packages: make {PACKAGES}/ with a folder for each, or {TABLE_NAME} "
                "with a row for each"
            )
        headers = self.table.headers if self.table else ()
        common = self._common()
        check_common(common, self.faults)
        check_templates(common, headers, self.faults, with_table=with_table)
        if self.spec is not None:
            check_words(self.spec, self.root, headers, {f.path for f in common}, self.faults)

    def _common(self) -> list[InputFile]:
        if (self.root / COMMON).is_symlink():
            self.faults.append(f"{COMMON}: it is a link: put the folder itself there")
            return []
        return scan(self.root / COMMON, COMMON, self.faults)

    def _read_table(self) -> None:
        self.table = self._table_of(self.root / TABLE_NAME, TABLE_NAME)
        if self.table.headers and not self.table.rows and not self.faults:
            self.faults.append(f"{TABLE_NAME}: it has no rows: each package is one")
        for name in self.table.rows:
            self._judge_name(name, TABLE_NAME)
        check_rows(self.table, TABLE_NAME, self.faults)
        self.names = tuple(self.table.rows)

    def _table_of(self, path: Path, shown: str) -> Table:
        try:
            if is_link(path.lstat()):
                self.faults.append(f"{shown}: it is a link: put a copy there")
                return Table()
            content = read_file(path, _TABLE_BYTES)
        except (OSError, InputError) as exc:
            self.faults.append(f"{shown}: cannot be read: {exc}")
            return Table()
        if content is None:
            self.faults.append(f"{shown}: it has more than {_TABLE_BYTES >> 20} MiB")
            return Table()
        return parse_table(content, shown, self.faults)

    def _list_packages(self) -> None:
        names: list[str] = []
        seen: dict[str, str] = {}
        folder = self.root / PACKAGES
        try:
            if is_link(folder.lstat()):
                self.faults.append(f"{PACKAGES}: it is a link: put the folder itself there")
                return
            with os.scandir(folder) as found:
                entries = [e for e in found if e.name.lower() not in IGNORED]
        except OSError as exc:
            self.faults.append(unreadable(folder, exc))
            return
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False) or is_link(
                entry.stat(follow_symlinks=False)
            ):
                what = "a link" if entry.is_symlink() or entry.is_dir() else "a file"
                self.faults.append(
                    f"{PACKAGES}/{entry.name}: it is {what}; each package is a folder of its own"
                )
            elif self._judge_name(entry.name, f"{PACKAGES}/"):
                other = seen.setdefault(entry.name.casefold(), entry.name)
                if other != entry.name:
                    self.faults.append(
                        f"{PACKAGES}/: {other} and {entry.name} are one name on Windows and "
                        "macOS: rename one"
                    )
                names.append(entry.name)
        if not entries:
            self.faults.append(f"{PACKAGES}/: it is empty: make a folder in it for each package")
        self.names = tuple(sorted(names, key=natural))
        for name in self.names:
            self._look_into(folder / name, f"{PACKAGES}/{name}")

    def _judge_name(self, name: str, where: str) -> bool:
        fault = package_name_fault(name)
        if fault is None and (instead := _RESERVED_NAMES.get(name.casefold())):
            fault = f"no package can have this name: {instead}"
        if fault is not None:
            self.faults.append(f"{where}: the package {name!r}: {fault}")
        return fault is None

    def _look_into(self, folder: Path, shown: str, skip: frozenset[str] = frozenset()) -> None:
        files = scan(folder, shown, self.faults, skip=skip)
        for file in files:
            if file.path.casefold() == LOG_NAME:
                self.faults.append(
                    f"{shown}/{file.path}: {LOG_NAME} is reserved for what the program prints: "
                    "rename it"
                )
        if fault := list_fault(files):
            self.faults.append(f"{shown}: {fault}")

    def test(self) -> None:
        """The ability test; the command that makes one is named where it is missing."""
        if self.spec is None:
            return
        makes = f"jobman run {self.root.name} --expect [PACKAGE] makes it from a package"
        if self.spec.test is None and self.needs_test:
            self.faults.append(f"{JOB_INI}: there is no [test], the ability test: {makes}")
            return
        name = self.spec.test.package if self.spec.test else "test"
        folder = self.root / name
        if folder.is_symlink():
            self.faults.append(f"{name}: it is a link: put the folder itself there")
            return
        if not folder.is_dir():
            if self.needs_test:
                self.faults.append(f"{name}/: the folder of the ability test is missing: {makes}")
            return
        table = self._test_table(folder, name) if self.table is not None else None
        self.test_folder = TestFolder(folder, table)
        self._look_into(folder, name, frozenset({EXPECTED, TABLE_NAME} if table else {EXPECTED}))
        if self.needs_test:
            expected = scan(folder / EXPECTED, f"{name}/{EXPECTED}", self.faults)
            if not expected:
                self.faults.append(f"{name}/{EXPECTED}/: the right outputs are missing: {makes}")
            check_expected(self.spec, f"{name}/{EXPECTED}", expected, self.faults)

    def _test_table(self, folder: Path, name: str) -> Table:
        shown = f"{name}/{TABLE_NAME}"
        if not _exists(folder / TABLE_NAME):
            self.faults.append(f"{shown}: it is missing: it holds the one row of the test")
            return Table()
        table = self._table_of(folder / TABLE_NAME, shown)
        if table.headers and self.table and table.headers != self.table.headers:
            self.faults.append(f"{shown}: its columns are not those of {TABLE_NAME}, in that order")
        elif table.headers and len(table.rows) != 1:
            self.faults.append(f"{shown}: it has {len(table.rows)} rows: the test is one")
        for package in table.rows:
            self._judge_name(package, shown)
        others = [
            entry.name
            for entry in sorted(folder.iterdir())
            if entry.name not in (TABLE_NAME, EXPECTED) and entry.name.lower() not in IGNORED
        ]
        if others:
            self.faults.append(
                f"{name}/{others[0]}: packages of a job with {TABLE_NAME} have no files of their "
                f"own, so the test has none: move it to {COMMON}/"
            )
        return table


def _exists(path: Path) -> bool:
    return os.path.lexists(path)
