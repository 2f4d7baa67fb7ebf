"""``jobman pool init amqps://... --pcs FILE``: what a RabbitMQ for an office is set up with.

Nothing here needs the server, nor an administrator: a folder is written, which the server imports.
Its ``definitions.json`` holds no password, and remembers who has one: run again, it adds who is new
and leaves everybody else's password as it is, even after the password files were given out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from jobman_agent.errors import InputError
from jobman_agent.pool.broker_recipe import Role, User, definitions, hash_password, new_password
from jobman_agent.storage.files import make_private_dir, write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FOLDER = "jobman-office"
DEFINITIONS = "definitions.json"
PASSWORDS = "passwords"
PC_PREFIX = "pc-"
_NAME = re.compile(r"[a-z0-9-]{1,32}")
_RESERVED = ("guest", "jobman")


@dataclass(frozen=True, slots=True)
class Made:
    """What was written."""

    folder: Path
    vhost: str
    added: tuple[str, ...]
    """Users whose passwords are new."""
    kept: tuple[str, ...]
    """Users that had one already."""


def make_office(
    url: str, pcs: Path | None, employers: str | None, folder: Path, renew: Iterable[str] = ()
) -> Made:
    """Write the folder, or bring it up to date.

    Args:
        url: ``amqps://HOST/VHOST``.
        pcs: A file with a PC's name in each line.
        employers: Names with commas, or the path of such a file.
        folder: Where to.
        renew: Users that get a new password.

    Raises:
        InputError: all mistakes in the names at once, or a folder for another virtual host.
        StorageError: it cannot be written.
    """
    vhost = unquote(urlsplit(url).path[1:]) or "/"
    wanted = _wanted(pcs, employers)
    known = _known(folder / DEFINITIONS, vhost)
    for name in renew:
        if name not in {**known, **wanted}:
            raise InputError(f"--renew {name}: there is no such user in {folder}")
    make_private_dir(folder)
    make_private_dir(folder / PASSWORDS)
    users: dict[str, User] = dict(known)
    added: list[str] = []
    for name in [*(n for n in wanted if n not in known), *renew]:
        role = wanted.get(name) or known[name].role
        password = _password(folder / PASSWORDS / name, anew=name in renew)
        users[name] = User(name, role, hash_password(password))
        added.append(name)
    for name, role in wanted.items():
        users[name] = User(name, role, users[name].hashed)
    text = json.dumps(definitions(vhost, users.values()), indent=1)
    write_atomic(folder / DEFINITIONS, f"{text}\n".encode(), mode=0o600)
    return Made(folder, vhost, tuple(added), tuple(n for n in users if n not in added))


def _password(path: Path, *, anew: bool) -> str:
    """The password in a file that only we can read; made where it is not there."""
    if path.is_file() and not anew:
        return path.read_text(encoding="utf-8").strip()
    password = new_password()
    write_atomic(path, f"{password}\n".encode(), mode=0o600)
    return password


# ---- names
def _wanted(pcs: Path | None, employers: str | None) -> dict[str, Role]:
    mistakes: list[str] = []
    wanted: dict[str, Role] = {}
    if pcs is not None:
        for where, text in _lines(pcs):
            name = PC_PREFIX + text.split(".", 1)[0].lower()
            _take(wanted, mistakes, (where, text, name), Role.PC)
    for where, text in _employers(employers):
        name = text.lower()
        if name.startswith(PC_PREFIX) or name in _RESERVED:
            mistakes.append(f"{where}: an employer's user cannot be called {name}")
            continue
        _take(wanted, mistakes, (where, text, name), Role.EMPLOYER)
    if mistakes:
        raise InputError("\n".join(mistakes), mistakes)
    if not wanted:
        raise InputError("--pcs and --employers name nobody: write one name a line")
    return wanted


def _take(
    wanted: dict[str, Role], mistakes: list[str], given: tuple[str, str, str], role: Role
) -> None:
    where, text, name = given
    if not _NAME.fullmatch(name) or name == PC_PREFIX:
        mistakes.append(
            f"{where}: {text!r} cannot be part of a user's name: letters, digits and dashes are "
            f"right, {32 - len(PC_PREFIX) if role is Role.PC else 32} at most"
        )
    elif name in wanted:
        mistakes.append(f"{where}: {name} stands there twice")
    else:
        wanted[name] = role


def _employers(given: str | None) -> list[tuple[str, str]]:
    if given is None:
        return []
    if Path(given).is_file():
        return _lines(Path(given))
    return [("--employers", word.strip()) for word in given.split(",") if word.strip()]


def _lines(path: Path) -> list[tuple[str, str]]:
    """Each line with its place; what stands behind # is a comment.

    Raises:
        InputError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{path}: it cannot be read ({exc}); write one name a line") from exc
    lines = ((n, line.partition("#")[0].strip()) for n, line in enumerate(text.splitlines(), 1))
    return [(f"{path}:{number}", line) for number, line in lines if line]


# ---- what was written before
def _known(path: Path, vhost: str) -> dict[str, User]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise InputError(f"{path}: it cannot be read ({exc})") from exc
    try:
        return _users(json.loads(text), path, vhost)
    except (ValueError, LookupError, TypeError) as exc:
        raise InputError(f"{path} is damaged ({exc}): name a new folder with --to") from exc


def _users(contents: Mapping[str, list[dict[str, str]]], path: Path, vhost: str) -> dict[str, User]:
    before = contents["vhosts"][0]["name"]
    if before != vhost:
        raise InputError(
            f"{path.parent} is for the virtual host {before}, not for {vhost}: "
            "name another folder with --to"
        )
    return {
        user["name"]: User(user["name"], _role(user["name"]), user["password_hash"])
        for user in contents["users"]
    }


def _role(name: str) -> Role:
    return Role.PC if name.startswith(PC_PREFIX) else Role.EMPLOYER
