"""Section ``settings``: which files are read, what is wrong with them, what IT has locked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jobman_agent.cli.doctor.line import Line, note, ok, wrong
from jobman_agent.cli.doctor.setup import HOLIDAYS_S, SETTINGS_S
from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.errors import InputError, StorageError
from jobman_agent.settings import machine_file_fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from jobman_agent.cli.doctor.setup import Setup
    from jobman_agent.settings.pc import Settings


def look(setup: Setup) -> Iterator[Line]:
    """Files (each beats those below it), mistakes, locks, hints, time zone."""
    yield from _files(setup)
    try:
        settings = setup.settings.result(SETTINGS_S)
    except InputError as exc:
        for mistake in exc.mistakes or (str(exc),):
            yield wrong("mistake", mistake)
    except StorageError as exc:
        yield wrong("mistake", str(exc))
    except TimeoutError:
        text = f"the settings could not be read within {SETTINGS_S:.0f} s"
        yield wrong("mistake", text, "see that the disk they lie on answers")
    else:
        yield from _good(settings, setup)
        yield from _holidays(settings, setup)
    yield _zone(setup.environ)


# ---- files
def _files(setup: Setup) -> Iterator[Line]:
    """What is read, in falling order: what stands above beats what stands below."""
    if setup.pool is not None:
        yield ok("read", "command line: --pool", layer="options")
    named = "--config" if setup.config else "yours"
    path, machine = setup.user_file, setup.places.machine_file
    variables = sorted(name for name in setup.environ if _is_setting(name))
    if variables:
        text = f"variables of this shell: {', '.join(variables)}"
        yield ok("read", text, layer="variables", variables=variables)
    if path.is_file():
        yield ok("read", f"{path} ({named})", layer="user", path=str(path), there=True)
    else:
        way = f"jobman config init --pool URL{_option(setup)}"
        yield note("read", f"{path} is not there", way, layer="user", path=str(path), there=False)
    yield _machine(machine)


def _is_setting(name: str) -> bool:
    from jobman_agent.settings import schema

    words = name.split("_", 2)
    return (
        len(words) == len(("JOBMAN", "SECTION", "KEY"))
        and words[0] == "JOBMAN"
        and words[1].lower() in schema.JOBMAN.sections
    )


def _option(setup: Setup) -> str:
    return f" --config {setup.config}" if setup.config else ""


def _machine(file: Path) -> Line:
    data: dict[str, object] = {"layer": "machine", "path": str(file)}
    if not file.is_file():
        return ok("read", f"{file} (this PC's, by IT) is not there", there=False, **data)
    try:
        why = machine_file_fault(file)
    except OSError as exc:
        why = f"its owner cannot be seen ({exc})"
    if why is None:
        return ok("read", f"{file} (this PC's, by IT)", there=True, **data)
    ways = [f"sudo chown root: {file.parent} {file}", f"sudo chmod go-w {file.parent} {file}"]
    if os.sep == "\\":
        ways = ["let only administrators own and change it"]
    return wrong("ignored", f"{file} is ignored: {why}", *ways, data=data | {"there": True})


# ---- what they say
def _good(settings: Settings, setup: Setup) -> Iterator[Line]:
    from jobman_agent.settings.hints import hints

    yield ok("mistakes", "no mistakes")
    if settings.locked:
        names = sorted(settings.locked)
        yield ok("locked", f"IT alone decides: {', '.join(names)}", locked=names)
    for text in settings.notes:
        if not text.startswith(str(setup.places.machine_file)):  # that one is told already
            yield note("ignored", text, "remove it there: it does not count")
    for hint in hints(settings, setup.environ):
        text, _, way = hint.partition(": ")
        yield note("hours" if text.startswith("[hours]") else "hint", text, *([way] if way else []))


def _holidays(settings: Settings, setup: Setup) -> Iterator[Line]:
    place = settings.hours.holidays
    if place is None:
        return
    try:
        found = setup.holidays.result(HOLIDAYS_S)
    except InputError as exc:
        yield wrong("holidays", str(exc))
        return
    except TimeoutError:
        yield note("holidays", f"the public holidays of {place} are still being looked up")
        return
    if found.note:
        yield note("holidays", found.note)
    today = SYSTEM_CLOCK.now().astimezone().date()
    day = min((day for day in found.dates if day >= today), default=None)
    if day is not None:
        text = f"next public holiday ({place}): {day:%Y-%m-%d}, {found.dates[day]}"
        yield ok("holidays", text, next=str(day), name=found.dates[day])


def _zone(environ: Mapping[str, str]) -> Line:
    from jobman_agent.policy.hours import local

    now = SYSTEM_CLOCK.now()
    try:
        moment = local(now, None)
    except InputError as exc:
        return wrong("zone", str(exc), "set TZ to a name like Europe/Copenhagen, or unset it")
    offset = moment.to_fixed_offset().to_stdlib()
    source = "by TZ" if environ.get("TZ") else "the system's"
    text = f"time zone {moment.tz_id or 'without a name'} ({source}); it is {offset:%Y-%m-%d %H:%M}"
    return ok("zone", text, zone=moment.tz_id, now=offset.isoformat(timespec="seconds"))
