"""All sources of key and mouse: which there are, what they say, which count, the first touch."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobman_agent.errors import StorageError
from jobman_agent.log import get_logger
from jobman_agent.model.reading import UNKNOWN, InputSource, Unknown
from jobman_agent.sensors.description import PRESS_A_KEY, Description
from jobman_agent.sensors.probe import Unseen
from jobman_agent.sensors.station import Station

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jobman_agent.clock import Clock
    from jobman_agent.sensors.probe import InputSpec, Probe, Stranger, Touch
    from jobman_agent.sensors.proof import Proofs

LOOKS_A_SECOND = 20
"""How often input is looked at for the first touch where no event tells it."""
CHECK_SECONDS = 1.0
SAVE_SECONDS = 1.0
AFRESH_SECONDS = 0.3
"""A touch so much later than the one known is another one."""


class _Seconds:
    """A source whose answers are times, or none."""

    def __init__(self, make: Callable[[], Probe[float]]) -> None:
        self._probe = make()
        self.name = self._probe.name

    def look(self) -> float:
        seconds: object = self._probe.look()
        if not isinstance(seconds, int | float) or not math.isfinite(seconds):
            raise Unseen(f"it says {seconds!r}, which is no time")
        # No time is less than none: input of the future would keep a PC busy until then.
        return max(0.0, float(seconds))

    def close(self) -> None:
        self._probe.close()


@dataclass
class _Source:
    spec: InputSpec
    station: Station[float]
    touch: Touch | None = None
    touched_at: float | None = None
    """When, by the last reading."""

    @property
    def seen(self) -> bool:
        return not isinstance(self.station.outcome.value, Unknown)

    def fresh_touch(self) -> bool:
        """Whether the last answer tells of a touch after the last reading."""
        outcome = self.station.outcome
        if isinstance(outcome.value, Unknown) or self.touched_at is None:
            return False
        return outcome.at - outcome.value > self.touched_at + AFRESH_SECONDS


class Inputs:
    """The sources of this PC."""

    def __init__(self, proofs: Proofs, clock: Clock, advice: Mapping[str, str]) -> None:
        """Start with none.

        Args:
            proofs: The bookkeeping of what was seen to reset.
            clock: The clocks.
            advice: What to do where a source does not answer, by the first word of its key.
        """
        self._proofs = proofs
        self._clock = clock
        self._advice = advice
        self._sources: dict[str, _Source] = {}
        self._strangers: tuple[Stranger, ...] = ()
        self._saving: threading.Thread | None = None

    def found(self, specs: Iterable[InputSpec], strangers: tuple[Stranger, ...]) -> None:
        """Take the sources there are now; one that is expected stays when it goes away."""
        self._strangers = strangers
        now = {spec.key: spec for spec in specs}
        for key in [k for k, s in self._sources.items() if k not in now and not s.spec.expected]:
            _end(self._sources.pop(key))
            self._proofs.forget(key)
        for key, spec in now.items():
            if key not in self._sources:
                make = functools.partial(_Seconds, spec.make)
                self._sources[key] = _Source(spec, Station(make, key, self._clock))

    async def look(self) -> tuple[InputSource, ...]:
        """Ask all of them."""
        sources = list(self._sources.items())
        await asyncio.gather(*(source.station.ask() for _, source in sources))
        wall = self._clock.now()
        if not all(self._proofs.is_proven(key, wall) for key, _ in sources):
            self._proofs.refresh()
        seen = [self._read(key, source) for key, source in sources]
        if self._proofs.due() and (self._saving is None or not self._saving.is_alive()):
            # In a thread: a disk can hang, and this happens once a day.
            self._saving = threading.Thread(target=self._save, name="sensor proofs", daemon=True)
            self._saving.start()
        listed = [
            InputSource(
                source.station.name,
                source.station.outcome.value,
                self._proofs.is_proven(key, wall),
                nudge,
            )
            for (key, source), nudge in zip(sources, seen, strict=True)
            if not source.station.outcome.absent
        ]
        # Somebody else's screen counts without having been seen to reset: it only holds work back.
        listed += [
            InputSource(f"the session of {other.name}", other.idle_seconds, proven=True)
            for other in self._strangers
        ]
        return tuple(listed)

    async def first_touch(self) -> str:
        """Wait for the next key or mouse after the last reading; the name of what saw it."""
        loop, touched = asyncio.get_running_loop(), asyncio.Event()
        names: list[str] = []

        def told(name: str) -> None:
            names.append(name)
            touched.set()

        for source in self._sources.values():
            if source.seen and source.spec.make_touch is not None:
                self._arm(source, loop, told)
        pause = 0.0  # once at once: it may have happened before anybody was armed
        polled = list(self._sources.values())
        while not touched.is_set():
            await asyncio.gather(*(s.station.ask() for s in polled if s.seen))
            fresh = [source.station.name for source in polled if source.fresh_touch()]
            if fresh:
                return fresh[0]
            polled = [s for s in self._sources.values() if s.touch is None or s.touch.broken]
            pause = 1 / LOOKS_A_SECOND if any(s.seen for s in polled) else CHECK_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(touched.wait(), pause)
        return names[0]

    def describe(self) -> list[Description]:
        """Each source, live."""
        now = self._clock.monotonic()
        rows = [self._describe(key, source, now) for key, source in self._sources.items()]
        for other in self._strangers:
            text = "another user is at this PC's screen, and what is typed there cannot be seen"
            rows.append(Description(f"the session of {other.name}", text, False, None, None))
        if self._proofs.trouble:
            advice = "see that this folder can be written, and its disk has room"
            rows.append(
                Description(
                    "what was seen to reset", self._proofs.trouble, False, None, None, advice
                )
            )
        return rows

    def close(self) -> None:
        """Let every thread end; what was just proven is on disk by then, if the disk answers."""
        for source in self._sources.values():
            _end(source)
        if self._saving is not None:
            self._saving.join(SAVE_SECONDS)

    def _read(self, key: str, source: _Source) -> float | Unknown | None:
        """Note what a source says; how far the pointer moved."""
        outcome = source.station.outcome
        if isinstance(outcome.value, Unknown):
            self._proofs.forget(key)
            source.touched_at = None
            return UNKNOWN
        source.touched_at = outcome.at - outcome.value
        if self._proofs.note(key, outcome.value, outcome.at, self._clock.now()):
            _LOG.debug("%s was seen to reset", source.station.name)
        return UNKNOWN if source.touch is None else source.touch.nudge()

    def _arm(
        self, source: _Source, loop: asyncio.AbstractEventLoop, told: Callable[[str], None]
    ) -> None:
        if source.touch is None and source.spec.make_touch is not None:
            source.touch = source.spec.make_touch()
        name = source.station.name

        def touched() -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed
                loop.call_soon_threadsafe(told, name)

        if source.touch is not None:
            source.touch.arm(touched)

    def _describe(self, key: str, source: _Source, now: float) -> Description:
        outcome = source.station.outcome
        age = None if outcome.at == 0.0 else now - outcome.at
        if outcome.absent:
            return Description(source.station.name, outcome.reason, False, age, None)
        proven = self._proofs.is_proven(key, self._clock.now())
        if isinstance(outcome.value, Unknown):
            kind = key.split(" ", 1)[0]
            advice = self._advice.get(kind, self._advice[""])
            reset_at = self._proofs.seen.get(key)
            name = source.station.name
            return Description(name, outcome.reason, False, age, proven, advice, reset_at)
        text = f"last used {outcome.value:.0f} s ago"
        advice = "" if proven else PRESS_A_KEY
        reset_at = self._proofs.seen.get(key)
        return Description(source.station.name, text, True, age, proven, advice, reset_at)

    def _save(self) -> None:
        try:
            self._proofs.save()
            self._proofs.trouble = ""
        except StorageError as exc:
            if not self._proofs.trouble:
                _LOG.warning("what was seen to reset is not kept: %s", exc)
            self._proofs.trouble = str(exc)


def _end(source: _Source) -> None:
    source.station.close()
    if source.touch is not None:
        source.touch.close()


_LOG = get_logger(__name__)
