"""Where the password of the pool is: keyring, a private file, or a variable; never in a log."""

from __future__ import annotations

import concurrent.futures
import os
import stat
from typing import TYPE_CHECKING

from jobman_agent.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from jobman_agent.settings.pool_url import PasswordSource

KEYRING_SECONDS = 10.0
"""A locked keyring blocks for minutes."""


def find_password(source: PasswordSource, user: str | None) -> str:
    """The password that ``[pool] password`` points to.

    Raises:
        InputError: it is not there, or others can read the file; the message says what to do.
    """
    match source.kind:
        case "env":
            value = os.environ.get(str(source.where))
            if not value:
                raise InputError(f"[pool] password = {source}: the variable is not set")
            return value
        case "file":
            from pathlib import Path

            return _from_file(Path(str(source.where)).expanduser())
        case _:
            return _from_keyring(user)


def _from_file(path: Path) -> str:
    try:
        found = path.stat()
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"[pool] password = file:{path}: it cannot be read ({exc})") from exc
    # On a PC that several people use, the administrator may give a file of root's to their group.
    allowed = stat.S_IRGRP if found.st_uid == 0 else 0
    if hasattr(os, "getuid") and stat.S_IMODE(found.st_mode) & 0o077 & ~allowed:
        raise InputError(f"[pool] password = file:{path}: others can read it; chmod 600 {path}")
    if not text or "\n" in text:
        raise InputError(f"[pool] password = file:{path}: it must hold one line, the password")
    return text


def _from_keyring(user: str | None) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as exc:
        text = "[pool] password = keyring: keyring is not installed beside jobman; use file:PATH"
        raise InputError(text) from exc
    if not user:
        raise InputError("[pool] password = keyring: [pool] user must name whose password it is")
    worker = concurrent.futures.ThreadPoolExecutor(1)
    try:
        found: str | None = worker.submit(keyring.get_password, "jobman", user).result(
            KEYRING_SECONDS
        )
    except concurrent.futures.TimeoutError as exc:
        text = f"[pool] password = keyring: no answer for {KEYRING_SECONDS:.0f} s; is it locked?"
        raise InputError(text) from exc
    except KeyringError as exc:
        raise InputError(f"[pool] password = keyring: {exc}") from exc
    finally:
        worker.shutdown(wait=False, cancel_futures=True)
    if found is None:
        text = f"[pool] password = keyring: none for jobman / {user}; keyring set jobman {user}"
        raise InputError(text)
    return found
