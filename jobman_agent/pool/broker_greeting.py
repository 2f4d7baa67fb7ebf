"""What a RabbitMQ server says before anybody logs in: who it is, and its certificate.

For `jobman doctor`: where a login is refused, this still tells that the right server answers.
Blocking; to be called from a thread.
"""

from __future__ import annotations

import socket
import ssl
import struct
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pamqp import commands, exceptions, frame

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.errors import PoolUnavailable
from jobman_agent.pool.amqp_errors import Address, connecting_failed, tls_context

if TYPE_CHECKING:
    from pathlib import Path

_PROTOCOL = b"AMQP\x00\x00\x09\x01"
_HEADER = struct.Struct(">BHI")
"""Type, channel, size: AMQP 0-9-1, section 4.2.3."""
_GREETING_MOST = 1 << 16


@dataclass(frozen=True, slots=True)
class Greeting:
    """What was said."""

    product: str
    """``RabbitMQ``."""
    version: str
    certificate_ends: datetime | None
    """Of an ``amqps`` server."""


def greet(url: str, ca: Path | None, seconds: float) -> Greeting:
    """Hear a server out, and go.

    Args:
        url: ``amqp[s]://HOST[:PORT][/VHOST]``.
        ca: The authority that has signed its certificate; None: those of this PC.
        seconds: For all of it.

    Raises:
        PoolUnavailable: nobody answers, or it is no RabbitMQ.
        PoolRefused: its certificate is not trusted.
        InputError: the file of the authority.
    """
    address = Address.parse(url)
    context = tls_context(ca) if address.tls else None
    deadline = SYSTEM_CLOCK.monotonic() + seconds
    try:
        connection = socket.create_connection((address.host, address.port), timeout=seconds)
        with closing(connection):
            if context is None:
                return _listen(connection, deadline, None)
            with context.wrap_socket(connection, server_hostname=address.host) as secret:
                return _listen(secret, deadline, _ends(secret))
    except OSError as exc:
        raise connecting_failed(exc, address) from exc
    except (exceptions.PAMQPException, ValueError, LookupError) as exc:
        text = f"what answers at {address} does not behave as RabbitMQ"
        raise PoolUnavailable(text) from exc


def _listen(connection: socket.socket, deadline: float, ends: datetime | None) -> Greeting:
    connection.sendall(_PROTOCOL)
    header = _receive(connection, _HEADER.size, deadline)
    size = _HEADER.unpack(header)[2]
    if size > _GREETING_MOST:
        raise ValueError(size)
    # The frame's end mark comes after its content.
    _, _, said = frame.unmarshal(header + _receive(connection, size + 1, deadline))
    if not isinstance(said, commands.Connection.Start):
        raise ValueError(type(said).__name__)
    properties: dict[str, Any] = dict(said.server_properties)
    return Greeting(str(properties.get("product", "")), str(properties.get("version", "")), ends)


def _receive(connection: socket.socket, size: int, deadline: float) -> bytes:
    found = b""
    while len(found) < size:
        connection.settimeout(max(0.01, deadline - SYSTEM_CLOCK.monotonic()))
        part = connection.recv(size - len(found))
        if not part:
            raise ConnectionResetError("the other side hung up")
        found += part
    return found


def _ends(connection: ssl.SSLSocket) -> datetime | None:
    certificate = connection.getpeercert() or {}
    text = certificate.get("notAfter")
    if not isinstance(text, str):
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)
