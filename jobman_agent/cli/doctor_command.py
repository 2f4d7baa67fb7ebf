"""``jobman doctor``: everything that decides whether this PC can work, and what to do about it."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command
from jobman_agent.cli.output import print_json

if TYPE_CHECKING:
    import argparse
    from typing import NoReturn

    from jobman_agent.cli.commands import Commands
    from jobman_agent.cli.doctor.examine import Look
    from jobman_agent.cli.doctor.line import Section
    from jobman_agent.cli.doctor.setup import Setup

_ABOUT = """\
Look at everything that decides whether this PC can work: the agent, settings, sensors, pool,
programs, trusted employers, sandbox. Each line says ok, note or wrong, and under it stands what
to do. Ends within 15 s, whatever does not answer. Exit 0 if nothing is wrong, 3 if only the pool
is out of reach, 4 if only its login is refused, else 2.

  jobman doctor --watch     press a key when it says so: which sources notice it?
"""
SECONDS = 12.0
"""For all looks; with Python's own start and end that is within 15 s."""


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = add_command(commands, common, "doctor", "what is wrong here", _ABOUT, _run)
    parser.add_argument(
        "--watch", action="store_true", help="see which sources notice a key; they then count"
    )


def _run(args: argparse.Namespace) -> int:
    import logging

    from jobman_agent.cli.doctor.setup import begin
    from jobman_agent.settings.places import find_places

    log = logging.getLogger("jobman_agent")
    if args.verbose > 1:
        from jobman_agent.log import log_to_stream

        log_to_stream(sys.stderr)
    else:  # what goes wrong is told in lines
        log.addHandler(logging.NullHandler())
    setup = begin(args, find_places(os.environ))
    if args.watch:
        from jobman_agent.cli.doctor.watch import watch

        return watch(setup, as_json=args.json)
    return _finish(_examine(setup, as_json=args.json))


def _examine(setup: Setup, *, as_json: bool) -> int:
    from jobman_agent.cli.context import bug_report
    from jobman_agent.cli.doctor import view
    from jobman_agent.cli.doctor.examine import examine
    from jobman_agent.cli.doctor.line import exit_code

    on = view.paper()
    sections: list[Section] = []
    for name, wait in examine(looks(setup), SECONDS, bug_report):
        if not as_json:
            on.heading(name)
        section = wait()
        sections.append(section)
        for line in () if as_json else section.lines:
            view.show(line, on)
    code = exit_code(sections)
    if as_json:
        print_json(view.as_json(sections, code))
    else:
        print(view.closing_line(sections))
    return code


def looks(setup: Setup) -> list[Look]:
    """All sections, in their order."""
    from jobman_agent.cli.doctor import (
        about_agent,
        about_desktop,
        about_packages,
        about_pool,
        about_sensors,
        about_settings,
        about_trust,
    )
    from jobman_agent.cli.doctor.examine import Look

    home = "the disk of JOBMAN_HOME"
    files = "a file or program of the settings"
    disk = "see that the disk or share answers"
    return [
        Look("agent", lambda: about_agent.look(setup), home, disk),
        Look("settings", lambda: about_settings.look(setup), "the files of settings", disk),
        Look("sensors", lambda: about_sensors.look(setup), "a source", "jobman doctor -vv"),
        Look("verdict", lambda: about_sensors.look_at_verdict(setup), "the sensors", "see there"),
        Look("pool", lambda: about_pool.look(setup), "the pool", "jobman pool check"),
        Look("programs", lambda: about_trust.look_at_programs(setup), files, disk),
        Look("employers", lambda: about_trust.look_at_employers(setup), files, disk),
        Look("packages", lambda: about_packages.look(setup), "a trial package", disk),
        Look("desktop", lambda: about_desktop.look(setup), "the desktop", "jobman doctor -vv"),
    ]


def _finish(code: int) -> int:
    """End now, also where a thread still waits for what does not answer."""
    others = [t for t in threading.enumerate() if t is not threading.main_thread()]
    if any(not thread.daemon for thread in others):
        _leave(code)
    return code


def _leave(code: int) -> NoReturn:
    # Python would wait for the threads of asyncio's and keyring's executors.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
