"""JOBMAN_HOME/employers.ini: what ``keys trust``, ``keys never`` and the tray's Allow remember.

It is written whole and at once, by jobman only, one process after another; files that people write
are never touched.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jobman_agent.errors import InputError, StorageError
from jobman_agent.settings.declare import OpenKeys, Schema, Section
from jobman_agent.settings.ini import read_ini, settings_error
from jobman_agent.settings.schema import ALLOW_CODE, NEVER
from jobman_agent.settings.software import parse_employer, parse_key
from jobman_agent.storage.files import explain, make_private_dir, write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from jobman_agent.settings.declare import Key, Values

LOCK_S = 10.0
"""To write takes milliseconds; on a share, seconds."""
RESERVED = ("authority", "allow_code", "ask_for_new", "never")
_HEAD = "# Written by jobman: use jobman keys trust, jobman keys never, or your own jobman.ini.\n"
_SCHEMA = Schema(
    "employers.ini",
    (
        Section(
            "employers",
            "Whom this PC works for.",
            (ALLOW_CODE, NEVER),
            OpenKeys("NAME", parse_employer, "The key.", ("alice = ed25519:BASE64",)),
        ),
        Section(
            "workers",
            "Workers that the employer on this PC trusts.",
            (),
            OpenKeys("NAME", parse_employer, "The key.", ("pc-17 = ed25519:BASE64",)),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Known:
    """What employers.ini says; names in lower case."""

    keys: Mapping[str, str] = field(default_factory=dict)
    """Employer to ``ed25519:BASE64``."""
    allow_code: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    """Names and keys."""
    workers: Mapping[str, str] = field(default_factory=dict)

    def with_employer(self, name: str, key: str, *, code: bool) -> Known:
        """Trusted from now on; an earlier never is taken back. Code is allowed to the key."""
        others = self.allow_code - {name, key}
        return replace(
            self,
            keys={**self.keys, name: key},
            allow_code=others | {key} if code else others,
            never=self.never - {name, key},
        )

    def with_worker(self, name: str, key: str) -> Known:
        """A worker that is known from now on."""
        return replace(self, workers={**self.workers, name: key})

    def with_never(self, words: Collection[str]) -> Known:
        """Names and keys for which nothing runs from now on."""
        return replace(
            self,
            keys={n: k for n, k in self.keys.items() if n not in words and k not in words},
            allow_code=self.allow_code - set(words),
            never=self.never | set(words),
        )

    def without(self, name: str) -> Known:
        """Neither an employer nor a worker of this name any more; what is never stays so."""
        gone = {name, self.keys.get(name, name)}
        return replace(
            self,
            keys={n: k for n, k in self.keys.items() if n != name},
            allow_code=self.allow_code - gone,
            workers={n: k for n, k in self.workers.items() if n != name},
        )


class EmployersFile:
    """The file, read again only when it has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._known = Known()

    def read(self) -> Known:
        """What the file says; nothing where there is none.

        Raises:
            SettingsError: it holds mistakes.
            StorageError: it cannot be read.
        """
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._seen, self._known = None, Known()
            return self._known
        except OSError as exc:
            raise StorageError(explain(exc, "read", self.path)) from exc
        seen = (found.st_mtime_ns, found.st_size, found.st_ino)
        if seen != self._seen:
            self._known = _parse(self.path)
            self._seen = seen
        return self._known

    def change(self, change: Callable[[Known], Known]) -> Known:
        """Read, change and write; return what was there before.

        Of several processes that do so at once, each sees what the one before has written.

        Raises:
            SettingsError: it holds mistakes.
            StorageError: it cannot be read or written, or somebody else keeps it locked.
        """
        make_private_dir(self.path.parent)
        with _locked(self.path.with_suffix(".lock")):
            self._seen = None
            before = self.read()
            write_atomic(self.path, _text(change(before)).encode("utf-8"), mode=0o600)
        return before


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock of the system's, which is free again however its holder dies."""
    from filelock import FileLock, Timeout  # late: only who writes needs it

    lock = FileLock(path, timeout=LOCK_S)
    try:
        lock.acquire()
    except Timeout:
        raise StorageError(
            f"another jobman has kept {path} locked for {LOCK_S:g} s: try again"
        ) from None
    except OSError as exc:
        raise StorageError(explain(exc, "lock", path)) from exc
    try:
        yield
    finally:
        lock.release()


def check_name(name: str) -> str:
    """A name under which a key can be remembered, in lower case.

    Raises:
        InputError: it cannot stand before a ``=`` in an ini file, or is taken.
    """
    lower = name.strip().lower()
    if lower in RESERVED:
        raise InputError(f"{name!r} has a meaning of its own there: choose another name")
    ok = lower and lower[0] not in "#;[" and not set(lower) & set("=,;\n")
    if not ok or not lower.isprintable() or len(lower) > 64 or lower.startswith("ed25519:"):  # noqa: PLR2004 - as in the offer
        raise InputError(
            f"{name[:70]!r} is no name for a key: at most 64 characters, without = , ; and not "
            "first # or ["
        )
    return lower


def check_key(key: str) -> str:
    """A public key's text.

    Raises:
        InputError: it is none.
    """
    try:
        return parse_key(key)
    except ValueError as exc:
        raise InputError(str(exc)) from exc


def _parse(path: Path) -> Known:
    values = _SCHEMA.check(read_ini(path))
    if values.mistakes:
        raise settings_error(values.mistakes)
    return Known(
        keys=_open(values.open_given.get("employers", {})),
        allow_code=_words(values, ALLOW_CODE),
        never=_words(values, NEVER),
        workers=_open(values.open_given.get("workers", {})),
    )


def _words(values: Values, which: Key[tuple[str, ...]]) -> frozenset[str]:
    words = values.get(which)
    return frozenset(words if words is not None else ())


def _open(given: Mapping[str, object]) -> dict[str, str]:
    return {name: str(getattr(value, "value", "")) for name, value in given.items()}


def _text(known: Known) -> str:
    lines = [_HEAD, "\n[employers]\n"]
    lines += [f"{name} = {key}\n" for name, key in sorted(known.keys.items())]
    for name, words in (("allow_code", known.allow_code), ("never", known.never)):
        if words:
            lines.append(f"{name} = {', '.join(sorted(words))}\n")
    lines.append("\n[workers]\n")
    lines += [f"{name} = {key}\n" for name, key in sorted(known.workers.items())]
    return "".join(lines)
