"""Section ``packages``: limits, sandbox, priority, and whether a package can be frozen: tried."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from jobman_agent.cli.doctor.line import Line, note, ok, wrong
from jobman_agent.cli.doctor.trial import TRIAL_S, try_package
from jobman_agent.cli.output import count_text, size_text
from jobman_agent.execution import SYSTEM, total_memory
from jobman_agent.execution.sandbox import BUBBLEWRAP, NONE, why_not

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jobman_agent.cli.doctor.setup import Setup
    from jobman_agent.cli.doctor.trial import Trial
    from jobman_agent.settings.pc import Limits

_IDLE_PRIORITY_CLASS = 64
_LEAST_NICE = 19
_YIELDS_S = 1.0
"""The owner must have the PC back within a second."""


def look(setup: Setup) -> Iterator[Line]:
    """What a package may use, what surrounds it, and how a trial package fared."""
    limits = (setup.good_settings() or setup.defaults()).limits
    yield _limits(limits)
    yield _sandbox(limits)
    home = setup.places.home if setup.places.home.is_dir() else None
    trial = asyncio.run(try_package(home, sandbox=limits.sandbox))
    yield fared(trial)
    if trial.seen:
        yield priority(trial.seen)


def _limits(limits: Limits) -> Line:
    allowed = getattr(os, "sched_getaffinity", None)
    there = len(allowed(0)) if allowed is not None else os.cpu_count() or 1
    cores, total = max(1, limits.cores.of(there)), total_memory()
    memory = limits.memory.of(total)
    text = (
        f"at most {cores} of {count_text(there, 'core')}, {size_text(memory)} of "
        f"{size_text(total)} memory (looked at every second, no cgroup), "
        f"{size_text(limits.disk)} of disk"
    )
    return ok("limits", text, cores=cores, memory=memory, disk=limits.disk)


def _sandbox(limits: Limits) -> Line:
    if SYSTEM != "linux":
        text = "no sandbox on this system: a package can read and write what this user can"
        return ok("sandbox", text, level=NONE, wanted=limits.sandbox)
    if not limits.sandbox:
        text = "sandbox = no: a package can read and write what this user can"
        way = "sandbox = yes in [limits]"
        return note("sandbox", text, way, level=NONE, wanted=False)
    why = why_not()
    if not why:
        text = "bubblewrap works: a package writes to its own folder only, and has no network"
        return ok("sandbox", text, level=BUBBLEWRAP, wanted=True)
    text = f"{why}: a package can read and write what this user can"
    if "not installed" in why:
        return note("sandbox", text, "sudo apt install bubblewrap", level=NONE, wanted=True)
    way = "sudo sysctl kernel.unprivileged_userns_clone=1 (and see AppArmor's rules for bwrap)"
    return note("sandbox", text, way, level=NONE, wanted=True)


def fared(trial: Trial) -> Line:
    """How a trial package fared."""
    if trial.late:
        text = "a trial package has not ended within {:.0f} s: this PC is very busy"
        return note("trial", text.format(TRIAL_S), frozen=trial.frozen, ended=False)
    if trial.fault:
        return wrong("trial", f"a trial package did not end well: {trial.fault}")
    took = f"{1000 * trial.freeze_seconds:.0f} ms"
    data = {"freeze_seconds": round(trial.freeze_seconds, 4), "frozen": trial.frozen}
    if not trial.frozen:
        return wrong("trial", "a trial package could not be frozen: it ran on", data=data)
    where = " in a Job Object" if SYSTEM == "windows" else ""
    text = f"a trial package was started{where}, frozen in {took}, resumed, and ended"
    if trial.freeze_seconds >= _YIELDS_S:
        return note("trial", f"{text}; that is slow: this PC is very busy", **data, ended=True)
    return ok("trial", text, **data, ended=True)


def priority(seen: Mapping[str, Any]) -> Line:
    """What the trial package saw of its own priority."""
    autogroup = str(seen.get("autogroup", ""))
    idle = seen.get("idle_class") or seen.get("background")
    if autogroup.endswith(f"nice {_LEAST_NICE}"):
        also = " and is SCHED_IDLE" if idle else ""
        text = f"packages yield to everything: their session has the least share{also}"
        return ok("priority", text, **seen)
    if idle and autogroup:
        text = f"packages are SCHED_IDLE, but their session has a usual share ({autogroup})"
        return note("priority", text, **seen)
    if idle or seen.get("priority_class") == _IDLE_PRIORITY_CLASS:
        return ok("priority", "packages yield to everything: lowest priority", **seen)
    text = "packages do not have the lowest priority: the owner's programs may be slowed down"
    return note("priority", text, **seen)
