"""A trial package: what really happens to a package on this PC, from its start to its end."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.execution import processes
from jobman_agent.execution.client import Runner
from jobman_agent.execution.orders import Finished, Order, Started
from jobman_agent.execution.sandbox import NONE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

_TRIAL = """\
import json, os, sys, time
def seen():
    told = {}
    if hasattr(os, "sched_getscheduler"):
        told["idle_class"] = os.sched_getscheduler(0) == os.SCHED_IDLE
    if hasattr(os, "nice"):
        told["nice"] = os.nice(0)
    else:
        import ctypes
        told["priority_class"] = ctypes.windll.kernel32.GetPriorityClass(
            ctypes.c_void_p(ctypes.windll.kernel32.GetCurrentProcess()))
    if sys.platform == "darwin":
        told["background"] = os.getpriority(4, 0)  # PRIO_DARWIN_PROCESS
    try:
        told["autogroup"] = open("/proc/self/autogroup").read().strip()
    except OSError:
        pass
    return told
# It is given its priority just after its start; and it must still be there to be frozen.
time.sleep(0.3)
print(json.dumps(seen()))
"""
TRIAL_S = 8.0
"""For all of it; on a PC that is busy a package that yields to everything may need longer."""


@dataclass
class Trial:
    """What was seen of it."""

    sandbox: str = NONE
    """The level that packages can have here: ``none`` or ``bubblewrap``."""
    frozen: bool = False
    """Whether nothing of it ran while it was to be frozen."""
    freeze_seconds: float = 0.0
    seen: Mapping[str, Any] = field(default_factory=dict)
    """What it saw itself: its priority."""
    late: bool = False
    """Whether it had not ended in time."""
    fault: str = ""
    """Why it did not end well; empty: it did."""


async def try_package(folder: Path | None, *, sandbox: bool) -> Trial:
    """Start a package, freeze it, thaw it, and see it end; nothing of it is left.

    Args:
        folder: Where; None: where temporary files are.
        sandbox: Inside bubblewrap, where that works.

    Raises:
        PackageDidNotStart: not even the runner came up.
    """
    with tempfile.TemporaryDirectory(prefix="trial-", dir=folder) as root:
        runner = await Runner.start(Path(root) / "run", 1)
        trial = Trial(runner.sandbox)
        try:
            async with asyncio.timeout(TRIAL_S):
                await _try(trial, runner, root, sandbox=sandbox)
        except TimeoutError:
            trial.late = True
        finally:
            await runner.close()
        return trial


async def _try(trial: Trial, runner: Runner, root: str, *, sandbox: bool) -> None:
    run = secrets.token_hex(8)
    keep = Path(root) / "keep"
    keep.mkdir()
    order = Order(
        run=run,
        package="trial",
        argv=(sys.executable, "-c", _TRIAL),
        keep=str(keep),
        seconds=30,
        sandbox=sandbox and runner.sandbox != NONE,
    )
    runner.submit([order])
    async for report in _reports(runner):
        match report:
            case Started():
                began = SYSTEM_CLOCK.monotonic()
                held = await runner.freeze()
                trial.freeze_seconds = SYSTEM_CLOCK.monotonic() - began
                moving = [pid for pid in processes.below([runner.pid]) if processes.is_moving(pid)]
                trial.frozen = run in held and not moving
                await runner.thaw()
            case Finished():
                _note_end(trial, report)
                break
            case _:
                pass


async def _reports(runner: Runner) -> AsyncIterator[object]:
    async for batch in runner.reports():
        for report in batch:
            yield report


def _note_end(trial: Trial, report: Finished) -> None:
    log = report.log.decode(errors="replace").strip()
    if report.exit_code == 0:
        try:
            trial.seen = json.loads(log.splitlines()[-1])
        except (ValueError, IndexError):
            trial.fault = f"it ended well, but printed {log[-200:]!r}"
        return
    ended = f"signal {report.signal}" if report.signal else f"exit code {report.exit_code}"
    trial.fault = report.why or f"{ended}: {log[-200:]}"
