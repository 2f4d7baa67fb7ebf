"""Run all looks at once and take what they have found in time.

The threads are daemons: a disk, a bus or a name server that does not answer holds up nobody but
the look that asked it.
"""

from __future__ import annotations

import threading
import traceback
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from jobman_agent.cli.doctor.line import Line, Section, wrong
from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.errors import ExitCode, JobmanError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from jobman_agent.clock import Clock

T = TypeVar("T")


class Look(NamedTuple):
    """One section to be."""

    name: str
    find: Callable[[], Iterable[Line]]
    hangs: str
    """What most likely does not answer if this look does not end."""
    do: str
    """And what to do then."""


def later(function: Callable[[], T], name: str) -> Future[T]:
    """Begin something in a daemon thread; its outcome."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(function())
        except BaseException as exc:  # noqa: BLE001 - it is raised where the outcome is asked for
            future.set_exception(exc)

    threading.Thread(target=work, name=name, daemon=True).start()
    return future


def examine(
    looks: Sequence[Look],
    seconds: float,
    keep_fault: Callable[[str], Path | None],
    clock: Clock = SYSTEM_CLOCK,
) -> Iterator[tuple[str, Callable[[], Section]]]:
    """Begin all looks; for each, in their order, its name and what waits for its end.

    Args:
        looks: What to look at.
        seconds: After so long a look that has not ended is told as hanging.
        keep_fault: Keeps the traceback of a fault of jobman's own; says where.
        clock: The clocks.
    """
    began = clock.monotonic()
    running = [_Running(look, keep_fault, clock) for look in looks]
    for one in running:
        yield one.name, partial(one.wait, began + seconds)


class _Running:
    def __init__(self, look: Look, keep_fault: Callable[[str], Path | None], clock: Clock) -> None:
        self.name = look.name
        self._look = look
        self._keep_fault = keep_fault
        self._clock = clock
        self._began = clock.monotonic()
        self._lines: list[Line] = []
        self._ended_at: float | None = None
        self._ended = threading.Event()
        threading.Thread(target=self._work, name=f"look {look.name}", daemon=True).start()

    def wait(self, deadline: float) -> Section:
        self._ended.wait(max(0.0, deadline - self._clock.monotonic()))
        lines, now = list(self._lines), self._clock.monotonic()
        if not self._ended.is_set():
            text = f"{self._look.hangs}: no answer for {now - self._began:.0f} s"
            lines.append(wrong("hangs", text, self._look.do))
        ended_at = now if self._ended_at is None else self._ended_at
        return Section(self._look.name, lines, ended_at - self._began)

    def _work(self) -> None:
        try:
            for line in self._look.find():
                self._lines.append(line)
        except JobmanError as exc:
            self._lines.append(wrong("failed", str(exc), code=exc.exit_code))
        except Exception as exc:  # noqa: BLE001 - one look that fails leaves the others
            where = self._keep_fault(traceback.format_exc())
            text = f"a fault of jobman itself: {type(exc).__name__}: {exc}"
            do = () if where is None else (f"please report it, with {where}",)
            self._lines.append(wrong("fault", text, *do, code=ExitCode.BUG))
        self._ended_at = self._clock.monotonic()
        self._ended.set()
