"""From a pool's URL to a pool. RabbitMQ's libraries are imported only where a pool needs them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jobman_agent.errors import InputError
from jobman_agent.settings import pool_url

if TYPE_CHECKING:
    from jobman_agent.pool.contract import Pool, Sender

_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class DirectoryAddress:
    """A shared folder."""

    folder: Path

    def __str__(self) -> str:
        return f"dir:{self.folder}"


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A virtual host of a RabbitMQ server; the URL may hold a password and is never shown."""

    url: str = field(repr=False)

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


PoolAddress = DirectoryAddress | BrokerAddress


def parse_pool_url(text: str, *, insecure: bool = False) -> PoolAddress:
    r"""The pool that a URL names.

    `dir:PATH` (also `dir:\\server\share` on Windows; a relative path is taken from the current
    folder), `amqps://[USER[:PASSWORD]@]HOST[:PORT][/VHOST]`, or `amqp://` likewise. What is special
    in a part of it is written in percents, as `%2F`; the virtual host is `/` where none is named.

    Args:
        text: The URL.
        insecure: Plain `amqp` may go to another PC.

    Raises:
        InputError: anything else; the message never repeats a password.
    """
    text = text.strip()
    _check_folder(text)
    try:
        url = pool_url.parse_pool_url(pool_url.absolute_pool_url(text))
    except ValueError as exc:
        message = f"the pool's URL: {exc}"
        raise InputError(message) from exc
    if url.startswith("dir:"):
        return DirectoryAddress(Path(url.removeprefix("dir:")))
    address = BrokerAddress(url)
    vhost = urlsplit(url).path[1:]
    if "/" in vhost:
        better = f"{str(address).removesuffix(vhost)}{vhost.replace('/', '%2F')}"
        message = f"{address}: a / within a virtual host's name is written %2F: {better}"
        raise InputError(message)
    if _BAD_PERCENT.search(url):
        message = f"{address}: % stands before two hexadecimal digits; % itself is written %25"
        raise InputError(message)
    if pool_url.needs_insecure(url) and not insecure:
        message = (
            f"{address} would send everything in plain text to another PC: "
            "write amqps://, or insecure = yes in [pool] of jobman.ini"
        )
        raise InputError(message)
    return address


def make_pool(
    address: PoolAddress,
    sender: Sender,
    *,
    credentials: tuple[str, str] | None = None,
    ca: Path | None = None,
) -> Pool:
    """A pool to connect to; a new one is made for each connection.

    Args:
        address: Where.
        sender: Who we are; the same object for the whole life of the process.
        credentials: User name and password for RabbitMQ, instead of those in the URL.
        ca: The authority that has signed RabbitMQ's certificate, a PEM file.
    """
    if isinstance(address, DirectoryAddress):
        from jobman_agent.pool.directory import DirectoryPool

        return DirectoryPool(address.folder, sender)
    from jobman_agent.pool.amqp import AmqpPool

    return AmqpPool(address.url, sender, credentials=credentials, ca=ca)


def _check_folder(text: str) -> None:
    """What people write who know other URLs, or another system.

    Raises:
        InputError: with what would be right.
    """
    windows = os.sep == "\\"
    if text.lower().startswith("dir:"):
        path = text[4:].strip()
        if not windows and (path.startswith(("\\\\", "//")) or re.match(r"[A-Za-z]:[\\/]", path)):
            message = (
                f"dir:{path} is a path of Windows' or names a server; here the share must be "
                "mounted, and its folder named, for example dir:/mnt/jobman"
            )
            raise InputError(message)
    elif text.startswith(("/", "\\", "~", ".")) or re.match(r"[A-Za-z]:[\\/]", text):
        message = f"a shared folder is named as dir:PATH: write dir:{text}"
        raise InputError(message)
    elif text.lower().startswith("file:"):
        message = "a shared folder is named as dir:PATH, for example dir:/srv/jobman"
        raise InputError(message)
