"""How much of the processor others use: all of it, less our own tree.

Sampled over 10 s or more and never negative. What ended in our tree is accounted for by whoever
waited for it (Linux, macOS: the times of a process include those of the children it waited for).
Where the time of one that ended is not found again, the sample is skipped, and the one before
holds: others would seem to have used what we did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobman_agent.sensors.cpu_times import Total, Used
from jobman_agent.sensors.probe import NotYet

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from jobman_agent.clock import Clock

SAMPLE_SECONDS = 10.0
ROUNDING = 0.05
"""Seconds of CPU for each process that ticks may hide."""


Snapshot = tuple[float, Total, "Mapping[int, Used]"]


class OthersCpu:
    """Per cent of the whole processor that other programs use."""

    name = "CPU of other programs"

    def __init__(
        self,
        own_pids: Callable[[], Collection[int]],
        clock: Clock,
        total: Callable[[], Total],
        used: Callable[[int], Used | None],
        sample_seconds: float | None = None,
    ) -> None:
        """Take what it asks.

        Args:
            own_pids: All of our tree.
            clock: The clocks.
            total: The processor's times.
            used: Those of a process; None if it has ended.
            sample_seconds: At least so long is looked at for one sample; None: 10 s.
        """
        self._sample_seconds = SAMPLE_SECONDS if sample_seconds is None else sample_seconds
        self._own_pids = own_pids
        self._clock = clock
        self._total = total
        self._used = used
        self._before: Snapshot | None = None
        self._last: float | None = None

    def look(self) -> float:
        """The last sample; a new one where the one before is old enough.

        Raises:
            NotYet: there is no sample yet.
        """
        now = self._clock.monotonic()
        if self._before is None or now - self._before[0] >= self._sample_seconds:
            # The own first: what they use after this look is then taken for others', not less.
            own = {pid: used for pid in self._own_pids() if (used := self._used(pid)) is not None}
            after = (now, self._total(), own)
            if self._before is not None:
                sample = _others(self._before, after)
                self._last = self._last if sample is None else sample
            self._before = after
        if self._last is None:
            raise NotYet(f"the first sample takes {self._sample_seconds:g} s")
        return self._last

    def close(self) -> None:
        """Nothing is held."""


def _others(before: Snapshot, after: Snapshot) -> float | None:
    """Per cent between two snapshots; None: it cannot be said."""
    passed = after[1].all - before[1].all
    busy = after[1].busy - before[1].busy
    if passed <= 0 or busy < 0:  # a core went away, or the counters started anew
        return None
    own = _own(before, after)
    # More than was used in all: it was there before we knew it to be ours.
    if own is None or own > busy + ROUNDING * (1 + len(after[2])):
        return None
    return min(100.0, max(0.0, (busy - own) / passed * 100))


def _own(before: Snapshot, after: Snapshot) -> float | None:
    spent = waited_for = ended = 0.0
    count = 0
    old = dict(before[2])
    for pid, used in after[2].items():
        was = old.get(pid)
        if was is not None and was.started == used.started:
            del old[pid]
        else:
            was = Used(0.0, 0.0, used.started)
        spent += used.itself - was.itself
        waited_for += used.children - was.children
        count += 1
    for gone in old.values():
        ended += gone.itself + gone.children
        count += 1
    if waited_for + ROUNDING * count < ended:
        return None
    # What the ended ones had used before the window is no part of it.
    return max(0.0, spent + waited_for - ended)
