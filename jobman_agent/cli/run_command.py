"""``jobman run``: the ability test and one package on this PC, without a pool."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command
from jobman_agent.cli.output import one_line, print_json, say, seconds_text, size_text
from jobman_agent.errors import ExitCode, InputError

if TYPE_CHECKING:
    import argparse

    from jobman_agent.cli.commands import Commands
    from jobman_agent.cli.context import Context
    from jobman_agent.employer.job.folder import JobFolder
    from jobman_agent.employer.job.starting import Expected
    from jobman_agent.employer.local_run import LocalRun
    from jobman_agent.trust.programs import Programs

LOG_LINES = 20
"""So many last lines of log.txt are shown of a run that was not accepted."""
PYTHON = "python"

_DESCRIPTION = """\
Run the ability test and one package here, as a worker would, and judge what they give.
No pool is needed and nobody is asked. Exit 1: not accepted, with the end of the log.
"""


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = add_command(
        commands, common, "run", "run the test and one package on this PC", _DESCRIPTION, run
    )
    parser.add_argument("job", metavar="JOB", type=Path, help="the folder that holds job.ini")
    parser.add_argument(
        "package", metavar="PACKAGE", nargs="?", help="which package; the first if left out"
    )
    parser.add_argument(
        "--expect",
        metavar="PACKAGE",
        nargs="?",
        const="",
        help="make the ability test: copy PACKAGE (the first if left out) to test/ where there is "
        "none, run it, take what it gives as the right answer; look at it yourself",
    )
    parser.add_argument(
        "--software",
        metavar="NAME[=PATH]",
        action="append",
        default=[],
        help="what a program's name stands for here; looked up on PATH if no path is given "
        "(env: JOBMAN_SOFTWARE_NAME)",
    )


def run(args: argparse.Namespace) -> int:
    """Run it, and show how it went."""
    import asyncio

    from jobman_agent.cli.context import load_context, start_log
    from jobman_agent.employer.job.loading import load_job

    context = load_context(args)
    start_log(context.places, args.verbose)
    expects = args.expect is not None
    if args.expect and args.package:
        raise InputError(f"{args.package} and --expect {args.expect}: name one package")
    job = load_job(args.job, needs_test=not expects)
    programs = _programs(context, args.software, job.spec.program)
    if expects:
        wanted = args.expect or args.package
        expected = asyncio.run(_expect(job.root, programs, context, wanted))
        return _show_expected(expected, as_json=args.json)
    package = args.package or job.package_names[0]
    _check_known(job, package)
    watched = args.verbose > 0 or sys.stderr.isatty()
    runs = asyncio.run(_run(job, programs, context, package, watched=watched))
    if args.json:
        print_json({"job": str(job.root), "runs": [_as_json(one) for one in runs]})
    else:
        for one in runs:
            _show(one)
    return _exit_code(*runs)


def _check_known(job: JobFolder, package: str) -> None:
    if package in job.package_names:
        return
    close = difflib.get_close_matches(package, job.package_names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"the first is {job.package_names[0]}"
    raise InputError(f"{job.root} has no package {package!r}: {hint}")


def _programs(context: Context, software: list[str], program: str) -> Programs:
    """The programs of this PC; ``python`` is the one that runs jobman if nothing else is said."""
    from jobman_agent.trust.programs import load_programs

    programs = load_programs(context.settings, software)
    if program.lower() != PYTHON or programs.path(PYTHON) or context.settings.is_locked("software"):
        return programs
    say(f"python is not in [software]: taking the one that runs jobman, {sys.executable}")
    return load_programs(context.settings, [*software, f"{PYTHON}={sys.executable}"])


async def _run(
    job: JobFolder, programs: Programs, context: Context, package: str, *, watched: bool
) -> list[LocalRun]:
    from jobman_agent.employer.local_run import LocalRunner

    scratch = context.places.home / "run"
    async with LocalRunner(job, programs, scratch, python=programs.path(PYTHON)) as here:
        if watched:
            say(f"running the ability test, at most {seconds_text(job.spec.time_s)}")
        test = await here.run_test()
        if watched:
            say(f"running {package}")
        return [test, await here.run_package(package)]


async def _expect(
    root: Path, programs: Programs, context: Context, package: str | None
) -> Expected:
    from jobman_agent.employer.job.starting import expect

    scratch = context.places.home / "run"
    return await expect(root, programs, scratch, package=package, python=programs.path(PYTHON))


def _exit_code(*runs: LocalRun) -> int:
    accepted = all(one.evaluation.accepted for one in runs)
    return ExitCode.DONE if accepted else ExitCode.PACKAGES_FAILED


def _show_expected(expected: Expected, *, as_json: bool) -> int:
    files = [(expected.folder / "expected" / path).as_posix() for path in expected.outputs]
    if as_json:
        made = {"run": _as_json(expected.run), "expected": files, "section": expected.section}
        print_json(made | {"copied_from": expected.copied_from})
        return _exit_code(expected.run)
    _show(expected.run)
    for file in files:
        print(f"wrote {file}")
    if expected.section:
        print("added to job.ini:")
        print("".join(f"  {line}\n" for line in expected.section.splitlines()), end="")
    if files:
        say("look at these answers yourself: every worker is tested with them")
    else:
        say("nothing was written")
    return _exit_code(expected.run)


def _as_json(one: LocalRun) -> dict[str, object]:
    finished = one.finished
    return {
        "package": one.package,
        "test": one.is_test,
        "judgement": one.evaluation.judgement.value,
        "why": one.evaluation.why,
        "exit_code": finished.exit_code,
        "signal": finished.signal,
        "seconds": round(finished.seconds, 3),
        "cpu_seconds": round(finished.cpu_seconds, 3),
        "peak_memory": finished.peak_memory,
        "outputs": {out.path: out.size for out in finished.outputs},
        "log": finished.log.decode("utf-8", "replace"),
    }


def _show(one: LocalRun) -> None:
    finished, evaluation = one.finished, one.evaluation
    name = f"{one.package} (the ability test)" if one.is_test else one.package
    took = f"{seconds_text(finished.seconds)}, {size_text(finished.peak_memory)} of memory"
    print(f"{name}: {evaluation.judgement.value}, {took}")
    if evaluation.accepted:
        for out in finished.outputs:
            print(f"  {out.path}, {size_text(out.size)}")
        return
    print(f"  {one_line(evaluation.why)}")
    lines = finished.log.decode("utf-8", "replace").splitlines()
    if not lines:
        print("  log.txt is empty: the program printed nothing")
        return
    print("  log.txt:" if len(lines) <= LOG_LINES else f"  log.txt, its last {LOG_LINES} lines:")
    for line in lines[-LOG_LINES:]:
        print(f"  | {one_line(line.expandtabs())}")
