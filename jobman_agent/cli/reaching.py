"""Reaching a pool for one question: 10 s, then it is out of reach (employ and work wait longer)."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from jobman_agent.cli.output import say
from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.errors import PoolUnavailable
from jobman_agent.pool.contract import Sender

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from jobman_agent.cli.context import Context
    from jobman_agent.pool.contract import Pool

PATIENCE_S = 10.0
_AGAIN_S = 0.5


def one_time_sender(context: Context) -> Sender:
    """Who we are for one question: our key, and a start that no other process has just now."""
    return Sender(context.key.id, os.getpid())


@asynccontextmanager
async def reached(context: Context, *, quiet: bool = False) -> AsyncIterator[Pool]:
    """The pool, connected.

    Args:
        context: Names the pool.
        quiet: Keep to yourself what connecting did.

    Raises:
        PoolUnavailable: not within 10 s; the message says what the last try found.
        PoolRefused: login or permission.
        PoolMisused: something in it must not be there, or the folder can be no pool.
        InputError: no pool was named, its URL or its password is not right.
    """
    make = context.pool_factory(one_time_sender(context))
    deadline = SYSTEM_CLOCK.monotonic() + PATIENCE_S
    pool, told = make(), False
    try:
        while True:
            try:
                async with asyncio.timeout(max(deadline - SYSTEM_CLOCK.monotonic(), _AGAIN_S)):
                    await pool.connect()
                break
            except TimeoutError as exc:
                message = f"{context.address} has not answered within {PATIENCE_S:.0f} s"
                raise PoolUnavailable(message) from exc
            except PoolUnavailable as exc:
                if SYSTEM_CLOCK.monotonic() + _AGAIN_S >= deadline:
                    raise
                if not told:
                    say(f"jobman: {exc}; trying for {PATIENCE_S:.0f} s")
                told = True
            await pool.close()
            await asyncio.sleep(_AGAIN_S)
            pool = make()
        for note in () if quiet else pool.notes:
            say(f"jobman: {note}")
        yield pool
    finally:
        await pool.close()
