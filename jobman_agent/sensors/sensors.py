"""All sensors of this PC behind one question: ``read``.

A probe that hangs, fails or goes away is UNKNOWN in the reading, and ``describe`` says why. Nothing
that a probe does gets out of here as an exception, or holds a reading up for more than a second,
once. A reading costs a few milliseconds: what is dear is looked at more seldom.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.model.reading import UNKNOWN, InputSource, Reading, RemoteUser, Unknown
from jobman_agent.sensors import system as this_system
from jobman_agent.sensors.description import Description, value_text
from jobman_agent.sensors.hardware import Disk, Memory
from jobman_agent.sensors.inputs import Inputs
from jobman_agent.sensors.others_cpu import OthersCpu
from jobman_agent.sensors.probe import Surroundings, System
from jobman_agent.sensors.programs import Programs
from jobman_agent.sensors.proof import FILE, Proofs
from jobman_agent.sensors.station import Hand, Outcome, Station
from jobman_agent.settings.places import host_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from jobman_agent.clock import Clock
    from jobman_agent.settings.pc import Settings

T = TypeVar("T")

EVERY = {
    "people": 2.0,
    "cpu": 1.0,
    "memory": 2.0,
    "disk": 30.0,
    "battery": 10.0,
    "programs": 30.0,
    "shown": 5.0,
}
"""Seconds for which an answer holds."""


class Sensors:
    """What the PC says. All of it is called from one event loop."""

    def __init__(
        self,
        settings: Settings,
        own_pids: Callable[[], Collection[int]],
        clock: Clock = SYSTEM_CLOCK,
        *,
        home: Path,
        environ: Mapping[str, str],
        system: System | None = None,
        cpu_seconds: float | None = None,
    ) -> None:
        """Set them up; nothing is looked at before ``read``.

        Args:
            settings: Whether the owner is watched, and which programs are listed.
            own_pids: All processes of the agent and its packages, those that were re-parented
                too. Called in a thread, at most every 10 s.
            clock: The clocks.
            home: JOBMAN_HOME, for what was seen to reset; packages are kept on the same disk.
            environ: ``os.environ`` of the session.
            system: What there is to look at, as ``sensors.system``; None: this PC's.
            cpu_seconds: So long a sample of the processor takes; None: 10 s.
        """
        self._system: System = system or this_system
        self._clock = clock
        self._settings = settings
        self._cpu_seconds = cpu_seconds
        self._around = Surroundings(environ, home, own_pids)
        self._proofs = Proofs(home / FILE, host_name())
        self._proofs.load()
        self._inputs = Inputs(self._proofs, clock, self._system.ADVICE)
        # What the kernel tells at once shares a thread; one presentation unknown makes all so.
        self._here, self._showing = Hand("this PC"), Hand("presentations")
        self._people = self._station("sessions", "people", lambda: self._system.who_is_here(clock))
        self._cpu = self._station("CPU of other programs", "cpu", self._make_cpu, self._here)
        self._memory = self._station("memory", "memory", Memory, self._here)
        self._disk = self._station("disk", "disk", lambda: Disk(home))
        self._battery = self._station("battery", "battery", self._system.battery, self._here)
        self._programs = self._station("listed programs", "programs", self._make_programs)
        self._shown: dict[str, Station[str | None]] = {
            key: self._station(key, "shown", make, self._showing)
            for key, make in self._system.presentations(self._around).items()
        }

    def change(self, settings: Settings) -> None:
        """Go by other settings from the next reading on."""
        before, self._settings = self._settings, settings
        if before.idle.not_while_running != settings.idle.not_while_running:
            self._programs.close()
            self._programs = self._station("listed programs", "programs", self._make_programs)

    async def read(self, *, engaged: bool = False) -> Reading:
        """Look at everything; never raises for what a probe does.

        Args:
            engaged: Whether a worker is at it here; goes into the reading as it is.
        """
        watched = self._settings.idle.owner_watched
        listed = bool(self._settings.idle.not_while_running)
        stations: list[Station[Any]] = [self._cpu, self._memory, self._disk, self._battery]
        if listed:
            stations.append(self._programs)
        if watched:
            stations += [self._people, *self._shown.values()]
        await asyncio.gather(*(station.ask() for station in stations))
        sources: tuple[InputSource, ...] = ()
        people = self._people.outcome.value
        if watched:
            seen = None if isinstance(people, Unknown) else people
            specs = self._system.inputs(self._around, self._clock, seen)
            self._inputs.found(specs, seen.strangers if seen else ())
            sources = await self._inputs.look()
        room = self._memory.outcome.value
        locked = UNKNOWN if isinstance(people, Unknown) else people.locked
        return Reading(
            taken_at=self._clock.monotonic(),
            sources=sources,
            locked=locked,
            remote_users=UNKNOWN
            if isinstance(people, Unknown)
            else tuple(RemoteUser(person.name, person.idle_seconds) for person in people.remote),
            others_cpu=self._cpu.outcome.value,
            memory_free=UNKNOWN if isinstance(room, Unknown) else room.free,
            memory_total=UNKNOWN if isinstance(room, Unknown) else room.total,
            disk_free=self._disk.outcome.value,
            on_battery=self._battery.outcome.value,
            running=self._programs.outcome.value if listed else frozenset(),
            presentation=self._presentation(locked),
            engaged=engaged,
        )

    async def first_touch(self) -> str:
        """Wait for the next key or mouse after the last reading; the name of what saw it.

        Two milliseconds after it where the platform has an event (X11), else within a twentieth
        of a second. A source that goes away counts as a touch: read, and decide.
        """
        if not self._settings.idle.owner_watched:
            await asyncio.Event().wait()
        return await self._inputs.first_touch()

    def describe(self) -> list[Description]:
        """Every source as it was at the last reading, for ``jobman doctor``."""
        rows = []
        if self._settings.idle.owner_watched:
            rows += self._inputs.describe()
            if not rows:
                advice = self._system.ADVICE[""]
                text = "nothing here tells when they are used"
                rows.append(Description("keyboard and mouse", text, False, None, False, advice))
            rows.append(self._describe(self._people))
            shown = [self._describe(station) for station in self._shown.values()]
            rows += shown
        rows.append(self._describe(self._cpu, "{:.0f} %".format))
        rows.append(self._describe(self._memory))
        rows.append(self._describe(self._disk, lambda free: f"{free / 1e9:.1f} GB free"))
        rows.append(self._describe(self._battery))
        if self._settings.idle.not_while_running:
            rows.append(self._describe(self._programs))
        return rows

    def close(self) -> None:
        """Let all threads end; one that hangs does not hold anybody up."""
        self._inputs.close()
        for station in (
            self._people, self._cpu, self._memory, self._disk, self._battery, self._programs,
            *self._shown.values(),
        ):  # fmt: skip
            station.close()
        self._here.close()
        self._showing.close()

    def _presentation(self, locked: bool | Unknown) -> str | Unknown | None:
        if not self._settings.idle.owner_watched:
            return None
        unknown = False
        for key, station in self._shown.items():
            outcome = station.outcome
            if outcome.absent or (key == "full screen" and locked is True):
                continue  # a locker fills the screen, too
            if isinstance(outcome.value, Unknown):
                unknown = True
            elif outcome.value is not None:
                return outcome.value
        return UNKNOWN if unknown else None

    def _station(
        self, name: str, kind: str, make: Callable[[], Any], hand: Hand | None = None
    ) -> Station[Any]:
        return Station(make, name, self._clock, every=EVERY[kind], hand=hand)

    def _make_cpu(self) -> OthersCpu:
        return OthersCpu(
            self._around.own_pids,
            self._clock,
            self._system.total,
            self._system.used,
            self._cpu_seconds,
        )

    def _make_programs(self) -> Programs:
        return Programs(
            lambda: self._settings.idle.not_while_running,
            self._around.own_pids,
            self._system.everyone,
        )

    def _describe(
        self, station: Station[Any], form: Callable[[Any], str] | None = None
    ) -> Description:
        outcome: Outcome[Any] = station.outcome
        age = None if outcome.at == 0.0 else self._clock.monotonic() - outcome.at
        known = not isinstance(outcome.value, Unknown)
        text = form(outcome.value) if known and form else value_text(outcome)
        advice = "" if known or outcome.absent else "it counts as a no until it answers"
        return Description(station.name, text, known, age, None, advice)
