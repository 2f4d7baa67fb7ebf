"""What `jobman pool check` does with RabbitMQ: everything that a worker and an employer do there.

Nothing here is needed to use a pool. A shared folder has a check of its own (`directory_check`).
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from jobman_agent.clock import SYSTEM_CLOCK, Clock
from jobman_agent.errors import PoolError
from jobman_agent.model.names import short_id
from jobman_agent.pool.contract import CALL_SECONDS
from jobman_agent.pool.directory_check import LATE_S, Finding, Level

if TYPE_CHECKING:
    from jobman_agent.pool.contract import Pool

_FRAME = b"jobman pool check\n"


async def check(pool: Pool, *, clock: Clock = SYSTEM_CLOCK) -> list[Finding]:
    """Look into the hiring queue, and send a message to ourselves.

    Takes at most some tens of seconds, and never raises for what is wrong with the pool.

    Args:
        pool: Connected.
        clock: For how long it took.
    """
    found: list[Finding] = []
    for what, look in (("hiring", _scan), ("travel", _travel)):
        try:
            found.append(await look(pool, clock))
        except PoolError as exc:
            found.append(Finding(Level.WRONG, what, str(exc)))
            break
    return found


async def _scan(pool: Pool, clock: Clock) -> Finding:
    began = clock.monotonic()
    offers = len(await pool.scan())
    seconds = clock.monotonic() - began
    standing = "1 offer stands" if offers == 1 else f"{offers} offers stand"
    text = f"{standing} in the hiring queue, which was read in {seconds:.3f} s"
    return Finding(Level.WARNING if seconds > CALL_SECONDS else Level.OK, "hiring", text)


async def _travel(pool: Pool, clock: Clock) -> Finding:
    session = short_id(secrets.token_bytes(32))
    box = pool.work_box(session)
    await pool.open_box(box)
    try:
        await pool.listen(box)
        sent = clock.monotonic()
        await pool.send(box, session, _FRAME)
        async with asyncio.timeout(CALL_SECONDS):
            await pool.ack(await pool.receive())
        seconds = clock.monotonic() - sent
    except TimeoutError:
        text = f"a message that was confirmed has not come within {CALL_SECONDS:.0f} s"
        return Finding(Level.WRONG, "travel", text)
    finally:
        await pool.remove_box(box)
    text = f"a message was sent, confirmed, received and acknowledged in {seconds:.3f} s"
    return Finding(Level.WARNING if seconds > LATE_S else Level.OK, "travel", text)
