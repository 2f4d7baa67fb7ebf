"""What a worker needs before it begins: settings, keys, programs, whom it works for, the pool."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from jobman_agent.errors import InputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from jobman_agent.cli.context import Context
    from jobman_agent.pool.contract import Pool, Sender
    from jobman_agent.trust.employers import Employers
    from jobman_agent.trust.programs import Programs
    from jobman_agent.worker.employee import Place

_NAME_MOST = 64
_HASH_SHOWN = len("sha256:") + 12


class Ready(NamedTuple):
    """What a worker needs before it begins."""

    context: Context
    place: Place
    make_pool: Callable[[Sender], Pool]
    lines: list[str]
    """What is offered to whom, and where, for people."""


def prepare(args: argparse.Namespace, log: str) -> Ready:
    """Read all settings of a worker, and begin its log.

    Raises:
        InputError, StorageError: the settings hold mistakes, or a file cannot be used.
    """
    from jobman_agent.cli.context import load_context, start_log
    from jobman_agent.trust.employers import load_employers
    from jobman_agent.trust.programs import load_programs

    context = load_context(args)
    start_log(context.places, args.verbose, log)
    employers = load_employers(context.settings, context.places.employers_file, args.trust)
    programs = load_programs(context.settings, args.software)
    make_pool = context.pool_maker()
    place = _place(args, context, employers, programs)
    return Ready(context, place, make_pool, _opening_lines(place, context, employers, programs))


def _place(
    args: argparse.Namespace, context: Context, employers: Employers, programs: Programs
) -> Place:
    from jobman_agent.execution import SYSTEM, total_memory
    from jobman_agent.model.messages import Program
    from jobman_agent.settings.places import host_name
    from jobman_agent.worker.employee import Place
    from jobman_agent.worker.session.holdings import PC

    name = host_name() if args.name is None else args.name.strip()
    if not 1 <= len(name) <= _NAME_MOST or not name.isprintable():
        raise InputError(f"--name {name[:70]!r}: 1 to {_NAME_MOST} printable characters")
    limits = context.settings.limits
    pc = PC(
        worker=name,
        os=SYSTEM,
        cores=max(1, limits.cores.of(_cores())),
        memory=limits.memory.of(total_memory()),
        disk=limits.disk,
        programs={n: Program(name=n, version=v) for n, v in programs.offered().items()},
        slots=args.slots,
        idle_exit_s=args.idle_exit,
    )
    return Place(
        home=context.places.home,
        pc=pc,
        key=context.key,
        programs=programs,
        employers=employers,
        yields=not args.normal_priority,
        sandbox=limits.sandbox,
    )


def _cores() -> int:
    """Processor cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux; a container may have less
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def _opening_lines(
    place: Place, context: Context, employers: Employers, programs: Programs
) -> list[str]:
    """What is offered to whom, and where: the owner should see it."""
    lines = [f"{place.pc.worker} works in {context.address}; its key is {place.key.public}"]
    for name, program in place.pc.programs.items():
        version = program.version
        if version.startswith("sha256:"):
            version = f"{version[:_HASH_SHOWN]}..."
        lines.append(f"program  {name}  {programs.path(name)}  {version}")
    lines += [f"program not offered: {fault}" for fault in programs.missing().values()]
    if not place.pc.programs:
        lines.append("no program is offered: name one, in [software] or by --software NAME")
    trusted = [entry for entry in employers.entries() if not entry.never]
    for entry in trusted:
        code = "own code too" if entry.allow_code else "programs of this PC only"
        lines.append(f"works for  {entry.name}  {entry.key}  {code}")
    authority = context.settings.employers.authority
    if authority:
        lines.append(f"works for  whom the office's authority vouches for  {authority}")
    elif not trusted:
        lines.append("nobody is trusted: jobman keys trust NAME KEY, or --trust NAME=KEY")
    return lines
