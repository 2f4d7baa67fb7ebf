"""What a PC would have done: recorded readings judged by `decide`, on a clock of their own.

Assumed: there is always work, and whoever runs it starts at once. No step is taken where nothing
can change: steps are made where a reading changes, where the policy named a time, where one of its
waits ends, and a second before each of these, for the policy remembers when a rule last failed. A
test holds that against a judgement every few seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from jobman_agent.model.reading import UNKNOWN, InputSource, Reading, RemoteUser
from jobman_agent.model.verdict import Permit, ReasonCode
from jobman_agent.policy.decide import decide
from jobman_agent.policy.hours import opening_at
from jobman_agent.policy.memory import Memory
from jobman_agent.policy.rules import (
    GAP_SECONDS,
    MEMORY_PRESSURE,
    MEMORY_TO_START,
    PRESENTATION_CAP,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jobman_agent.model.verdict import Verdict
    from jobman_agent.policy.recorded import Seen, Span
    from jobman_agent.policy.rules import Rules

LONGEST_STEP_S = 3600.0
_MEMORY_BYTES = 10**10
_USED_TO_START = 100 - 100 * MEMORY_TO_START
_USED_PRESSURE = 100 - 100 * MEMORY_PRESSURE
_NEVER = -1e9
_ROUNDING_S = 1e-4


class Doing(Enum):
    """What the PC does; the values are a contract (``policy --week --json``)."""

    WORKING = "working"
    FROZEN = "frozen"
    """Packages are held, and may not run."""
    OFF = "off"
    """Nothing is held."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which nothing changed."""

    start: float
    """Unix seconds."""
    end: float
    doing: Doing
    reasons: frozenset[ReasonCode]
    """What held it back; what allows to finish counts only where nothing was held."""

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.end - self.start


OWNER_CODES = frozenset(
    {ReasonCode.INPUT, ReasonCode.LOCKED_WAIT, ReasonCode.SESSION, ReasonCode.PRESENTATION}
)
"""The owner, or another person, needs the PC."""


def replay(spans: Iterable[Span], rules: Rules) -> list[Stretch]:
    """All that would have been, in order of time; where nothing was recorded is nothing.

    Raises:
        InputError: TZ names no time zone.
    """
    stretches: list[Stretch] = []
    edges = _Edges(rules)
    for span in spans:
        for stretch in _Replay(span, rules, edges).run():
            last = stretches[-1] if stretches else None
            if last and (last.end, last.doing, last.reasons) == (
                stretch.start,
                stretch.doing,
                stretch.reasons,
            ):
                stretches[-1] = replace(last, end=stretch.end)
            elif stretch.end > stretch.start:
                stretches.append(stretch)
    return stretches


class _Replay:
    """One span."""

    def __init__(self, span: Span, rules: Rules, edges: _Edges) -> None:
        self._rules = rules
        self._span = span
        self._edges = edges
        self._memory = Memory()
        self._engaged = False
        self._running = False
        self._before: dict[str, bool | None] = {"input": None, "remote": False}
        self._quiet = {"input": span.start, "remote": _NEVER}
        """Since when key and mouse have not been used, here and from elsewhere."""

    def run(self) -> Iterator[Stretch]:
        steps = list(_as_the_rules_see_it(self._span, self._rules))
        for number, (start, seen) in enumerate(steps):
            end = steps[number + 1][0] if number + 1 < len(steps) else self._span.end
            self._note_quiet(start, seen)
            now = start
            while now < end:
                engaged = self._engaged
                verdict = self._judge(now, seen)
                then = self._next(now, verdict, end, changed=engaged is not self._engaged)
                yield self._stretch(now, then, verdict)
                now = then

    def _note_quiet(self, start: float, seen: Seen) -> None:
        for name, before in self._before.items():
            used = getattr(seen, name)
            if before is not False or used is not False:
                self._quiet[name] = start
            self._before[name] = used

    def _judge(self, now: float, seen: Seen) -> Verdict:
        wall = datetime.fromtimestamp(now, UTC)
        memory = self._memory
        if memory.taken_at is not None and now - memory.taken_at > GAP_SECONDS:
            # Somebody has looked all the time, and seen nothing else.
            memory = replace(memory, taken_at=now, judged_at=wall)
        reading = self._reading(now, seen)
        verdict, self._memory = decide(reading, self._rules, wall, memory)
        if verdict.permit is Permit.START:
            self._engaged = self._running = True
        elif verdict.permit is Permit.FINISH:
            self._running = self._engaged
        elif verdict.permit is Permit.HOLD:
            self._running = False
        else:
            self._engaged = self._running = False
        return verdict

    def _stretch(self, start: float, end: float, verdict: Verdict) -> Stretch:
        if self._running:
            return Stretch(start, end, Doing.WORKING, frozenset())
        counts = Permit.HOLD if self._engaged else Permit.FINISH
        codes = frozenset(one.code for one in verdict.reasons if one.leaves <= counts)
        return Stretch(start, end, Doing.FROZEN if self._engaged else Doing.OFF, codes)

    # ---- the next step
    def _next(self, now: float, verdict: Verdict, end: float, *, changed: bool) -> float:
        if changed:
            return min(end, now + 1.0)  # other thresholds count from now on
        soonest = min(end, now + LONGEST_STEP_S)
        for moment in self._moments(verdict, end, now):
            whole = float(math.ceil(moment - _ROUNDING_S))
            for candidate in (whole - 1.0, whole):
                if now < candidate < soonest:
                    soonest = candidate
        return soonest

    def _moments(self, verdict: Verdict, end: float, now: float) -> Iterator[float]:
        idle, yielding = self._rules.idle, self._rules.yielding
        yield end
        yield from self._edges.after(now)
        for reason in verdict.reasons:
            if reason.until is not None:
                yield reason.until.timestamp()
        for since in self._quiet.values():
            for wait in (idle.user_away, idle.locked_away, yielding.resume_after):
                yield since + wait.total_seconds()
        if self._memory.presentation_since is not None:
            yield self._memory.presentation_since + PRESENTATION_CAP.total_seconds()
        if self._memory.resting_since is not None:
            yield self._memory.resting_since + yielding.give_back_after.total_seconds()

    # ---- readings
    def _reading(self, now: float, seen: Seen) -> Reading:
        quiet = {
            name: 0.0 if getattr(seen, name) else now - since for name, since in self._quiet.items()
        }
        users: tuple[RemoteUser, ...] = ()
        if self._quiet["remote"] > _NEVER and seen.elsewhere is not False:
            users = (RemoteUser("somebody", quiet["remote"]),)
        ran = {name.lower() for name in seen.running or ()}
        listed = self._rules.idle.not_while_running
        used = seen.memory
        return Reading(
            taken_at=now,
            sources=(InputSource("input", quiet["input"], seen.input is not None, None),),
            locked=UNKNOWN if seen.locked is None else seen.locked,
            remote_users=UNKNOWN if seen.remote is None else users,
            others_cpu=UNKNOWN if seen.cpu is None else float(seen.cpu),
            memory_free=UNKNOWN if used is None else (100 - used) * _MEMORY_BYTES // 100,
            memory_total=_MEMORY_BYTES,
            disk_free=UNKNOWN if seen.disk is None else seen.disk,
            on_battery=UNKNOWN if seen.battery is None else seen.battery,
            running=UNKNOWN
            if seen.running is None
            else frozenset(name for name in listed if name.lower() in ran),
            presentation=UNKNOWN
            if seen.presentation is None
            else ("presentation" if seen.presentation else None),
            engaged=self._engaged,
        )


def _as_the_rules_see_it(span: Span, rules: Rules) -> Iterator[tuple[float, Seen]]:
    """The steps of a span without those that are the same to the policy."""
    idle = rules.idle
    before: object = None
    for at, seen in span.steps:
        cpu, used = seen.cpu, seen.memory
        levels = (
            None if cpu is None else (cpu < idle.cpu_below, cpu > idle.cpu_above),
            None if used is None else (used > _USED_TO_START, used > _USED_PRESSURE),
        )
        now = (levels, msgspec.structs.replace(seen, cpu=None, memory=None))
        if now != before:
            yield at, seen
        before = now


class _Edges:
    """When hours begin and end, and when nothing new starts any more; asked in order of time."""

    def __init__(self, rules: Rules) -> None:
        self._calendar = rules.calendar
        self._known: tuple[float, ...] = ()
        self._from = 0.0
        self._until = _NEVER

    def after(self, now: float) -> tuple[float, ...]:
        if not self._from <= now < self._until:
            opening = opening_at(self._calendar, datetime.fromtimestamp(now, UTC))
            self._from, self._until = now, now + LONGEST_STEP_S
            self._known = ()
            if opening.ends is not None:
                ends = opening.ends.timestamp()
                self._known = (ends - self._calendar.last_start.total_seconds(), ends)
            elif opening.next_start is not None and not opening.free:
                self._known = (opening.next_start.timestamp(),)
            for known in self._known:
                if now < known < self._until:
                    self._until = known
        return self._known
