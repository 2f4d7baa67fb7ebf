"""Where a RabbitMQ server is, and what its refusals mean in jobman's own errors.

No exception of aio-pika, aiormq or the operating system leaves `pool/amqp*.py` untranslated.
Whether something may be tried again is in the class: a refused login, vhost, permission or
certificate is `PoolRefused`, what must not be there is `PoolMisused`, all else `PoolUnavailable`.
"""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from aio_pika.exceptions import (
    AuthenticationError,
    ChannelClosed,
    InvalidFrameError,
    ProbableAuthenticationError,
)

from jobman_agent.errors import (
    InputError,
    PoolError,
    PoolMisused,
    PoolRefused,
    PoolUnavailable,
    Undeliverable,
)

if TYPE_CHECKING:
    from pathlib import Path

_PORTS = {"amqp": 5672, "amqps": 5671}
# RabbitMQ's texts: PRECONDITION_FAILED - inequivalent arg 'x' for queue 'jobman' in vhost '/': ...
_QUEUE = re.compile(r"queue '([^']+)'")

# By OpenSSL's X509_V_ERR_ numbers; all others are about an authority that is not known here.
_CERTIFICATE_ADVICE = {
    9: "it is not valid yet, so one of the two clocks is wrong: look at this PC's first",
    10: "it has expired: the administrator of the server must renew it",
    62: "it is for another host: write the host's name as it stands in the certificate",
    64: "it is for another host: write the host's name as it stands in the certificate",
}


@dataclass(frozen=True, slots=True)
class Address:
    """A RabbitMQ server, a virtual host in it, and who we are there."""

    tls: bool
    host: str
    port: int
    vhost: str
    user: str = "guest"
    password: str = field(default="guest", repr=False)

    @classmethod
    def parse(cls, url: str, credentials: tuple[str, str] | None = None) -> Address:
        """The address in ``amqp[s]://[user:password@]host[:port][/vhost]``.

        Args:
            url: The address; ``/`` or nothing after the port is the virtual host ``/``.
            credentials: User name and password; they win over those in the address.

        Raises:
            InputError: it is not of this form; a password is never part of the message.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment:
            message = (
                "the address of the RabbitMQ pool is not of the form "
                "amqp://HOST[:PORT][/VHOST] or amqps://HOST[:PORT][/VHOST]"
            )
            raise InputError(message)
        user, password = credentials or (
            unquote(parts.username or "guest"),
            unquote(parts.password if parts.password is not None else "guest"),
        )
        return cls(
            tls=parts.scheme == "amqps",
            host=parts.hostname,
            port=port or _PORTS[parts.scheme],
            vhost=unquote(parts.path[1:]) or "/",
            user=user,
            password=password,
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        vhost = "" if self.vhost == "/" else f"/{self.vhost}"
        return f"amqp{'s' if self.tls else ''}://{host}:{self.port}{vhost}"


def tls_context(ca: Path | None) -> ssl.SSLContext:
    """What makes sure that the server is the right one; `ca` pins the authority.

    Raises:
        InputError: `ca` is no readable file with a certificate.
    """
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ssl.SSLError) as exc:
        message = f"{ca}: the authority of the pool must be a readable PEM file ({exc})"
        raise InputError(message) from exc


def connecting_failed(exc: BaseException, address: Address) -> PoolError:
    """What it means that a connection did not come about."""
    match exc:
        case ProbableAuthenticationError() | AuthenticationError():
            return PoolRefused(
                f"{address} refused the login of user {address.user!r}: "
                "check the user name and the password"
            )
        case InvalidFrameError() if "OpenOk" in str(exc):
            # aiormq tells neither code nor text of a refusal that late in the greeting.
            return PoolRefused(
                f"{address} refused the virtual host {address.vhost!r} to user {address.user!r}: "
                "it does not exist, or the user has no permission in it "
                "(see rabbitmqctl list_vhosts and list_permissions)"
            )
        case _:
            return _network_failed(exc, address)


def _network_failed(exc: BaseException, address: Address) -> PoolError:
    # aiormq raises its own AMQPConnectionError from what the operating system said.
    match exc.__cause__ if isinstance(exc.__cause__, OSError) else exc:
        case ssl.SSLCertVerificationError() as cause:
            return PoolRefused(
                f"{address} has a certificate that is not trusted ({cause.verify_message}): "
                + _CERTIFICATE_ADVICE.get(
                    cause.verify_code, "give the authority that signed it: [pool] ca = FILE"
                )
            )
        case ssl.SSLError() as cause:
            return PoolRefused(f"{address} does not speak TLS there ({cause.reason})")
        case socket.gaierror():
            return PoolUnavailable(f"{address}: there is no host of this name (now)")
        case ConnectionRefusedError():
            return PoolUnavailable(f"{address}: nothing listens there (yet)")
        case TimeoutError():
            return PoolUnavailable(f"{address} does not answer")
        case OSError():
            return PoolUnavailable(f"{address} is out of reach: {_text(exc)}")
    return PoolUnavailable(f"what answers at {address} does not behave as RabbitMQ: {_text(exc)}")


def call_failed(exc: BaseException, address: Address, doing: str) -> PoolError:
    """What it means that the server did not do what it was asked for."""
    text = _text(exc)
    if isinstance(exc, ChannelClosed):
        queue = found[1] if (found := _QUEUE.search(text)) else "QUEUE"
        if text.startswith("NOT_FOUND"):
            return Undeliverable(f"{doing}: it does not exist (any more)")
        if text.startswith("ACCESS_REFUSED"):
            return PoolRefused(f"{address} does not let user {address.user!r} do this: {text}")
        if text.startswith(("PRECONDITION_FAILED - inequivalent", "RESOURCE_LOCKED")):
            return misused(queue, address, text)
    return PoolUnavailable(f"{address}: the connection was lost while {doing}: {text}")


def misused(queue: str, address: Address, why: str) -> PoolMisused:
    """A queue of ours that somebody made otherwise, and how to be rid of it."""
    vhost = "" if address.vhost == "/" else f"--vhost {address.vhost} "
    return PoolMisused(
        f"{address}: the queue {queue!r} was made by another program, not as jobman needs it; "
        f"if nobody uses it, remove it on the server with: "
        f"rabbitmqctl delete_queue {vhost}{queue} ({why})"
    )


def _text(exc: BaseException) -> str:
    # ChannelClosed(code, text) and ConnectionClosed(code, text) carry RabbitMQ's text last.
    return str(exc.args[-1]) if exc.args and exc.args[-1] else type(exc).__name__
