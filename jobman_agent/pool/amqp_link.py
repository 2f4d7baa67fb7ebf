"""Two connections to one RabbitMQ server, and the door through which every call goes.

Reading and writing have a connection each, for a memory alarm stops all that publishes. There is
no reconnecting in here: the first loss ends the link for good, in whatever way it shows. aio-pika
tells of it in several (each was tried): as an AMQP or OS error, as a bare ``Exception``, and as a
``CancelledError`` that nobody asked for, while ``is_closed`` stays False.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aio_pika

from jobman_agent.errors import JobmanError, PoolUnavailable
from jobman_agent.log import get_logger
from jobman_agent.pool.amqp_errors import call_failed, connecting_failed, tls_context
from jobman_agent.pool.amqp_frames import TolerantConnection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import aiormq.abc

    from jobman_agent.pool.amqp_errors import Address

HEARTBEAT_SECONDS = 10
CLOSE_SECONDS = 2.0

_log = get_logger(__name__)

# What they log as errors, with tracebacks, is what we translate.
for _name in ("aio_pika", "aiormq"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class Link:
    """A reading and a writing connection, from `open` to the first loss."""

    def __init__(self, address: Address, ca: Path | None, name: str, seconds: float) -> None:
        self.address = address
        self.seconds = seconds
        self.lost: str | None = None
        """Why the link ended; None while it stands."""
        self.on_lost: list[Callable[[], None]] = []
        self._ca = ca
        self._name = name
        self._closing = False
        self._connections: list[aio_pika.abc.AbstractConnection] = []

    async def open(self) -> None:
        """Connect twice.

        Raises:
            PoolUnavailable: not there (yet).
            PoolRefused: login, virtual host or certificate.
            InputError: the file of the authority.
        """
        context = tls_context(self._ca) if self.address.tls else None
        for purpose in ("reading", "writing"):
            try:
                connection = await aio_pika.connect(
                    host=self.address.host,
                    port=self.address.port,
                    login=self.address.user,
                    password=self.address.password,
                    virtualhost=self.address.vhost,
                    ssl=self.address.tls,
                    ssl_context=context,
                    timeout=self.seconds,
                    heartbeat=HEARTBEAT_SECONDS,
                    connection_class=TolerantConnection,
                    client_properties={"connection_name": f"jobman {self._name} {purpose}"},
                )
            except asyncio.CancelledError as exc:
                if _is_asked_for():
                    raise
                raise self.lose(f"{self.address}: the connection was lost at once") from exc
            except Exception as exc:  # bare ones, too: see the module's text
                raise connecting_failed(exc, self.address) from exc
            self._connections.append(connection)
            _transport(connection).closing.add_done_callback(self._on_closing)

    async def close(self) -> None:
        """Let go of both connections within seconds; never raises."""
        self._closing = True
        self.lose("the pool was closed")
        connections, self._connections = self._connections, []
        await asyncio.gather(*(self._close(connection) for connection in connections))

    async def _close(self, connection: aio_pika.abc.AbstractConnection) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await connection.close()
        except asyncio.CancelledError:
            if _is_asked_for():
                raise
        except Exception as exc:  # noqa: BLE001 - it is gone either way
            _log.debug("closing %s: %r", self.address, exc)

    async def channel(self, *, writing: bool, confirms: bool = False) -> aiormq.abc.AbstractChannel:
        """A new channel. Use it inside the door.

        These are aiormq's channels, below aio-pika's: they tell of cancelled consumers, and
        cost less per message. An undeliverable message must raise, else its publish *returns*.
        """
        return await _transport(self._connections[writing]).channel(
            publisher_confirms=confirms, on_return_raises=True
        )

    @asynccontextmanager
    async def door(self, doing: str) -> AsyncIterator[None]:
        """Translate what goes wrong inside, and end it after `seconds`.

        Raises:
            PoolUnavailable: the link is lost, now or before.
            PoolRefused, PoolMisused, Undeliverable: as RabbitMQ says.
        """
        self.check()
        try:
            async with asyncio.timeout(self.seconds):
                yield
        except JobmanError:
            raise
        except TimeoutError as exc:
            message = f"{self.address} did not answer for {self.seconds:g} s while {doing}"
            raise self.lose(message) from exc
        except asyncio.CancelledError as exc:
            if _is_asked_for():
                raise
            raise self.lose(f"{self.address}: connection lost while {doing}") from exc
        except Exception as exc:  # bare ones, too: see the module's text
            error = call_failed(exc, self.address, doing)
            if isinstance(error, PoolUnavailable):
                self.lose(str(error))
            raise error from exc

    def check(self) -> None:
        """Raise PoolUnavailable if the link is lost."""
        if self.lost is not None or not self._connections:
            raise PoolUnavailable(self.lost or f"{self.address}: not connected")

    def lose(self, why: str) -> PoolUnavailable:
        """End the link; the first reason stays."""
        if self.lost is None:
            self.lost = why
            for tell in self.on_lost:
                tell()
        return PoolUnavailable(self.lost)

    def abort(self, why: str) -> PoolUnavailable:
        """End the link and cut both connections at once, so that the broker takes all back."""
        error = self.lose(why)
        for connection in self._connections:
            transport = _transport(connection)
            task = transport.loop.create_task(transport.close())
            task.add_done_callback(_retrieve)
        return error

    def _on_closing(self, closing: asyncio.Future[Any]) -> None:
        why = _retrieve(closing)
        if not self._closing:
            self.lose(f"{self.address}: the connection was lost{f' ({why})' if why else ''}")


def _transport(connection: aio_pika.abc.AbstractConnection) -> aiormq.abc.AbstractConnection:
    if connection.transport is None:
        message = "the connection was lost"
        raise PoolUnavailable(message)
    return connection.transport.connection


def _is_asked_for() -> bool:
    """Whether a CancelledError is ours to pass on, and not aio-pika's word for a lost link."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _retrieve(future: asyncio.Future[Any]) -> str:
    if future.cancelled():
        return ""
    exc = future.exception()
    return str(exc.args[-1]) if exc is not None and exc.args else ""
