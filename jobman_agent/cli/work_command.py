"""``jobman work``: a worker in the foreground, which does not watch for idleness."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from jobman_agent.cli.commands import add_command
from jobman_agent.cli.employ_command import seconds
from jobman_agent.cli.output import print_json, say
from jobman_agent.errors import ExitCode, InputError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from jobman_agent.cli.commands import Commands
    from jobman_agent.cli.context import Context
    from jobman_agent.pool.contract import Pool, Sender
    from jobman_agent.trust.employers import Employers
    from jobman_agent.trust.programs import Programs
    from jobman_agent.worker.employee import Place, Worker
    from jobman_agent.worker.session.actions import Tell

_DESCRIPTION = """\
Work for the employers whom this PC trusts, with the programs that its owner named, at the lowest
priority; in the foreground, whether or not the PC is idle (for servers, and to try things).
Ctrl-C hands back what is not done and leaves; a second one ends it at once.
"""
_NAME_MOST = 64
_HASH_SHOWN = len("sha256:") + 12
_LOOK_S = 5.0


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = add_command(commands, common, "work", "work for employers", _DESCRIPTION, run)
    parser.add_argument(
        "--slots",
        metavar="N",
        type=_count,
        help="packages side by side (else the cores of [limits] by what the job needs)",
    )
    parser.add_argument(
        "--idle-exit",
        metavar="SECONDS",
        type=seconds,
        help="leave after so long without work, from the start or the last session's end",
    )
    parser.add_argument(
        "--trust",
        metavar="NAME=KEY",
        action="append",
        default=[],
        help="work for this employer too, own code included, as long as this runs",
    )
    parser.add_argument(
        "--software",
        metavar="NAME[=PATH]",
        action="append",
        default=[],
        help="offer this program too, as long as this runs; without PATH it is looked up now",
    )
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=seconds,
        help="wait so long for a pool that is not there; then exit 3 (else for ever)",
    )
    parser.add_argument(
        "--normal-priority",
        action="store_true",
        help="a normal share of this PC for packages, not the least (a server of nobody's)",
    )
    parser.add_argument(
        "--name", metavar="NAME", help="what employers see, instead of this PC's name"
    )
    # For an agent only, which is at the other end of stdin and stdout.
    parser.add_argument("--agent-pipe", action="store_true", help=argparse.SUPPRESS)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:  # noqa: PLR2004 - no PC has more
        raise InputError(f"--slots {text}: write a whole number from 1 on")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Work until there is a reason to leave."""
    if args.agent_pipe:
        from jobman_agent.cli.work_for_agent import work_for_agent

        return work_for_agent(args)
    import asyncio

    ready = prepare(args, "jobman.log")
    for line in ready.lines:
        say(line)
    from jobman_agent.worker.employee import Worker

    shift = _Shift(args)
    worker = Worker(ready.place, ready.make_pool, shift.tell, wait_s=args.wait)
    return asyncio.run(shift.run(worker))


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


class _Shift:
    """One worker's life in its event loop, and what is shown of it."""

    def __init__(self, args: argparse.Namespace) -> None:
        from jobman_agent.cli.display import open_display
        from jobman_agent.cli.worker_view import HINT
        from jobman_agent.clock import SYSTEM_CLOCK

        self._verbose = args.verbose > 0
        self._as_json = args.json
        self._display = open_display(args.verbose, transient=True)
        self._clock = SYSTEM_CLOCK
        self._hint = HINT

    def tell(self, told: Tell) -> None:
        """What the worker says: warnings always, the mission's steps with ``-v``."""
        if told.step is None:
            self._display.line(told.text, "yellow" if told.warning else "")
        elif self._verbose:
            self._display.line(
                f"step {told.step}: {told.text}", "yellow" if told.warning else "dim"
            )
        elif told.warning:
            self._display.line(told.text, "yellow")

    async def run(self, worker: Worker) -> int:
        """Work; returns the exit code.

        Raises:
            JobmanError: as ``Worker.run``.
        """
        import asyncio

        from jobman_agent.cli.awake import Awake
        from jobman_agent.cli.interrupts import Interrupts
        from jobman_agent.cli.worker_view import work_summary

        began = self._clock.monotonic()

        def leave(why: str) -> None:
            self._hint = "handing back; Ctrl-C again ends it at once"
            self._display.line(f"{why}: handing back what is not done (once more: at once)")
            worker.leave(why)

        def kill() -> None:
            worker.leave("ended at once", at_once=True)

        with ExitStack() as stack:
            awake = stack.enter_context(Awake())
            stack.enter_context(self._display)
            interrupts = stack.enter_context(Interrupts(leave, kill))
            task = asyncio.create_task(worker.run(), name="worker")
            await self._watch(worker, task, awake.want)
            task.result()
        found = worker.snapshot()
        done = found.done if found is not None else 0
        took = self._clock.monotonic() - began
        if self._as_json:
            print_json({"packages": done, "seconds": round(took, 3)})
        print(work_summary(done, took), file=sys.stderr)
        return ExitCode.INTERRUPTED if interrupts.count else ExitCode.DONE

    async def _watch(
        self, worker: Worker, task: asyncio.Task[None], want_awake: Callable[[bool], None]
    ) -> None:
        import asyncio

        from jobman_agent.cli.display import FRAME_S
        from jobman_agent.cli.worker_view import status_line

        pause = FRAME_S if self._display.live else _LOOK_S
        try:
            while not task.done():
                now = worker.snapshot()
                want_awake(now is not None and bool(now.running))
                if self._display.live:
                    self._display.picture(status_line(now, self._hint))
                await asyncio.wait({task}, timeout=pause)
        finally:
            task.cancel()
            await asyncio.wait({task})
