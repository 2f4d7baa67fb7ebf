"""``jobman work --agent-pipe``: the same worker, at the other end of its agent's pipe."""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from jobman_agent.cli.awake import Awake
from jobman_agent.cli.interrupts import Interrupts
from jobman_agent.cli.work_place import Ready, prepare
from jobman_agent.control.claims import claim_machine
from jobman_agent.control.messages import encode
from jobman_agent.control.pipe import take_standard_pipes
from jobman_agent.control.pipe_messages import Said
from jobman_agent.errors import ExitCode, JobmanError
from jobman_agent.worker.agent_end import AgentEnd
from jobman_agent.worker.employee import Worker

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

LOG = "worker.log"
_LOOK_S = 5.0
_TEXT_MOST = 2000


def work_for_agent(args: argparse.Namespace) -> int:
    """Work until the agent says leave, or has gone.

    Raises:
        AlreadyRunning: another agent's worker runs on this PC.
        JobmanError: as for every worker; the agent is told why.
    """
    descriptors = take_standard_pipes()
    try:
        ready = prepare(args, LOG)
        lock = claim_machine(ready.context.places.lock_dir)
    except JobmanError as exc:
        with suppress(OSError):  # the agent has gone: nobody wants to know
            os.write(descriptors[1], encode(Said(str(exc)[:_TEXT_MOST], warning=True)))
        raise
    try:
        return asyncio.run(_work(args, ready, descriptors))
    finally:
        lock.release()


async def _work(args: argparse.Namespace, ready: Ready, descriptors: tuple[int, int]) -> int:
    end = AgentEnd(descriptors)
    try:
        limits = await end.limits()
        if limits is None:
            return ExitCode.DONE
        for line in ready.lines:
            end.say(line)
        pc = replace(ready.place.pc, cores=limits.cores, memory=limits.memory, disk=limits.disk)
        place = replace(ready.place, pc=pc)
        worker = Worker(place, ready.make_pool, end.tell, wait_s=args.wait, watch=end)
        end.attach(worker)
        with ExitStack() as stack:
            awake = stack.enter_context(Awake())
            stack.enter_context(
                Interrupts(worker.leave, lambda: worker.leave("ended at once", at_once=True))
            )
            await _run(worker, awake.want)
    except JobmanError as exc:
        end.say(str(exc), warning=True)
        raise
    finally:
        await end.close()
    return ExitCode.DONE


async def _run(worker: Worker, want_awake: Callable[[bool], None]) -> None:
    """Work, and keep the PC awake while packages run, but not while they are frozen."""
    task = asyncio.create_task(worker.run(), name="worker")
    try:
        while not task.done():
            seen = worker.snapshot()
            want_awake(seen is not None and bool(seen.running) and seen.state != "suspended")
            await asyncio.wait({task}, timeout=_LOOK_S)
    finally:
        task.cancel()
        await asyncio.wait({task})
    task.result()
