"""``jobman demo``: the whole chain on this PC, with a real calculation, in JOBMAN_HOME/demo.

Run again it does what a person expects who has changed something: inputs that changed are
calculated anew, an interrupted demo goes on, and a finished one is done anew as a whole.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command
from jobman_agent.cli.output import count_text, print_json, say, seconds_text
from jobman_agent.errors import ExitCode

if TYPE_CHECKING:
    import argparse

    from jobman_agent.cli.commands import Commands
    from jobman_agent.cli.display import Display
    from jobman_agent.cli.employing import Ending
    from jobman_agent.employer.opening import OpenJob

_DESCRIPTION = """\
Calculate girders by finite elements, shared out over a folder to two workers in processes of their
own, every result checked. All of it is in JOBMAN_HOME/demo; remove that folder to begin afresh.
Run again after a change in its beams/ folder, it calculates only what the change touches.
"""
TEMPLATE = "beams"
NAME = "demo"
PCS = ("pc-1", "pc-2")
_MOST_SLOTS = 4


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    add_command(commands, common, "demo", "see it work, on this PC alone", _DESCRIPTION, run)


def run(args: argparse.Namespace) -> int:
    """Run the demo; its workers have ended when this returns, however it returns."""
    from jobman_agent.cli.context import start_log
    from jobman_agent.cli.display import open_display
    from jobman_agent.settings.places import find_places
    from jobman_agent.storage.files import make_private_dir

    # Nobody's settings are read: the demo works whatever they say.
    places = find_places(os.environ)
    start_log(places, args.verbose)
    home = places.home / "demo"
    make_private_dir(home)
    folder = home / TEMPLATE
    if not folder.exists():
        _copy_job(folder)
    opened = _open(folder, home)
    try:
        ending = _share_out(opened, home, open_display(args.verbose), args.verbose)
    finally:
        opened.close()
    return _tell(folder, ending, as_json=args.json)


def _copy_job(folder: Path) -> None:
    """Copy the shipped example, all of it or nothing.

    Raises:
        StorageError: it cannot be written.
    """
    from jobman_agent.errors import StorageError
    from jobman_agent.settings.places import shipped
    from jobman_agent.storage.files import explain

    part = folder.with_suffix(".part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        unwanted = shutil.ignore_patterns("__pycache__", "results", "failed", ".*")
        shutil.copytree(shipped("examples") / TEMPLATE, part, ignore=unwanted)
        part.rename(folder)
    except OSError as exc:
        raise StorageError(explain(exc, "copy the example to", folder)) from exc


def _open(folder: Path, home: Path) -> OpenJob:
    from jobman_agent.clock import SYSTEM_CLOCK
    from jobman_agent.employer.job.loading import load_job
    from jobman_agent.employer.opening import Again, open_job

    job = load_job(folder)
    opened = open_job(job, home / "jobs", SYSTEM_CLOCK, Again(changed=True))
    if not opened.finished:
        return opened
    opened.close()
    return open_job(job, home / "jobs", SYSTEM_CLOCK, Again(all=True))


def _share_out(opened: OpenJob, home: Path, display: Display, verbosity: int) -> Ending:
    from jobman_agent.cli.demo_pcs import DemoPCs
    from jobman_agent.cli.employing import Employment, run_job
    from jobman_agent.pool.opening import DirectoryAddress, make_pool
    from jobman_agent.trust.keys import load_or_make

    key = load_or_make(home / "keys")
    pool = DirectoryAddress(home / "pool")
    say(f"{opened.job.spec.title}: {count_text(len(opened.job.package_names), 'package')}")
    for note in opened.notes:
        say(note)
    slots = max(1, min(_MOST_SLOTS, (os.cpu_count() or 1) // len(PCS)))
    with DemoPCs(PCS, home, display.line) as pcs:
        pcs.start(f"{NAME}={key.public}", str(pool), slots)
        how = Employment(
            key=key,
            name=NAME,
            pool=str(pool),
            make_pool=lambda sender: make_pool(pool, sender),
            verbose=verbosity > 0,
            hint="Ctrl-C ends the demo; jobman demo goes on later",
            look=pcs.look,
        )
        return run_job(opened, how, display)


def _tell(folder: Path, ending: Ending, *, as_json: bool) -> int:
    from jobman_agent.cli.employing import exit_code, tell_failures
    from jobman_agent.employer.results.folder import RESULTS

    now = ending.progress
    code = exit_code(ending)
    tell_failures(now)
    results = folder / RESULTS
    if as_json:
        print_json(
            {
                "packages": now.packages,
                "accepted": now.accepted,
                "failed": now.failed,
                "left": ending.left,
                "seconds": round(ending.seconds, 3),
                "job": str(folder),
                "results": str(results),
                "exit_code": int(code),
            }
        )
        return code
    count, took = count_text(now.packages, "package"), seconds_text(ending.seconds)
    if ending.left:
        print(f"ended after {took}: {now.accepted} of {count} are done; jobman demo goes on")
    elif now.failed:
        print(f"{now.accepted} of {count} accepted in {took}, {now.failed} failed; see {folder}")
    else:
        print(f"{ending.counted} in {took}, every result checked; they are in {results}")
    if code == ExitCode.DONE:
        print("\n".join(_next_steps(folder)))
    return code


def _next_steps(folder: Path) -> list[str]:
    jobman = "jobman"
    if shutil.which(jobman) is None:
        beside = Path(sys.executable).with_name("jobman" + Path(sys.executable).suffix)
        jobman = str(beside) if beside.exists() else f"{sys.executable} -m jobman_agent"
    return [
        "",
        "what to try next:",
        f"  open {folder / 'results' / 'summary.csv'}",
        f"  change a value in {folder / 'parameters.csv'}, then {jobman} demo again:",
        "      only what the change touches is calculated anew",
        f"  {jobman} demo -v          every step of the way, with its number",
        f"  {jobman} new my-job       a job of your own to start from",
    ]
