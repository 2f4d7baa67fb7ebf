"""``jobman doctor --watch``: a person presses a key, and each source shows whether it noticed.

What noticed it is proven from then on, as after a day's work with an agent.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from jobman_agent.cli.doctor import view
from jobman_agent.cli.doctor.about_sensors import make_sensors
from jobman_agent.cli.doctor.line import Line, note, ok, wrong
from jobman_agent.cli.output import print_json, say
from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.errors import ExitCode
from jobman_agent.model.reading import Reading, Unknown

if TYPE_CHECKING:
    from datetime import datetime

    from jobman_agent.cli.doctor.setup import Setup
    from jobman_agent.sensors.description import Description
    from jobman_agent.sensors.sensors import Sensors

QUIET_S = 3.0
"""So long a source must have stood still before a touch proves it, and a little more."""
_ALL_S = 7.0
"""So long all sources are waited for; then one that stands still is enough."""
PATIENCE_S = 20.0
"""So long hands may stay on the keyboard."""
PRESS_S = 10.0
_MORE_S = 1.0
"""So long after the first source the others may take."""
_LOOK_S = 0.1


class Seen(NamedTuple):
    """How it went."""

    rows: list[Description]
    asked_at: datetime | None
    """When a key was asked for; None: it did not come to that."""

    def noticed(self, row: Description) -> bool:
        """Whether a source noticed the key."""
        return (
            self.asked_at is not None
            and row.reset_at is not None
            and (row.reset_at >= self.asked_at)
        )


def watch(setup: Setup, *, as_json: bool) -> int:
    """Ask for a key and tell who noticed it; exit 0 if somebody did."""
    settings = setup.good_settings() or setup.defaults()
    if not settings.idle.owner_watched:
        say("owner = nobody in [idle]: key and mouse are not looked at on this PC")
        return ExitCode.DONE
    sensors = make_sensors(setup, settings)
    try:
        seen = asyncio.run(_watch(sensors))
    finally:
        sensors.close()  # what was proven is on disk by then
    rows = [row for row in seen.rows if row.proven is not None]
    code = ExitCode.DONE if any(seen.noticed(row) for row in rows) else ExitCode.BAD_INPUT
    if as_json:
        sources = [
            {
                "source": row.source,
                "known": row.known,
                "noticed": seen.noticed(row),
                "proven": row.proven,
            }
            for row in rows
        ]
        print_json({"exit_code": code, "sources": sources})
        return code
    on = view.paper()
    for row in rows:
        view.show(_line(row, seen, somebody=code is ExitCode.DONE), on)
    if not rows:
        view.show(wrong("source", "nothing here tells when key or mouse are used"), on)
    return code


def _line(row: Description, seen: Seen, *, somebody: bool) -> Line:
    if seen.noticed(row):
        return ok("source", f"{row.source} noticed it: it counts from now on")
    if not row.known:
        return note("source", f"{row.source}: {row.value}", *([row.advice] if row.advice else []))
    if seen.asked_at is None:
        return wrong(
            "source", f"{row.source} never stood still: is a key stuck, or a mouse moving?"
        )
    if somebody:
        return note("source", f"{row.source} did not notice it")
    text = f"{row.source} noticed nothing within {PRESS_S:.0f} s"
    return wrong("source", text, "once more: jobman doctor --watch")


async def _watch(sensors: Sensors) -> Seen:
    reading = await sensors.read()
    if reading.sources and not _idle(reading):
        # Windows tells nothing before the first key.
        say(f"press a key, within {PRESS_S:.0f} s")
        await _first(sensors)
    if not _idle(await sensors.read()):
        return Seen(sensors.describe(), None)
    say(f"hands off keyboard and mouse for {QUIET_S:.0f} s ...")
    if not await _quiet(sensors):
        return Seen(sensors.describe(), None)
    say(f"... and now press a key, Shift for instance, within {PRESS_S:.0f} s")
    seen = Seen([], SYSTEM_CLOCK.now())
    deadline = SYSTEM_CLOCK.monotonic() + PRESS_S
    some = False
    while SYSTEM_CLOCK.monotonic() < deadline:
        await asyncio.sleep(_LOOK_S)
        await sensors.read()
        rows = [row for row in sensors.describe() if row.known and row.proven is not None]
        noticed = [seen.noticed(row) for row in rows]
        if rows and all(noticed):
            break
        if any(noticed) and not some:
            some, deadline = True, min(deadline, SYSTEM_CLOCK.monotonic() + _MORE_S)
    return seen._replace(rows=sensors.describe())


async def _first(sensors: Sensors) -> None:
    """Wait until a source tells something at all."""
    deadline = SYSTEM_CLOCK.monotonic() + PRESS_S
    while SYSTEM_CLOCK.monotonic() < deadline:
        if _idle(await sensors.read()):
            return
        await asyncio.sleep(_LOOK_S)


async def _quiet(sensors: Sensors) -> bool:
    """Wait until all sources have stood still for long enough, or at last some; False: none do."""
    began = SYSTEM_CLOCK.monotonic()
    while (now := SYSTEM_CLOCK.monotonic()) < began + PATIENCE_S:
        idle = _idle(await sensors.read())
        still = sum(seconds >= QUIET_S for seconds in idle)
        waited = now - began
        # Another screen of this PC may be in use.
        if still and waited >= (QUIET_S if still == len(idle) else _ALL_S):
            return True
        await asyncio.sleep(_LOOK_S)
    return False


def _idle(reading: Reading) -> list[float]:
    return [s.idle_seconds for s in reading.sources if not isinstance(s.idle_seconds, Unknown)]
