"""``jobman employ``: share a job out, and stay until it is done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command
from jobman_agent.errors import InputError

if TYPE_CHECKING:
    import argparse

    from jobman_agent.cli.commands import Commands
    from jobman_agent.cli.context import Context
    from jobman_agent.cli.employing import Employment
    from jobman_agent.employer.job.folder import JobFolder

_DESCRIPTION = """\
Share a job out to the PCs of a pool, judge what comes back, and keep it in the job's results/.
It stays until the job is done. Ctrl-C withdraws the offer; the same command goes on where it was.
A pool that is not there (yet) is waited for.
"""


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = add_command(commands, common, "employ", "share a job out", _DESCRIPTION, run)
    parser.add_argument("job", metavar="JOB", type=Path, help="the folder that holds job.ini")
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=seconds,
        help="wait so long for a pool that is not there; then exit 3 (else for ever)",
    )
    parser.add_argument(
        "--again", action="store_true", help="do everything anew; results/ is moved aside"
    )
    parser.add_argument(
        "--retry-failed", action="store_true", help="try the packages again that failed for good"
    )
    parser.add_argument(
        "--redo-changed", action="store_true", help="do packages anew whose inputs have changed"
    )
    parser.add_argument(
        "--name", metavar="NAME", help="what you are called there, instead of your login name"
    )


def seconds(text: str) -> float:
    """A number of seconds on the command line.

    Raises:
        InputError: it is none.
    """
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise InputError(f"{text!r} is no number of seconds: write for example 60")
    return found


def run(args: argparse.Namespace) -> int:
    """Work at the job until it is done or Ctrl-C is pressed."""
    from jobman_agent.cli.context import load_context, start_log
    from jobman_agent.cli.display import open_display
    from jobman_agent.cli.employing import employ
    from jobman_agent.clock import SYSTEM_CLOCK
    from jobman_agent.employer.job.loading import load_job
    from jobman_agent.employer.opening import NOTHING, Again, open_job

    context = load_context(args)
    start_log(context.places, args.verbose)
    again = Again(all=args.again, failed=args.retry_failed, changed=args.redo_changed)
    job = load_job(args.job)
    if again != NOTHING:
        context.pool_maker()  # a wrong URL is told before anything is moved aside
    opened = open_job(job, context.places.home / "jobs", SYSTEM_CLOCK, again)
    try:
        display = open_display(args.verbose)
        return employ(
            opened,
            lambda: _employment(args, context, job),
            lambda: context.key,
            display,
            as_json=args.json,
        )
    finally:
        opened.close()


def _employment(args: argparse.Namespace, context: Context, job: JobFolder) -> Employment:
    """What is needed as soon as there is something to do.

    Raises:
        InputError: no pool, or a wrong URL; or no worker could ever be known.
    """
    from jobman_agent.cli.context import own_name
    from jobman_agent.cli.employing import Employment
    from jobman_agent.trust.employers import load_employers
    from jobman_agent.trust.programs import load_programs

    make_pool = context.pool_maker()
    employers = load_employers(context.settings, context.places.employers_file)
    known = frozenset(employers.known_workers().values())
    if job.spec.known_workers_only and not known:
        raise InputError(
            f"{job.root}: workers = known, but no worker is known here: "
            "jobman keys trust NAME KEY --worker, with the key that jobman keys shows on that PC"
        )
    return Employment(
        key=context.key,
        name=own_name(args.name),
        pool=str(context.address),
        make_pool=make_pool,
        known=known,
        python=load_programs(context.settings).path("python"),
        wait_s=args.wait,
        verbose=args.verbose > 0,
        again=_same_command(args),
    )


def _same_command(args: argparse.Namespace) -> str:
    """The command that goes on with this job; three dots stand for a password in the URL."""
    from urllib.parse import urlsplit

    from jobman_agent.settings.pool_url import without_password

    words = ["jobman employ", _quoted(str(args.job))]
    for option in ("config", "pool", "name"):
        value = getattr(args, option)
        if value is not None:
            if option == "pool" and urlsplit(value).password is not None:
                value = without_password(value)
            words.append(f"--{option} {_quoted(value)}")
    return " ".join(words)


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word
