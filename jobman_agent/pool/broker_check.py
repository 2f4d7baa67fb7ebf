"""What `jobman pool check` does with RabbitMQ: everything that a worker and an employer do there.

Nothing here is needed to use a pool. A shared folder has a check of its own (`directory_check`).
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import datetime
from typing import TYPE_CHECKING

from jobman_agent.clock import SYSTEM_CLOCK, Clock
from jobman_agent.errors import PoolError, PoolRefused, WireError
from jobman_agent.model.messages import Offer
from jobman_agent.model.names import short_id
from jobman_agent.pool.amqp import AmqpPool
from jobman_agent.pool.contract import CALL_SECONDS
from jobman_agent.pool.directory_check import LATE_S, Finding, Level
from jobman_agent.trust.frames import open_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobman_agent.pool.broker_greeting import Greeting
    from jobman_agent.pool.contract import Pool

OLDEST = (3, 10)
SOON_S = 30 * 86_400.0
CLOCKS_APART_S = 120.0
_FRAME = b"jobman pool check\n"


def check_greeting(said: Greeting, *, secret: bool, local: bool, clock: Clock) -> list[Finding]:
    """What the server says before anybody logs in: is it one that jobman knows, and is it secret?

    Args:
        said: By the server.
        secret: Whether it was said through TLS.
        local: Whether the server is on this PC.
        clock: For when the certificate ends.
    """
    found = [_server(said)]
    if secret and said.certificate_ends is not None:
        days = (said.certificate_ends - clock.now()).total_seconds() / 86_400
        text = f"encrypted; the certificate is trusted for {days:.0f} days more"
        soon = days * 86_400 < SOON_S
        advice = ": the administrator of the server must renew it" if soon else ""
        found.append(Finding(Level.WARNING if soon else Level.OK, "tls", text + advice))
    elif not local:
        text = "everything goes in plain text, results and password too: use amqps://"
        found.append(Finding(Level.WARNING, "tls", text))
    return found


def _server(said: Greeting) -> Finding:
    words = said.version.split(".")[:2]
    numbers = tuple(int(word) for word in words if word.isdecimal())
    text = f"{said.product} {said.version}"
    if said.product != "RabbitMQ":
        text += ": jobman has been tried with RabbitMQ only"
        return Finding(Level.WARNING, "server", text)
    if numbers < OLDEST:
        return Finding(Level.WRONG, "server", f"{text} is too old: 3.10 is the oldest that will do")
    return Finding(Level.OK, "server", text)


async def check(pool: Pool, *, clock: Clock = SYSTEM_CLOCK) -> list[Finding]:
    """Look into the hiring queue, send a message to ourselves, and see what we may do.

    Takes at most some tens of seconds, and never raises for what is wrong with the pool.

    Args:
        pool: Connected.
        clock: For how long it took, and what time it is here.
    """
    found: list[Finding] = []
    for what, look in (("hiring", _scan), ("travel", _travel), ("rights", _rights)):
        try:
            found += await look(pool, clock)
        except PoolError as exc:
            found.append(Finding(Level.WRONG, what, str(exc)))
            break
    return found


async def _scan(pool: Pool, clock: Clock) -> list[Finding]:
    began = clock.monotonic()
    frames = await pool.scan()
    seconds = clock.monotonic() - began
    standing = "1 offer stands" if len(frames) == 1 else f"{len(frames)} offers stand"
    text = f"{standing} in the hiring queue, which was read in {seconds:.3f} s"
    found = [Finding(Level.WARNING if seconds > CALL_SECONDS else Level.OK, "hiring", text)]
    return found + _clocks(frames, clock.now())


def _clocks(frames: Sequence[bytes], now: datetime) -> list[Finding]:
    """RabbitMQ tells no time, but whoever posts an offer does: it cannot be from the future."""
    ahead = [
        ((datetime.fromisoformat(offer.time) - now).total_seconds(), offer.employer)
        for offer in map(_offer, frames)
        if offer is not None
    ]
    seconds, employer = max(ahead, default=(0.0, ""))
    if seconds <= CLOCKS_APART_S:
        return []
    text = (
        f"an offer of {employer} was posted {seconds / 60:.0f} min from now by this PC's clock "
        f"({now:%Y-%m-%d %H:%M} UTC): one of the two clocks is wrong"
    )
    return [Finding(Level.WARNING, "clock", text)]


def _offer(frame: bytes) -> Offer | None:
    try:
        message = open_frame(frame).message
    except WireError:
        return None
    return message if isinstance(message, Offer) else None


async def _travel(pool: Pool, clock: Clock) -> list[Finding]:
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
        return [Finding(Level.WRONG, "travel", text)]
    finally:
        await pool.remove_box(box)
    text = f"a message was sent, confirmed, received and acknowledged in {seconds:.3f} s"
    return [Finding(Level.WARNING if seconds > LATE_S else Level.OK, "travel", text)]


async def _rights(pool: Pool, clock: Clock) -> list[Finding]:
    """What this user may do, and how well users are kept apart."""
    del clock
    user = pool.user if isinstance(pool, AmqpPool) else None
    offer = short_id(secrets.token_bytes(32))
    box = pool.ask_box(offer if user is None else user, offer)
    try:
        await pool.open_box(box)
        await pool.remove_box(box)
    except PoolRefused:
        may = "may work for others, and not offer work itself"
    else:
        may = "may offer work, and work for others"
    if user is None:
        text = f"this user {may}; open profile: each user can read what is meant for others"
        return [Finding(Level.OK, "rights", text)]
    text = f"{user} {may}; guarded profile: each user reads only what is meant for it"
    return [Finding(Level.OK, "rights", text)]
