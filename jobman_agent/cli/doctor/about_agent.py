"""Section ``agent``: does it run, where does it keep things, what does its log say?"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jobman_agent import __version__
from jobman_agent.agent.states import MEANINGS, State
from jobman_agent.cli.doctor.line import Line, note, ok, wrong
from jobman_agent.cli.doctor.setup import AGENT_S
from jobman_agent.cli.output import count_text, seconds_text, size_text
from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.errors import AgentNotRunning, JobmanError
from jobman_agent.policy.rules import DISK_PRESSURE, DISK_TO_START

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jobman_agent.cli.doctor.setup import Setup
    from jobman_agent.control.client import Status

_RECENT_S = 7 * 86_400.0


def look(setup: Setup) -> Iterator[Line]:
    """Version, agent, JOBMAN_HOME, log."""
    python = f"Python {platform.python_version()}"
    text = f"jobman {__version__}, {python} ({sys.executable})"
    yield ok("version", text, jobman=__version__, python=platform.python_version())
    yield _running(setup)
    yield from _home(setup.places.home)
    yield from _log(setup.places.logs)


def _running(setup: Setup) -> Line:
    home = setup.places.home
    try:
        status = setup.agent.result(AGENT_S)
    except AgentNotRunning as exc:
        if not str(exc).startswith("no agent runs"):
            return wrong("running", str(exc), "once the old one has ended: jobman agent")
        return note("running", f"no agent runs for {home}", "jobman agent", running=False)
    except TimeoutError:
        return wrong("running", "the agent takes the connection, but does not answer")
    except JobmanError as exc:
        return wrong("running", f"the agent does not say how it is: {exc}")
    return _state(status)


def _state(status: Status) -> Line:
    meaning = MEANINGS[State(status["state"])]
    text = f"runs (process {status['pid']}): {status['state']}, {meaning}"
    if status["packages"]:
        text += f"; holds {count_text(len(status['packages']), 'package')}"
    return ok("running", text, running=True, **status)


# ---- JOBMAN_HOME
def _home(home: Path) -> Iterator[Line]:
    """Where everything is kept. Nothing of it is made here."""
    from jobman_agent.sensors.file_system import network_file_system

    place = next((folder for folder in (home, *home.parents) if folder.exists()), home)
    why = _not_writable(place)
    if not place.is_dir():
        yield wrong("home", f"{place} is no folder", "name another one: JOBMAN_HOME=FOLDER")
        return
    if why:
        yield wrong("home", f"{place} cannot be written: {why}", "JOBMAN_HOME=A_FOLDER_OF_YOURS")
    elif place == home:
        yield ok("home", f"all is kept in {home}", path=str(home), there=True)
    else:
        yield ok("home", f"all will be kept in {home}", path=str(home), there=False)
    share = network_file_system(place)
    if share is not None:
        text = f"it lies on a network share ({share}): what is kept is safer on this PC's own disk"
        yield note("share", text, "JOBMAN_HOME=A_LOCAL_FOLDER, for everything of jobman")
    yield _space(place)


def _not_writable(folder: Path) -> str:
    """Why; empty: it can be written."""
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".doctor"):
            return ""
    except OSError as exc:
        return exc.strerror or str(exc)


def _space(folder: Path) -> Line:
    free = shutil.disk_usage(folder).free
    text, needed = f"{size_text(free)} of disk are free there", size_text(DISK_TO_START)
    if free >= DISK_TO_START:
        return ok("space", text, free=free)
    text += f"; packages start only from {needed} on"
    if free < DISK_PRESSURE:
        return wrong("space", text, f"free {needed} of that disk", data={"free": free})
    return note("space", text, f"free {needed} of that disk", free=free)


# ---- what was written down
def _log(folder: Path) -> Iterator[Line]:
    path, now = folder / "jobman.log", SYSTEM_CLOCK.now()
    try:
        found = path.stat()
    except OSError:
        yield ok("log", f"nothing in {path} yet", path=str(path), there=False)
    else:
        age = (now - datetime.fromtimestamp(found.st_mtime, UTC)).total_seconds()
        when = seconds_text(max(0.0, age))
        text = f"{path}, written {when} ago; jobman log shows it"
        yield ok("log", text, path=str(path), there=True, age_seconds=round(age))
    faults = folder / "faults.log"
    try:
        age = now.timestamp() - os.stat(faults).st_mtime
    except OSError:
        return
    if age < _RECENT_S:
        text = f"jobman itself failed {seconds_text(max(0.0, age))} ago"
        yield note("faults", text, f"please report it, with {faults}", path=str(faults))
