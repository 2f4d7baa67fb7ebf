"""Sections ``sensors`` and ``verdict``: every source live, and what the policy makes of it."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from jobman_agent.cli.doctor.line import Level, Line, note, ok, wrong
from jobman_agent.cli.output import seconds_text
from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.errors import InputError
from jobman_agent.model.reading import Unknown
from jobman_agent.model.verdict import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import date, datetime

    from jobman_agent.cli.doctor.setup import Setup
    from jobman_agent.model.reading import Reading
    from jobman_agent.model.verdict import Verdict
    from jobman_agent.sensors.description import Description
    from jobman_agent.sensors.sensors import Sensors
    from jobman_agent.settings.pc import Settings

CPU_S = 1.0
"""So long the processor is looked at; an agent takes ten seconds for a sample."""
_LATE_S = 3.0
"""A PC that is very busy may take so much longer."""
_LOOK_S = 0.25
READING_S = 10.5
WATCH = "jobman doctor --watch (press a key when it says so)"
_HELPS = {
    ReasonCode.HOURS: "to work now, whatever the hours say: jobman work-now 2h",
    ReasonCode.PAUSED: "jobman resume",
    ReasonCode.OWNER_UNSEEN: "see the sensors above",
    ReasonCode.SETTINGS_WRONG: "see the settings above",
    ReasonCode.POOL_AWAY: "see the pool below",
}


# ---- sensors
def look(setup: Setup) -> Iterator[Line]:
    """Every source: value, age, whether it counts."""
    settings = setup.good_settings()
    if settings is None:
        yield note("settings", "looked at by the default settings, since yours hold mistakes")
        settings = setup.defaults()
    if not settings.idle.owner_watched:
        yield ok("owner", "owner = nobody: key and mouse are not looked at", watched=False)
    sensors = make_sensors(setup, settings)
    try:
        reading, rows = asyncio.run(_read(sensors))
    except BaseException as exc:
        setup.reading.set_exception(exc)
        raise
    finally:
        sensors.close()
    setup.reading.set_result(reading)
    yield from lines(rows, agent_sees=_agent_sees(setup))


def make_sensors(setup: Setup, settings: Settings) -> Sensors:
    """The same sensors that an agent has; they find out soon how busy the processor is."""
    from jobman_agent.sensors.sensors import Sensors

    return Sensors(
        settings,
        _own_pids(setup),
        home=setup.places.home,
        environ=setup.environ,
        cpu_seconds=CPU_S,
    )


def _own_pids(setup: Setup) -> Callable[[], Collection[int]]:
    """What is not "others": this process, and the agent with all that it has started."""
    from jobman_agent.execution import processes

    status = setup.agent_status()
    roots = [os.getpid()] if status is None else [os.getpid(), status["pid"]]
    return lambda: {*roots, *processes.below(roots)}


async def _read(sensors: Sensors) -> tuple[Reading, list[Description]]:
    reading = await sensors.read()
    deadline = SYSTEM_CLOCK.monotonic() + CPU_S + _LATE_S
    while isinstance(reading.others_cpu, Unknown) and SYSTEM_CLOCK.monotonic() < deadline:
        await asyncio.sleep(_LOOK_S)
        reading = await sensors.read()
    return reading, sensors.describe()


def _agent_sees(setup: Setup) -> bool:
    """Whether an agent runs that sees the owner; doctor, over ssh, may see less than it."""
    status = setup.agent_status()
    unseen = ReasonCode.OWNER_UNSEEN.value
    return status is not None and all(one["code"] != unseen for one in status["reasons"])


def lines(rows: Sequence[Description], *, agent_sees: bool = False) -> Iterator[Line]:
    """What the sources say of themselves, judged.

    Args:
        rows: The sources, as seen by this process.
        agent_sees: An agent that runs does see the owner.
    """
    sees = any(row.known and row.proven is not None for row in rows)
    told: set[tuple[str, ...]] = set()
    for row in rows:
        data = {
            "source": row.source,
            "value": row.value,
            "known": row.known,
            "age_seconds": None if row.age_seconds is None else round(row.age_seconds, 1),
            "proven": row.proven,
            "seen_to_reset": None if row.reset_at is None else row.reset_at.isoformat(),
        }
        line = _source(row, sees=sees)
        if line.level is Level.WRONG and row.proven is not None and agent_sees:
            line = note("source", f"{line.text}; that is so from here, the agent sees the owner")
        # What helps several is said once.
        yield replace(line, do=() if line.do in told else line.do, data=data)
        told.add(line.do)


def _source(row: Description, *, sees: bool) -> Line:
    text = f"{row.source}: {row.value}{_age(row)}"
    if row.known:
        if row.proven is False:
            never = "has not been seen to notice a key within 30 days, so it does not count yet"
            return note("source", f"{text}; {never}", WATCH)
        return ok("source", f"{text}{_proof(row)}")
    if row.proven is None and not row.advice:
        return ok("source", text)
    if row.proven is False and sees:  # another one sees, and this one never has
        return note("source", text, row.advice)
    return wrong("source", text, *_ways(row.advice))


def _ways(advice: str) -> tuple[str, ...]:
    return tuple(way.strip() for way in advice.split(", or ")) if advice else ()


def _age(row: Description) -> str:
    """Old answers of sources that are looked at seldom are told as old."""
    if row.age_seconds is None or row.age_seconds < 3 or not row.known:  # noqa: PLR2004 - live
        return ""
    return f" (seen {seconds_text(row.age_seconds)} ago)"


def _proof(row: Description) -> str:
    if row.reset_at is None:
        return ""
    age = (SYSTEM_CLOCK.now() - row.reset_at).total_seconds()
    return f"; proven {seconds_text(max(0.0, age))} ago" if age >= 1 else "; proven just now"


# ---- verdict
def look_at_verdict(setup: Setup) -> Iterator[Line]:
    """May this PC work now? The agent's own word, or what it would say after watching."""
    status = setup.agent_status()
    if status is not None:
        reasons = [(one["code"], one["text"]) for one in status["reasons"]]
        data: dict[str, object] = {
            "by": "agent",
            "reasons": status["reasons"],
            "next": status["next"],
        }
        yield from _reasons(reasons, "the agent says: nothing holds this PC back", data)
        return
    settings, reading = setup.good_settings(), setup.reading.result(READING_S)
    if settings is None:
        yield note("verdict", "not judged: the settings hold mistakes")
        return
    try:
        verdict = judge(settings, reading, setup.known_holidays())
    except InputError:
        yield note("verdict", "not judged: the time zone is not known")
        return
    # Of one reading nobody can say for how long it has been so.
    reasons = [(one.code.value, one.text.removesuffix(" for 0 s")) for one in verdict.reasons]
    free = "an agent that has watched for a while would let packages start now"
    yield from _reasons(reasons, free, _as_data(verdict))


def judge(settings: Settings, reading: Reading, holidays: frozenset[date] = frozenset()) -> Verdict:
    """What the policy says of one reading, as if the PC had been watched for long.

    Raises:
        InputError: TZ names no time zone.
    """
    from jobman_agent.policy import Memory, decide, make_rules

    now = SYSTEM_CLOCK.now()
    long_ago = reading.taken_at - timedelta(days=1).total_seconds()
    memory = Memory(taken_at=reading.taken_at, judged_at=now, waiting_since=long_ago)
    return decide(reading, make_rules(settings, holidays=holidays), now, memory)[0]


def _as_data(verdict: Verdict) -> dict[str, object]:
    reasons = [
        {"code": one.code.value, "text": one.text, "until": _iso(one.until)}
        for one in verdict.reasons
    ]
    return {"by": "doctor", "reasons": reasons, "next": _iso(verdict.next)}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _reasons(
    reasons: Sequence[tuple[str, str]], free: str, data: dict[str, object]
) -> Iterator[Line]:
    if not reasons:
        yield ok("verdict", free, **data)
        return
    for number, (code, text) in enumerate(reasons):
        help_ = _HELPS.get(ReasonCode(code))
        line = note("verdict", f"{text} ({code})", *(() if help_ is None else (help_,)))
        yield replace(line, data=data) if number == 0 else line
