"""Simulated time, and nodes that die between two steps, sleep, and lose the network.

Discrete events from one seed: no sockets, no real time, nothing that another run could not repeat.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .road import Road

HOUR, DAY = 3600.0, 86400.0
WALL = 1_800_000_000.0
"""Unix seconds at the start of a simulation."""
_STORM = 150_000


class Crash(Exception):
    """kill -9 between two steps: what was committed stays, everything else is gone."""


class Sim:
    """The clock and what is to come."""

    def __init__(self, seed: int, *, trace: bool = False) -> None:
        self.now = 0.0
        self.rng = random.Random(seed)
        self.violations: list[str] = []
        self.counts: Counter[str] = Counter()
        self.trace: list[str] | None = [] if trace else None
        self._queue: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0

    def at(self, when: float, call: Callable[..., None], *args: Any) -> None:
        self._number += 1
        heapq.heappush(self._queue, (when, self._number, call, args))

    def run(self, until: float, stop: Callable[[], bool] = lambda: False) -> None:
        while self._queue and self._queue[0][0] <= until and not stop():
            self.now, _, call, args = heapq.heappop(self._queue)
            call(*args)
            if self._number > _STORM:  # a loop at the speed of the network
                self.violate("message storm")
                self._queue.clear()
        if not stop():
            self.now = max(self.now, until)

    def say(self, *words: object) -> None:
        if self.trace is not None:
            self.trace.append(f"{self.now:10.1f} " + " ".join(map(str, words)))

    def violate(self, what: str, *words: object) -> None:
        self.violations.append(f"{what} {words} at {self.now:.0f} s")
        self.say("VIOLATION", what, *words)


class Node:
    """A program on a PC: up or not, awake or not, with the network or without."""

    def __init__(self, sim: Sim, road: Road, name: str) -> None:
        self.sim, self.road, self.name = sim, road, name
        self.up = self.asleep = self.cut = self.connected = False
        self.life = 0
        """Raised at each death: what was planned before it does not happen."""
        self.crash_in = 0
        self._deferred: list[tuple[int, Callable[..., None], tuple[Any, ...]]] = []
        road.nodes.append(self)

    # ---- to be filled in
    def start(self) -> None: ...
    def on_death(self) -> None: ...
    def on_sleep(self) -> None: ...
    def on_wake(self, seconds: float) -> None: ...
    def on_connect(self) -> None: ...
    def on_disconnect(self) -> None: ...
    def on_message(self, box: str, letter: Any) -> None: ...

    # ---- time
    def after(self, seconds: float, call: Callable[..., None], *args: Any) -> None:
        self.sim.at(self.sim.now + seconds, self._fire, self.life, call, args)

    def _fire(self, life: int, call: Callable[..., None], args: tuple[Any, ...]) -> None:
        if life != self.life or not self.up:
            return
        if self.asleep:
            self._deferred.append((life, call, args))
        else:
            self.guard(call, *args)

    def guard(self, call: Callable[..., None], *args: Any) -> bool:
        """Call; False when the node was killed in the middle of it."""
        try:
            call(*args)
        except Crash:
            self.sim.counts["killed between two steps"] += 1
            self.die(self.sim.rng.uniform(1, 120))
            return False
        return True

    def point(self) -> None:
        """A moment at which kill -9 may strike."""
        if self.crash_in:
            self.crash_in -= 1
            if not self.crash_in:
                raise Crash

    # ---- life
    def boot(self) -> None:
        if not self.up:
            self.up, self.crash_in = True, 0
            self.sim.say(self.name, "starts")
            self.guard(self.start)

    def die(self, restart_after: float | None) -> None:
        if not self.up:
            return
        self.sim.say(self.name, "dies")
        self.up = False
        self.life += 1
        self.crash_in = 0
        self.road.drop(self)
        self.on_death()
        if restart_after is not None:
            self.sim.at(self.sim.now + restart_after, self.boot)

    def sleep(self, seconds: float) -> None:
        if not self.up or self.asleep:
            return
        self.sim.say(self.name, f"sleeps {seconds:.0f} s")
        self.asleep = True
        self.on_sleep()
        if seconds > 20:
            self.road.drop(self)
        self.sim.at(self.sim.now + seconds, self.wake, seconds)

    def wake(self, seconds: float) -> None:
        if not self.asleep:
            return
        self.asleep = False
        self.sim.say(self.name, "wakes")
        waiting, self._deferred = self._deferred, []
        if self.up:
            self.guard(self.on_wake, seconds)
        for life, call, args in waiting:
            self._fire(life, call, args)
        self.road.pump_all(self)

    def unplug(self, seconds: float) -> None:
        if not self.cut:
            self.sim.say(self.name, f"is cut off for {seconds:.0f} s")
            self.cut = True
            self.road.drop(self)
            self.sim.at(self.sim.now + seconds, self.plug)

    def plug(self) -> None:
        self.cut = False
