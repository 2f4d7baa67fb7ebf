"""Making a job folder to start from, and making the ability test from a package.

Nothing that the engineer wrote is overwritten or lost: a job.ini only gets a section more, and
keeps its comments, line ends and byte order mark.
"""

from __future__ import annotations

import csv
import io
import re
import shutil
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from jobman_agent.employer.comparison import expected_fault
from jobman_agent.employer.job.folder import EXPECTED
from jobman_agent.employer.job.inputs import IGNORED
from jobman_agent.employer.job.loading import JOB_INI, load_job
from jobman_agent.employer.job.spec import TABLE_NAME, CompareRule, How
from jobman_agent.employer.local_run import LocalRunner
from jobman_agent.employer.results.folder import write_outputs
from jobman_agent.errors import InputError, StorageError
from jobman_agent.model.patterns import patterns
from jobman_agent.settings.places import shipped
from jobman_agent.storage.files import explain, write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jobman_agent.employer.job.folder import JobFolder
    from jobman_agent.employer.local_run import LocalRun
    from jobman_agent.employer.results.folder import Content
    from jobman_agent.trust.programs import Programs

TEMPLATE_JOB = "hello"
TOLERANCE = "1e-6"
"""What ``--expect`` writes for files of numbers."""

_NUMBERS = frozenset({".json", ".csv", ".tsv", ".dat", ".txt", ".out"})
_PICTURES = frozenset({".png", ".bmp", ".ppm", ".tga", ".tif", ".tiff", ".gif"})
_TITLE = re.compile(r"^(title\s*=[ \t]*)(.*?)([ \t]+;.*)?$", re.MULTILINE)
_LOOKED_AT = 16 << 20


def new_job(folder: Path, *, template: str = TEMPLATE_JOB) -> list[str]:
    """Make a job folder to start from; its files, relative, sorted.

    Args:
        folder: Where; it may exist if it is empty.
        template: Which of the shipped examples.

    Raises:
        InputError: something is there already, which is left as it is.
        StorageError: it cannot be written.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InputError(f"{folder}: there is a file or a link of this name: name another folder")
    source = shipped("examples") / template
    try:
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"{folder}: it is not empty: name a new folder")
        shutil.copytree(
            source,
            folder,
            ignore=lambda _, names: [name for name in names if name.lower() in IGNORED],
            copy_function=shutil.copyfile,
            dirs_exist_ok=True,
        )
        _entitle(folder)
    except OSError as exc:
        raise StorageError(explain(exc, "make the job folder", folder)) from exc
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in files)


def _entitle(folder: Path) -> None:
    """Call the job as its folder, where that is a title."""
    title = folder.absolute().name
    if not title.isprintable() or ";" in title or title != title.strip():
        return
    ini = folder / JOB_INI
    text = ini.read_bytes().decode("utf-8")
    named = _TITLE.sub(lambda found: f"{found[1]}{title}{found[3] or ''}", text, count=1)
    ini.write_bytes(named.encode("utf-8"))


@dataclass(frozen=True, slots=True)
class Expected:
    """What ``run --expect`` did."""

    run: LocalRun
    folder: Path
    """The folder of the ability test."""
    outputs: tuple[str, ...] = ()
    """What was written to expected/; empty if the run was not accepted: nothing was written."""
    copied_from: str | None = None
    """The package that became the test; None: the test's folder was there."""
    section: str = ""
    """What was added to job.ini; empty: it had a ``[test]``."""


async def expect(
    root: Path,
    programs: Programs,
    scratch: Path,
    *,
    package: str | None = None,
    python: Path | None = None,
) -> Expected:
    """Run the test's inputs here and take what they give as the right answer.

    Args:
        root: The job folder; it need not have a test yet.
        programs: What this PC can run.
        scratch: A folder of the employer's own.
        package: Copied to the test's folder where there is none; None: the first one.
        python: What ``python`` stands for in ``check``.

    Raises:
        InputError: mistakes in the folder, no such package, or nothing to compare.
        StorageError: the test cannot be written.
    """
    job = load_job(root, needs_test=False)
    folder = job.root / (job.spec.test.package if job.spec.test else "test")
    if job.test is not None and package is not None:
        raise InputError(
            f"{folder} is there already: leave {package} out to run it again, or move it away"
        )
    async with LocalRunner(job, programs, scratch, python=python) as here:
        if job.test is not None:
            run = await here.run_test(compare=False)
        else:
            package = package or job.package_names[0]
            run = await here.run_package(package)
        if not run.evaluation.accepted:
            return Expected(run, folder)
        outputs = run.outputs
        if not outputs:
            raise InputError(f"{run.package} left no outputs, so there is nothing to compare")
        section = "" if job.spec.test else _section(job, folder.name, outputs)
        _write_test(job, folder, None if job.test else package, outputs)
    if section:
        _append(job.root / JOB_INI, section)
    load_job(root)  # whatever is still wrong is told now
    copied_from = None if job.test else package
    return Expected(run, folder, tuple(sorted(outputs)), copied_from, section)


def _write_test(
    job: JobFolder, folder: Path, package: str | None, outputs: Mapping[str, Content]
) -> None:
    expected = folder / EXPECTED
    try:
        if package is not None:
            _copy_inputs(job, folder, package)
        if expected.is_symlink():
            raise InputError(f"{expected}: it is a link: move it away")
        if expected.exists():
            shutil.rmtree(expected)
        expected.mkdir(parents=True)
    except OSError as exc:
        raise StorageError(explain(exc, "write", expected)) from exc
    write_outputs(expected, outputs)


def _copy_inputs(job: JobFolder, folder: Path, package: str) -> None:
    folder.mkdir()
    if job.headers:
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerows([job.headers, job.values(package).values()])
        (folder / TABLE_NAME).write_bytes(out.getvalue().encode("utf-8"))
    for file in job.files(package):
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file.source, target)


def _section(job: JobFolder, name: str, outputs: Mapping[str, Content]) -> str:
    rules = []
    for pattern in job.spec.outputs:
        matched = [path for path in sorted(outputs) if patterns((pattern,)).matches(path)]
        kinds = {_how(path, outputs[path]) for path in matched}
        if kinds == {How.WITHIN}:
            rules.append(f"{pattern} within {TOLERANCE}")
        elif kinds == {How.PIXELS}:
            rules.append(f"{pattern} pixels")
    compare = f"compare = {', '.join(rules)}\n" if rules else ""
    return f"[test]\npackage = {name}\n{compare}"


def _how(path: str, content: Content) -> How:
    """How people most likely mean a file to be compared."""
    suffix = PurePosixPath(path).suffix.lower()
    how = How.WITHIN if suffix in _NUMBERS else How.PIXELS if suffix in _PICTURES else How.EXACTLY
    if how is How.EXACTLY:
        return how
    data = content if isinstance(content, bytes) else content.read_bytes()
    if b"\0" in data[:_LOOKED_AT] and how is How.WITHIN:
        return How.EXACTLY
    fault = expected_fault(CompareRule(path, how, float(TOLERANCE)), path, data)
    return How.EXACTLY if fault else how


def _append(ini: Path, section: str) -> None:
    try:
        before = ini.read_bytes()
    except OSError as exc:
        raise StorageError(explain(exc, "read", ini)) from exc
    end = b"\r\n" if b"\r\n" in before else b"\n"
    gap = end if before.endswith(b"\n") or not before else end + end
    write_atomic(ini, before + gap + section.encode("utf-8").replace(b"\n", end))
