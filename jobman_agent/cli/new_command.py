"""``jobman new``: a job folder to start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command
from jobman_agent.cli.output import print_json, say
from jobman_agent.errors import ExitCode, InputError

if TYPE_CHECKING:
    import argparse

    from jobman_agent.cli.commands import Commands

_DESCRIPTION = """\
Make a job folder to start from: job.ini, common/, test/ and packages/.
The templates are complete jobs that run as they are; put your own files in their places.
"""


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = add_command(commands, common, "new", "make a job folder", _DESCRIPTION, run)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="a new or an empty folder")
    parser.add_argument(
        "--template",
        default="hello",
        metavar="NAME",
        help="hello (the default, the smallest) or beams (a table of parameters, and a check)",
    )


def run(args: argparse.Namespace) -> int:
    """Make it, and say what to do next."""
    from jobman_agent.employer.job.starting import new_job
    from jobman_agent.settings.places import shipped

    folder: Path = args.folder
    known = sorted(path.name for path in shipped("examples").iterdir() if path.is_dir())
    if args.template not in known:
        raise InputError(f"--template {args.template}: there is none; take {' or '.join(known)}")
    files = new_job(folder, template=args.template)
    if args.json:
        print_json({"folder": str(folder.absolute()), "files": files})
        return ExitCode.DONE
    for file in files:
        print((folder / file).as_posix())
    say(f"made the job folder {folder}; next: jobman check {folder}")
    return ExitCode.DONE
