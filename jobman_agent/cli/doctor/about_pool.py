"""Section ``pool``: can it be reached from here, is it fit, how many offers stand in it?

What only RabbitMQ needs is imported where the pool is one. No pool is made here.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from jobman_agent.cli.doctor.line import Level, Line, note, ok, wrong
from jobman_agent.cli.output import count_text, seconds_text
from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.errors import (
    ExitCode,
    InputError,
    PoolError,
    PoolRefused,
    PoolUnavailable,
)
from jobman_agent.pool.contract import Sender

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

    from jobman_agent.cli.context import Context
    from jobman_agent.cli.doctor.setup import Setup
    from jobman_agent.pool.contract import Pool
    from jobman_agent.pool.directory_check import Finding
    from jobman_agent.pool.opening import BrokerAddress

REACH_S = 10.0
_CLOSE_S = 0.5
_SOON_S = 30 * 86_400.0
_THREE_WAYS = (
    "jobman config init --pool dir:FOLDER or amqps://HOST/VHOST",
    "url = ... in [pool] of jobman.ini, or the variable JOBMAN_POOL_URL",
)


def look(setup: Setup) -> Iterator[Line]:
    """Everything about the pool, in the order in which it is reached."""
    settings = setup.good_settings()
    if settings is None:
        yield note("url", "not looked at: the settings hold mistakes")
        return
    if settings.pool.url is None:
        yield wrong("url", "no pool is named", *_THREE_WAYS)
        return
    context = setup.context()
    address = context.address
    origin = settings.origins.get("pool.url", "")
    yield ok("url", f"{address} ({origin})", url=str(address), origin=origin)
    from jobman_agent.pool.opening import DirectoryAddress

    if isinstance(address, DirectoryAddress):
        yield from _folder(context, address.folder)
    else:
        yield from _broker(context, address)


def _sender(context: Context) -> Sender:
    """Our own key if there is one, else one for this moment: none is made here."""
    from jobman_agent.trust.keys import KEY_FILE, KeyPair, load

    path = context.places.keys / KEY_FILE
    key = load(path) if path.exists() else KeyPair.from_seed(os.urandom(32))
    return Sender(key.id, os.getpid())


# ---- a shared folder
def _folder(context: Context, folder: Path) -> Iterator[Line]:
    from jobman_agent.pool.directory_layout import FOLDERS

    way = f"to make it now: jobman pool init dir:{folder}"
    if not folder.exists():
        if folder.parent.is_dir():
            text = "not there yet: whoever uses it first makes it"
            yield note("reach", text, way)
        else:
            text = f"{folder.parent} is not there"
            code = ExitCode.POOL_OUT_OF_REACH
            yield wrong("reach", text, "mount the share, or correct the url", code=code)
        return
    if folder.is_dir() and next(folder.iterdir(), None) is None:
        yield note("reach", "an empty folder yet: whoever uses it first makes a pool of it", way)
        return
    if not all((folder / name).is_dir() for name in FOLDERS):
        text = f"{folder} is no pool, and not empty"
        yield wrong("reach", text, "name an empty or a new folder", code=ExitCode.BAD_INPUT)
        return
    from jobman_agent.pool.directory import DirectoryPool
    from jobman_agent.pool.directory_check import check

    sender = _sender(context)
    yield from asyncio.run(
        _use(DirectoryPool(folder, sender), lambda _: check(folder, sender), REACH_S, context)
    )


# ---- RabbitMQ
def _broker(context: Context, address: BrokerAddress) -> Iterator[Line]:
    began = SYSTEM_CLOCK.monotonic()
    try:
        yield from _greeting(context, address)
    except PoolError as exc:
        yield _refusal(exc, context)
        return
    try:
        make = context.pool_maker()
    except InputError as exc:
        yield wrong("login", str(exc))
        return
    from jobman_agent.pool.broker_check import check

    left = REACH_S - (SYSTEM_CLOCK.monotonic() - began)
    yield from asyncio.run(_use(make(_sender(context)), check, left, context))


def _greeting(context: Context, address: BrokerAddress) -> Iterator[Line]:
    from jobman_agent.pool.broker_greeting import greet
    from jobman_agent.settings.pool_url import needs_insecure

    pool = context.settings.pool
    if needs_insecure(address.url):
        yield note("plain", "all goes in plain text (insecure = yes)", "amqps://... in [pool] url")
    said = greet(address.url, pool.ca, REACH_S)
    text = f"{said.product} {said.version} answers"
    yield ok("server", text, product=said.product, version=said.version)
    if said.certificate_ends is None:
        return
    left = (said.certificate_ends - SYSTEM_CLOCK.now()).total_seconds()
    by = "the authorities of this PC" if pool.ca is None else str(pool.ca)
    text = f"its certificate is trusted (by {by}), and ends in {seconds_text(left)}"
    data = {"ends": said.certificate_ends.isoformat()}
    if left < _SOON_S:
        yield note("certificate", text, "tell the administrator of the server", **data)
    else:
        yield ok("certificate", text, **data)


# ---- both
async def _use(
    pool: Pool,
    check: Callable[[Pool], Awaitable[Sequence[Finding]]],
    seconds: float,
    context: Context,
) -> list[Line]:
    """Connect, look into the hiring queue, and do what ``jobman pool check`` does."""
    found: list[Line] = []
    began = SYSTEM_CLOCK.monotonic()
    try:
        async with asyncio.timeout(seconds):
            await pool.connect()
            took = SYSTEM_CLOCK.monotonic() - began
            text = f"reached in {took:.2f} s, and may be used"
            found.append(ok("reach", text, seconds=round(took, 3)))
            found.append(_offers(len(await pool.scan())))
            # What it says of the hiring queue is told already.
            found += [_found(one) for one in await check(pool) if one.what != "hiring"]
    except TimeoutError:
        text = f"no answer within {REACH_S:.0f} s"
        if found:
            text = f"reached, but what is sent does not come through within {REACH_S:.0f} s"
        found.append(_refusal(PoolUnavailable(text), context))
    except (PoolError, InputError) as exc:
        found.append(_refusal(exc, context))
    finally:
        with suppress(TimeoutError):  # the process ends soon, and its connections with it
            async with asyncio.timeout(_CLOSE_S):
                await pool.close()
    return found


def _refusal(exc: PoolError | InputError, context: Context) -> Line:
    ways: tuple[str, ...] = ()
    match exc:
        case PoolRefused() if "certificate" in str(exc):
            ways = ("ca = FILE in [pool]: the authority that signed it, as PEM",)
        case PoolRefused():
            ways = ("user = NAME and password = file:PATH in [pool]",)
            if origin := context.settings.origins.get("pool.user"):
                ways = (f"user and password in [pool]: {origin}",)
        case PoolUnavailable():
            ways = ("see that the server runs, has room, and this PC's network reaches it",)
    return wrong("reach", str(exc), *ways, code=exc.exit_code)


def _offers(number: int) -> Line:
    verb = "stands" if number == 1 else "stand"
    text = f"{count_text(number, 'offer')} {verb} in the hiring queue"
    return ok("offers", text, offers=number)


def _found(finding: Finding) -> Line:
    """What ``jobman pool check`` finds, as a line of ours."""
    levels = {"ok": Level.OK, "warning": Level.NOTE, "wrong": Level.WRONG}
    level = levels[finding.level.value]
    do = ("jobman pool check says the same at any time",) if level is Level.WRONG else ()
    return Line(level, finding.what, finding.text, do)
