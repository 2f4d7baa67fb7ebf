"""``jobman check``: every mistake of a job folder at once, or what the job is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command
from jobman_agent.cli.output import count_text, print_json, seconds_text, size_text
from jobman_agent.errors import ExitCode

if TYPE_CHECKING:
    import argparse

    from jobman_agent.cli.commands import Commands
    from jobman_agent.employer.job.folder import JobFolder

_DESCRIPTION = """\
Look at a job folder: every mistake in it at once (exit 2), else what was found.
Nothing is run; jobman run does the ability test and a package on this PC.
"""


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = add_command(
        commands, common, "check", "find every mistake in a job folder", _DESCRIPTION, run
    )
    parser.add_argument("job", metavar="FOLDER", type=Path, help="the folder that holds job.ini")


def run(args: argparse.Namespace) -> int:
    """Look, and tell."""
    from jobman_agent.employer.job.loading import load_job

    found = _measure(load_job(args.job))
    if args.json:
        print_json(_as_json(found))
        return ExitCode.DONE
    for name, text in _as_lines(found):
        print(f"{name:9} {text}")
    print("no mistakes")
    return ExitCode.DONE


@dataclass(frozen=True, slots=True)
class _Found:
    job: JobFolder
    packages: list[int]
    """Bytes of every file of every package; templates are counted with the common files."""
    common: list[int]
    test: str
    expected: list[str]


def _measure(job: JobFolder) -> _Found:
    assert job.test is not None  # noqa: S101 - load_job has seen to it
    return _Found(
        job,
        [file.size for name in job.package_names for file in job.files(name)],
        [file.size for file in job.common_files()],
        job.test.root.name,
        [file.path for file in job.test.expected_files()],
    )


def _as_json(found: _Found) -> dict[str, object]:
    job, spec = found.job, found.job.spec
    return {
        "folder": str(job.root),
        "title": spec.title,
        "program": spec.program,
        "command": list(spec.command),
        "outputs": list(spec.outputs),
        "packages": len(job.package_names),
        "columns": list(job.headers),
        "files": len(found.packages),
        "bytes": sum(found.packages),
        "common_files": len(found.common),
        "common_bytes": sum(found.common),
        "test": found.test,
        "expected": found.expected,
        "cores": spec.cores,
        "memory": spec.memory or None,
        "seconds": spec.time_s,
        "attempts": spec.attempts,
    }


def _as_lines(found: _Found) -> list[tuple[str, str]]:
    job, spec = found.job, found.job.spec
    packages = count_text(len(job.package_names), "package")
    if job.headers:
        packages += f", rows of parameters.csv ({count_text(len(job.headers), 'column')})"
    else:
        packages += f", folders in packages/ ({_files(found.packages)})"
    memory = f"{size_text(spec.memory)} of memory" if spec.memory else "memory as the PC allows"
    return [
        ("job", spec.title),
        ("program", " ".join((spec.program, *spec.command))),
        ("packages", packages),
        ("common", _files(found.common)),
        ("test", f"{found.test}/, compared with {', '.join(found.expected)}"),
        ("outputs", ", ".join(spec.outputs)),
        (
            "each has",
            f"{count_text(spec.cores, 'core')}, {memory}, at most {seconds_text(spec.time_s)}, "
            f"{count_text(spec.attempts, 'attempt')}",
        ),
    ]


def _files(sizes: list[int]) -> str:
    return f"{count_text(len(sizes), 'file')}, {size_text(sum(sizes))}"
