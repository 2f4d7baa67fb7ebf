"""The job folder: packages, common files, the ability test, all by name.

A ``JobFolder`` is made by ``loading.load_job``. It holds names, and the
rows of a table, but no lists of files: these are listed (``files``), read and hashed (``load``)
when a package is handed out, so that 10,000 packages are offered after a fraction of a second.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from jobman_agent.employer.job.inputs import InputFile, LoadedFile, load_files, scan, unreadable
from jobman_agent.employer.job.spec import TABLE_NAME
from jobman_agent.errors import InputError
from jobman_agent.model.templates import fill_template, fill_word, filled_path, is_template

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from jobman_agent.employer.job.spec import JobSpec
    from jobman_agent.employer.job.table import Table

EXPECTED = "expected"
"""The folder inside the test's folder that holds the right outputs."""


class Inputs(Protocol):
    """What a package and the ability test have in common, by the package's name."""

    def files(self, package: str) -> list[InputFile]:
        """The files that the package starts from, sorted by path; contents are not read."""
        ...

    def values(self, package: str) -> dict[str, str]:
        """The package's row of the table: header to text; empty without a table."""
        ...


class TestFolder:
    """The ability test: the same interface, whatever name the test has on the wire.

    Attributes:
        root: The folder.
        expected: Its folder of right outputs.
        name: Its own name (``test``); with a table, the name in its row.
    """

    __test__ = False  # pytest: this is no test class

    def __init__(self, root: Path, table: Table | None) -> None:
        self.root = root
        self.expected = root / EXPECTED
        self._table = table
        self.name = next(iter(table.rows), root.name) if table else root.name

    def files(self, package: str = "") -> list[InputFile]:
        """The inputs of the test; expected outputs and its table are none of them.

        Args:
            package: The name that the test has on the wire; the files are the same for any.

        Raises:
            InputError: something in the folder cannot travel.
        """
        return _listed(self.root, self.root.name, self._not_inputs())

    def values(self, package: str = "") -> dict[str, str]:
        """The test's row, under the name that the test has on the wire (``package``)."""
        if self._table is None or not self._table.rows:
            return {}
        values = self._table.values(self.name)
        if package:
            values[self._table.headers[0]] = package
        return values

    def load(self, package: str = "") -> tuple[LoadedFile, ...]:
        """Read and hash the inputs.

        Raises:
            InputError: a file is gone or cannot be read.
        """
        return load_files(self.files(package))

    def expected_files(self) -> list[InputFile]:
        """The right outputs; ``path`` is relative to ``expected``.

        Raises:
            InputError: something there is no regular file.
        """
        return _listed(self.expected, f"{self.root.name}/{EXPECTED}", frozenset())

    def _not_inputs(self) -> frozenset[str]:
        return frozenset({EXPECTED} if self._table is None else {EXPECTED, TABLE_NAME})


class JobFolder:
    """A job folder without mistakes; made by ``load_job``.

    Attributes:
        root: The folder, absolute.
        spec: job.ini.
        package_names: Natural order (a2 before a10); with a table, the order of its rows.
        test: The ability test; None only where ``load_job`` was told to do without.
    """

    def __init__(
        self,
        root: Path,
        spec: JobSpec,
        package_names: tuple[str, ...],
        table: Table | None,
        test: TestFolder | None,
    ) -> None:
        self.root = root
        self.spec = spec
        self.package_names = package_names
        self.test = test
        self._table = table
        self._templates: dict[str, bytes] | None = None

    @property
    def headers(self) -> tuple[str, ...]:
        """The columns of parameters.csv; empty without a table."""
        return self._table.headers if self._table else ()

    def files(self, package: str) -> list[InputFile]:
        """The files of one package, sorted by path; contents are not read.

        Raises:
            InputError: something in the folder cannot travel (any more).
        """
        if self._table is not None:
            return []
        return _listed(self.root / "packages" / package, f"packages/{package}", frozenset())

    def values(self, package: str) -> dict[str, str]:
        """The package's row of parameters.csv: header to text; empty without a table."""
        return {} if self._table is None else self._table.values(package)

    def load(self, package: str) -> tuple[LoadedFile, ...]:
        """Read and hash one package's files: when it is handed out.

        Raises:
            InputError: a file is gone or cannot be read.
        """
        return load_files(self.files(package))

    def common_files(self) -> list[InputFile]:
        """The files of common/, templates included; without a table they are none.

        Raises:
            InputError: something in the folder cannot travel.
        """
        return _listed(self.root / "common", "common", frozenset())

    def fingerprint(self, package: str, files: Sequence[LoadedFile] | None = None) -> str:
        """SHA-256 over what makes this package's run its own.

        That is its files, the templates as filled in for it, and the words of command likewise:
        a changed value, or a changed line of a template, changes just what it touches.

        Args:
            package: Its name.
            files: What ``load`` gave, to spare a second reading.

        Raises:
            InputError: a file is gone or cannot be read.
        """
        values = self.values(package)
        parts = [(f.path, f.sha256) for f in (self.load(package) if files is None else files)]
        if values:
            for path, text in self._template_texts().items():
                filled = fill_template(text, values)
                parts.append((filled_path(path), hashlib.sha256(filled).hexdigest()))
        words = (fill_word(word, package, "{common}", values)[0] for word in self.spec.command)
        return _digest(parts, words)

    def job_fingerprint(self) -> str:
        """SHA-256 over what all packages share: program, command, outputs, common files.

        Templates are left out where they are filled in: ``fingerprint`` has them.

        Raises:
            InputError: a common file cannot be read.
        """
        spec = self.spec
        shared = [f for f in self.common_files() if not (self._table and is_template(f.path))]
        parts = [(f.path, f.sha256) for f in load_files(shared)]
        command = () if self._table else spec.command
        return _digest(parts, (spec.program, "", *command, "", *spec.outputs))

    def _template_texts(self) -> dict[str, bytes]:
        if self._templates is None:
            found = [f for f in self.common_files() if is_template(f.path)]
            self._templates = {file.path: _text(file) for file in found}
        return self._templates


def _text(file: InputFile) -> bytes:
    try:
        return file.source.read_bytes()
    except OSError as exc:
        raise InputError(unreadable(file.source, exc)) from exc


def _listed(top: Path, shown: str, skip: frozenset[str]) -> list[InputFile]:
    faults: list[str] = []
    files = scan(top, shown, faults, skip=skip)
    if faults:
        raise InputError("\n".join(faults))
    return files


def _digest(files: Iterable[tuple[str, str]], words: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in (*(text for pair in sorted(files) for text in pair), "", *words):
        # The length comes first, so that no two lists give the same bytes.
        encoded = part.encode("utf-8", "surrogateescape")
        digest.update(b"%d:%b," % (len(encoded), encoded))
    return digest.hexdigest()
