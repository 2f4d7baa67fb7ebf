"""A reading of a quiet PC, rules as in the example ini, and a clock that goes as told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobman_agent.model.reading import InputSource, Reading
from jobman_agent.policy import Memory, Rules, decide
from jobman_agent.policy.hours import Calendar
from jobman_agent.settings.pc import Idle, Yielding
from jobman_agent.settings.week import Window

if TYPE_CHECKING:
    from jobman_agent.model.verdict import ReasonCode, Verdict

ALL_DAY = ((Window(0, 1440),),) * 7
START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)  # a Tuesday


def a_source(idle_seconds: Any = 3600.0, **changes: Any) -> InputSource:
    return replace(InputSource("X11", idle_seconds, proven=True), **changes)


def a_reading(**changes: Any) -> Reading:
    quiet = Reading(
        taken_at=0.0,
        sources=(a_source(),),
        locked=False,
        remote_users=(),
        others_cpu=3.0,
        memory_free=8_000_000_000,
        memory_total=16_000_000_000,
        disk_free=100_000_000_000,
        on_battery=False,
        running=frozenset(),
        presentation=None,
    )
    return replace(quiet, **changes)


def an_idle(**changes: Any) -> Idle:
    example = Idle(
        owner_watched=True,
        user_away=timedelta(minutes=10),
        locked_away=timedelta(minutes=1),
        cpu_below=25.0,
        cpu_above=40.0,
        lasting=timedelta(minutes=2),
        on_battery=False,
        not_while_running=("Teams.exe", "zoom"),
    )
    return replace(example, **changes)


def the_rules(week: Any = ALL_DAY, **idle: Any) -> Rules:
    return Rules(
        an_idle(**idle),
        Yielding(timedelta(minutes=2), timedelta(minutes=15)),
        Calendar(week, timedelta(minutes=15), zone="Europe/Copenhagen"),
    )


class Office:
    """A PC whose sensors say what the test says; the owner last touched it an hour ago."""

    def __init__(self, rules: Rules | None = None, start: datetime = START):
        self.rules = rules or the_rules()
        self.now = start
        self.steady = 5000.0
        self.touched = self.steady - 3600
        self.says: dict[str, Any] = {}
        self.memory = Memory()

    def look(self, **says: Any) -> Verdict:
        """Judge what the sensors say now; what is said stays so."""
        self.says |= says
        sources = (a_source(self.steady - self.touched),)
        reading = a_reading(taken_at=self.steady, **({"sources": sources} | self.says))
        verdict, self.memory = decide(reading, self.rules, self.now, self.memory)
        return verdict

    def later(self, seconds: float, every: float = 10.0, **says: Any) -> Verdict:
        """Look every few seconds for so long; the last verdict."""
        self.says |= says
        while seconds > 0:
            step = min(every, seconds)
            self.pass_by(step)
            seconds -= step
            verdict = self.look()
        return verdict

    def pass_by(self, seconds: float, *, steady: float | None = None) -> None:
        """Time in which nobody looks; steady: what that clock saw of it."""
        self.now += timedelta(seconds=seconds)
        self.steady += seconds if steady is None else steady

    def touch(self, nudge: Any = None) -> Verdict:
        self.touched = self.steady
        return self.glance(nudge)

    def glance(self, nudge: Any = 0.0) -> Verdict:
        """One look, in which the source also says how far the pointer moved."""
        source = a_source(self.steady - self.touched, nudge_pixels=nudge)
        reading = a_reading(taken_at=self.steady, **(self.says | {"sources": (source,)}))
        verdict, self.memory = decide(reading, self.rules, self.now, self.memory)
        return verdict


def free_office(**idle: Any) -> Office:
    """One where everything has been clear for long."""
    office = Office(the_rules(**idle))
    office.look()
    office.later(180)
    return office


def codes(verdict: Verdict) -> list[ReasonCode]:
    return [reason.code for reason in verdict.reasons]


def texts(verdict: Verdict) -> list[str]:
    return [reason.text for reason in verdict.reasons]
