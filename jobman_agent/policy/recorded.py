"""What is kept of readings, so that they can be judged again by other settings.

Rules that hold here:
1. Only changes are kept. What gets worse (somebody is here, the processor is used) is kept at once;
   what gets better only once it has been better for a minute, with the time at which it began to
   be. So busy hours do not fill the disk, and quiet of less than a minute is not kept.
2. Levels are rounded so that each stays on its side of a threshold which is a multiple of 5 %.
3. Kept is *that* something was so, not what it was: no names of people, films or presentations.
4. Times are whole Unix seconds of the wall clock; a gap between readings begins anew.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from jobman_agent.model.reading import UNKNOWN, Reading, Unknown
from jobman_agent.policy.presence import unseen_why
from jobman_agent.policy.rules import DISK_PRESSURE, DISK_TO_START, GAP_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobman_agent.policy.memory import Memory
    from jobman_agent.policy.rules import Rules

QUIET_S = 60
"""What got better counts only after so many seconds."""
ALIVE_S = 300
"""So often at least something is kept, which shows that the agent was there."""
_SAME_TOUCH_S = 1.0
"""The two clocks are not read at the same moment."""
_CPU_STEP = 5
_MEMORY_STEP = 5


class Seen(Struct, frozen=True):
    """What is kept of one moment; None: it could not be seen."""

    input: bool | None = None
    """Whether key or mouse were used within the last minute (a bump is no use)."""
    remote: bool | None = None
    """The same of people who are logged in from elsewhere."""
    elsewhere: bool | None = None
    """Whether anybody is logged in from elsewhere, active or not."""
    locked: bool | None = None
    cpu: int | None = None
    """Per cent that other programs used: the step of 5 in which it lay (0, 5, 7, 10, 12, ...)."""
    memory: int | None = None
    """Per cent that was in use, rounded up to a step of 5."""
    disk: int | None = None
    """Bytes that were free at least: 0, or one of the policy's two thresholds."""
    battery: bool | None = None
    presentation: bool | None = None
    running: tuple[str, ...] | None = None
    """Those of ``listed`` that ran, as they are written there."""
    listed: tuple[str, ...] = ()
    """What ``not_while_running`` said: about others nothing is known."""


class Line(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One line of the record: what was different from ``at`` on."""

    at: int
    begin: bool = False
    """Nothing is known of the time before; all fields follow."""
    input: bool | UnsetType | None = UNSET
    remote: bool | UnsetType | None = UNSET
    elsewhere: bool | UnsetType | None = UNSET
    locked: bool | UnsetType | None = UNSET
    cpu: int | UnsetType | None = UNSET
    memory: int | UnsetType | None = UNSET
    disk: int | UnsetType | None = UNSET
    battery: bool | UnsetType | None = UNSET
    presentation: bool | UnsetType | None = UNSET
    running: tuple[str, ...] | UnsetType | None = UNSET
    listed: tuple[str, ...] | UnsetType = UNSET


FIELDS = Seen.__struct_fields__
_FREER_WHEN_MORE = ("locked", "disk")
_TOUCHED = ("input", "remote")


class Glance(Struct, frozen=True):
    """One reading as it would be kept, and when key and mouse were last used."""

    wall: float
    seen: Seen
    touched: dict[str, float]
    """Of ``input`` and ``remote``, where that is known."""

    @property
    def at(self) -> int:
        """The second of it."""
        return int(self.wall)


def glance_of(reading: Reading, rules: Rules, memory: Memory, wall: float) -> Glance:
    """What is kept of a reading.

    Args:
        reading: It.
        rules: Those by which it was judged.
        memory: What that judgement handed on: it knows a bump from a return.
        wall: When the reading was taken, in Unix seconds.
    """
    touched: dict[str, float] = {}
    users = reading.remote_users
    if not isinstance(users, Unknown) and users:
        idle = min(0.0 if isinstance(u.idle_seconds, Unknown) else u.idle_seconds for u in users)
        touched["remote"] = wall - idle
    unseen = unseen_why(reading) is not None
    if not unseen and memory.returned_at is not None:
        touched["input"] = wall - (reading.taken_at - memory.returned_at)
    seen = Seen(
        input=None if unseen else wall - touched.get("input", 0.0) < QUIET_S,
        remote=None if users is UNKNOWN else wall - touched.get("remote", 0.0) < QUIET_S,
        elsewhere=None if isinstance(users, Unknown) else bool(users),
        locked=_known(reading.locked),
        cpu=_level(reading.others_cpu),
        memory=_used(reading),
        disk=_room(reading.disk_free),
        battery=_known(reading.on_battery),
        presentation=None
        if isinstance(reading.presentation, Unknown)
        else reading.presentation is not None,
        running=None if isinstance(reading.running, Unknown) else tuple(sorted(reading.running)),
        listed=rules.idle.not_while_running,
    )
    return Glance(wall, seen, touched)


class Digest:
    """Makes lines out of glances: only what has changed, and lasted."""

    def __init__(self) -> None:
        self._kept = Seen()
        self._better: dict[str, tuple[Any, int]] = {}
        """What is better than what was kept: the worst of it, and since when."""
        self._touched: dict[str, float] = {}
        self._at: int | None = None
        self._said_at = 0
        self._whole_at = 0
        """When all fields were last told: nothing is told of the time before any more."""

    def begin_anew(self) -> None:
        """What was told may not have been kept: tell everything at the next glance."""
        self._at = None

    def take(self, glance: Glance, *, all_of_it: bool = False) -> list[Line]:
        """The lines that a glance makes; mostly none.

        Args:
            glance: What was seen.
            all_of_it: Tell every field, for a file that is read without those before it.
        """
        before, self._at = self._at, glance.at
        if before is None or not 0 <= glance.at - before <= GAP_SECONDS:
            return self._begin(glance, before)
        lines = [line for name in FIELDS if (line := self._changed(name, glance)) is not None]
        if all_of_it:
            self._whole_at = glance.at
            lines.append(Line(glance.at, **msgspec.structs.asdict(self._kept)))
        if lines:
            self._said_at = glance.at
        elif glance.at - self._said_at >= ALIVE_S:
            self._said_at = glance.at
            lines.append(Line(glance.at))
        return lines

    def _begin(self, glance: Glance, before: int | None) -> list[Line]:
        self._kept, self._better, self._touched = glance.seen, {}, dict(glance.touched)
        self._whole_at = glance.at
        ended = [] if before is None or before == self._said_at else [Line(before)]
        self._said_at = glance.at
        return [*ended, Line(glance.at, begin=True, **msgspec.structs.asdict(glance.seen))]

    def _changed(self, name: str, glance: Glance) -> Line | None:
        new, when = getattr(glance.seen, name), glance.wall
        kept = getattr(self._kept, name)
        touched = glance.touched.get(name)
        if touched is not None and new is not None and kept is not None:
            # Exact times are known here: of each touch, not only of the readings.
            when = min(when, touched)
            new = touched > self._touched.get(name, 0.0) + _SAME_TOUCH_S
        if new and touched is not None:
            self._touched[name] = touched
        if new == kept:
            self._better.pop(name, None)
            return None
        if not _is_better(name, new, kept):
            return self._keep(name, new, int(when))
        worst, since = self._better.get(name, (new, int(when) + 1))
        if touched is not None:
            # What counts as the same touch can still be in the next second.
            since = max(since, int(touched) + 1)
        if _is_better(name, worst, new):
            worst = new
        self._better[name] = (worst, since)
        return self._keep(name, worst, since) if glance.wall - since >= QUIET_S else None

    def _keep(self, name: str, value: Any, at: int) -> Line:  # noqa: ANN401 - of any field
        self._better.pop(name, None)
        self._kept = msgspec.structs.replace(self._kept, **{name: value})
        return Line(max(at, self._whole_at), **{name: value})


class Span(Struct, frozen=True):
    """A time without gaps: what was seen from when on."""

    end: float
    """The last moment of which something is known."""
    steps: tuple[tuple[float, Seen], ...]
    """In order of time; the first is the span's beginning."""

    @property
    def start(self) -> float:
        """The first moment of which something is known."""
        return self.steps[0][0]


def spans_of(lines: Iterable[Line]) -> list[Span]:
    """What lines in the order of their writing say, in order of time; overlaps are cut off."""
    groups: list[list[Line]] = []
    for line in lines:
        if line.begin or not groups:
            groups.append([])
        groups[-1].append(line)
    spans = sorted((_span(group) for group in groups), key=lambda one: one.start)
    whole = []
    for number, span in enumerate(spans):
        # Where the clock was set back, the later word counts.
        end = min(span.end, spans[number + 1].start) if number + 1 < len(spans) else span.end
        steps = tuple(step for step in span.steps if step[0] <= end)
        whole.append(Span(end, steps))
    return whole


def span_of(end: float, changes: Sequence[tuple[float, dict[str, Any]]]) -> Span:
    """A span from what changed when; the first names what is not unknown."""
    seen = Seen()
    steps: list[tuple[float, Seen]] = []
    for at, fields in changes:
        seen = msgspec.structs.replace(seen, **fields)
        if steps and steps[-1][0] == at:
            steps.pop()
        steps.append((float(at), seen))
    return Span(end, tuple(steps))


def _span(group: list[Line]) -> Span:
    first, *rest = group
    ordered = [first, *sorted(rest, key=lambda line: line.at)]
    changes = [(max(line.at, first.at), _told(line)) for line in ordered]
    return span_of(max(at for at, _ in changes), changes)


def _told(line: Line) -> dict[str, Any]:
    return {name: value for name in FIELDS if (value := getattr(line, name)) is not UNSET}


def _is_better(name: str, new: Any, old: Any) -> bool:  # noqa: ANN401 - of any field
    """Whether a PC is freer by this."""
    if new is None or old is None:
        return new is not None
    if name in ("running", "listed"):
        return name == "running" and set(new) < set(old)
    return bool(new > old if name in _FREER_WHEN_MORE else new < old)


def _known(value: bool | Unknown) -> bool | None:
    return None if isinstance(value, Unknown) else value


def _level(per_cent: float | Unknown) -> int | None:
    """The middle of a step, or its edge exactly: on which side of 25 or 40 it was is kept."""
    if isinstance(per_cent, Unknown):
        return None
    used = min(max(per_cent, 0.0), 100.0)
    edge = int(used // _CPU_STEP * _CPU_STEP)
    return edge if used == edge or not edge else edge + _CPU_STEP // 2


def _used(reading: Reading) -> int | None:
    free, total = reading.memory_free, reading.memory_total
    if isinstance(free, Unknown) or isinstance(total, Unknown) or total <= 0:
        return None
    share = min(max(free / total, 0.0), 1.0)
    return 100 - int(math.floor(100 * share / _MEMORY_STEP) * _MEMORY_STEP)


def _room(free: int | Unknown) -> int | None:
    if isinstance(free, Unknown):
        return None
    return max((t for t in (0, DISK_PRESSURE, DISK_TO_START) if free >= t), default=0)
