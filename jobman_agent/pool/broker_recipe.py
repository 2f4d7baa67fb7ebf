"""Who may do what in RabbitMQ: the guarded profile, as definitions that ``rabbitmqctl`` imports.

Each PC and each employer has a user of its own, whose name is part of the names of its queues
(``amqp_names``). What a user may configure, write and read are patterns over names of queues and
exchanges; topic permissions say under which routing keys it may send, and for which it may bind:
without the latter a PC could have copies of another's packages. Sources:
https://www.rabbitmq.com/docs/access-control and https://www.rabbitmq.com/docs/definitions.

A PC works: it makes its own work boxes and the result boxes it fills, and it cannot post an offer.
An employer does that too (its own PC lends itself under the same name), and hires: it posts offers,
makes its own ask boxes, sends work to anybody, and reads and removes the results meant for it.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from jobman_agent.model.names import HIRING_QUEUE
from jobman_agent.pool.amqp_names import HIRING_ARGUMENTS, OFFERS_EXCHANGE, WIRE_EXCHANGE

if TYPE_CHECKING:
    from collections.abc import Iterable

_SALT_BYTES = 4
_PASSWORD_BYTES = 24


class Role(Enum):
    """What a user of the broker is for."""

    PC = "pc"
    EMPLOYER = "employer"


@dataclass(frozen=True, slots=True)
class User:
    """A user of the broker; `hashed` is what RabbitMQ keeps of the password."""

    name: str
    role: Role
    hashed: str


@dataclass(frozen=True, slots=True)
class Rights:
    """Patterns of what a user may do; ``send`` and ``bind`` are about routing keys."""

    configure: str
    write: str
    read: str
    send: str
    bind: str


def rights_of(name: str, role: Role) -> Rights:
    """The narrowest that let a PC work, or an employer hire and work.

    Args:
        name: Of ``a-z 0-9 -`` only, so that it stands in a pattern as it is.
        role: What the user is for.
    """
    hiring, wire = rf"^{HIRING_QUEUE}$", r"^jobman\.wire$"
    results = rf"res\.[^.]+\.{name}"
    own = rf"^jobman\.(work\.{name}|{results})\."
    if role is Role.PC:
        return Rights(
            configure=own,
            write=f"{own}|{wire}",
            read=rf"^jobman\.work\.{name}\.|{hiring}|{wire}",
            send=rf"^(ask\.[^.]+|work\.{name}|{results})\.",
            bind=rf"^(work\.{name}|{results})\.",
        )
    own = rf"^jobman\.((ask|work|res)\.{name}|{results})\."
    return Rights(
        configure=own,
        write=rf"{own}|^jobman\.(offers|wire)$",
        read=rf"^jobman\.(ask|work|res)\.{name}\.|{hiring}|{wire}",
        send=rf"^((ask|work)\.[^.]+|{results})\.",
        bind=rf"^((ask|work)\.{name}|{results})\.",
    )


def definitions(vhost: str, users: Iterable[User]) -> dict[str, object]:
    """What ``rabbitmqctl import_definitions`` adds or brings up to date; it removes nothing."""
    users = list(users)
    rights = {user.name: rights_of(user.name, user.role) for user in users}
    exchanges = {OFFERS_EXCHANGE: "fanout", WIRE_EXCHANGE: "topic"}
    lasting: Final = {"vhost": vhost, "durable": True, "auto_delete": False}
    return {
        "vhosts": [{"name": vhost}],
        "users": [
            {
                "name": user.name,
                "password_hash": user.hashed,
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": [],
            }
            for user in users
        ],
        "permissions": [
            {
                "user": name,
                "vhost": vhost,
                "configure": may.configure,
                "write": may.write,
                "read": may.read,
            }
            for name, may in rights.items()
        ],
        "topic_permissions": [
            {
                "user": name,
                "vhost": vhost,
                "exchange": WIRE_EXCHANGE,
                "write": may.send,
                "read": may.bind,
            }
            for name, may in rights.items()
        ],
        "exchanges": [
            {"name": name, "type": kind, "internal": False, "arguments": {}, **lasting}
            for name, kind in exchanges.items()
        ],
        "queues": [{"name": HIRING_QUEUE, "arguments": dict(HIRING_ARGUMENTS), **lasting}],
        "bindings": [
            {
                "source": OFFERS_EXCHANGE,
                "vhost": vhost,
                "destination": HIRING_QUEUE,
                "destination_type": "queue",
                "routing_key": "",
                "arguments": {},
            }
        ],
        "policies": [],
        "parameters": [],
    }


def new_password() -> str:
    """A password that nobody guesses, of letters, digits, dash and underscore."""
    return secrets.token_urlsafe(_PASSWORD_BYTES)


def hash_password(password: str) -> str:
    """What RabbitMQ keeps: https://www.rabbitmq.com/docs/passwords (salted SHA-256)."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.sha256(salt + password.encode("utf-8")).digest()
    return base64.b64encode(salt + digest).decode("ascii")
