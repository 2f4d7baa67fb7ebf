"""``jobman work``: a worker in the foreground, which does not watch for idleness."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command
from jobman_agent.cli.employ_command import seconds
from jobman_agent.cli.output import print_json, say
from jobman_agent.errors import ExitCode, InputError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from jobman_agent.cli.commands import Commands
    from jobman_agent.worker.employee import Worker
    from jobman_agent.worker.session.actions import Tell

_DESCRIPTION = """\
Work for the employers whom this PC trusts, with the programs that its owner named, at the lowest
priority; in the foreground, whether or not the PC is idle (for servers, and to try things).
Ctrl-C hands back what is not done and leaves; a second one ends it at once.
"""
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

    from jobman_agent.cli.work_place import prepare

    ready = prepare(args, "jobman.log")
    for line in ready.lines:
        say(line)
    from jobman_agent.worker.employee import Worker

    shift = _Shift(args)
    worker = Worker(ready.place, ready.make_pool, shift.tell, wait_s=args.wait)
    return asyncio.run(shift.run(worker))


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
