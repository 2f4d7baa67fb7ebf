"""The URL of a pool and its password, as far as they can be judged without the pool."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from jobman_agent.settings.values import path_in

THREE_WAYS = (
    "name one with --pool URL, in the variable JOBMAN_POOL_URL, or as url in [pool] of jobman.ini; "
    "a URL looks like amqps://rabbit.office/jobman or dir:/srv/jobman"
)


@dataclass(frozen=True, slots=True)
class PasswordSource:
    """Where a password is, never the password itself."""

    kind: str
    """``keyring``, ``file`` or ``env``."""
    where: str = ""
    """The file's path or the variable's name."""

    def __str__(self) -> str:
        return f"{self.kind}:{self.where}" if self.where else self.kind


def parse_pool_url(text: str) -> str:
    """A pool's URL: ``amqps://HOST/VHOST``, ``amqp://HOST/VHOST`` or ``dir:PATH``.

    Raises:
        ValueError: anything else, a relative path, or a password for another PC.
    """
    if text.lower().startswith("dir:"):
        return _directory(text[4:])
    parts = _split(text)
    if parts.scheme not in ("amqp", "amqps") or not parts.hostname:
        raise ValueError(
            f"{without_password(text)!r} is no URL of a pool: write for example "
            "amqps://rabbit.office/jobman or dir:/srv/jobman"
        )
    if parts.query or parts.fragment:
        raise ValueError("a pool's URL has no ? and no #: remove them")
    if parts.password is not None and not is_loopback(parts.hostname):
        raise ValueError(
            "a password in the URL is for this PC itself only: leave it out and write "
            "password = keyring, file:PATH or env:NAME"
        )
    return text


def absolute_pool_url(text: str) -> str:
    """A URL as typed in a shell: ``dir:PATH`` may be relative to the current folder there."""
    if not text.lower().startswith("dir:") or not text[4:].strip():
        return text
    return f"dir:{path_in(text[4:].strip()).absolute()}"


def without_password(text: str) -> str:
    """A URL as it may be shown."""
    before, at, after = text.rpartition("@")
    return f"{before.partition('://')[0]}://...@{after}" if at else text


def is_broker(url: str) -> bool:
    """Whether a URL names a server and no folder."""
    return not url.lower().startswith("dir:")


def user_in(url: str) -> str | None:
    """The user that a server's URL names, if it does."""
    return unquote(urlsplit(url).username or "") or None if is_broker(url) else None


def needs_insecure(url: str) -> bool:
    """Whether the URL sends everything in plain text to another PC."""
    if not url.lower().startswith("amqp:"):
        return False
    return not is_loopback(urlsplit(url).hostname or "")


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this PC itself."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_password(text: str) -> PasswordSource:
    """Where the password is: ``keyring``, ``file:PATH`` or ``env:NAME``.

    Raises:
        ValueError: anything else; the message does not repeat it, for it may be the password.
    """
    if text.lower() == "keyring":
        return PasswordSource("keyring")
    kind, colon, where = text.partition(":")
    if kind.lower() in ("file", "env") and colon and where.strip():
        return PasswordSource(kind.lower(), where.strip())
    raise ValueError(
        "a password itself must not stand here: write keyring, file:PATH (readable by you only) "
        "or env:NAME"
    )


def _directory(text: str) -> str:
    path = path_in(text.strip())
    if not text.strip() or not path.is_absolute():
        raise ValueError(
            f"'dir:{text}' is no whole path: write for example dir:/srv/jobman or "
            "dir:\\\\server\\jobman"
        )
    return f"dir:{path}"


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        # Looked at only for its check: urlsplit itself takes any port.
        _ = parts.port
    except ValueError as exc:
        right = "write for example amqps://rabbit.office/jobman"
        raise ValueError(f"{without_password(text)!r} is no URL ({exc}): {right}") from exc
    return parts
