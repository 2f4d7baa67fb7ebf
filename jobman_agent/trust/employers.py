"""Whom this PC works for, and whose own code may run here.

The answer comes from the settings, from JOBMAN_HOME/employers.ini (which ``keys trust``,
``keys never`` and the tray write) and from ``--trust``; and from the office's authority by
vouchers. ``never`` beats all of them. Where the machine's file locks ``employers``, only it counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobman_agent.errors import InputError, NotAllowed, WireError
from jobman_agent.model.public_key import fingerprint
from jobman_agent.trust.employers_file import EmployersFile, Known, check_key, check_name
from jobman_agent.trust.voucher import open_voucher

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from jobman_agent.settings.pc import Settings


@dataclass(frozen=True, slots=True)
class Trusted:
    """This PC works for that key."""

    name: str
    allow_code: bool
    """Whether the employer's own code may run."""


@dataclass(frozen=True, slots=True)
class NotTrusted:
    """This PC does not work for that key."""

    reason: str
    right: str
    """What somebody would have to do; empty where the owner said never."""
    unknown: bool = False
    """Nobody has judged this key yet, and the owner may be asked (``ask_for_new``)."""


@dataclass(frozen=True, slots=True)
class KnownEmployer:
    """One line of what ``jobman keys`` shows."""

    name: str
    key: str
    allow_code: bool
    never: bool
    source: str
    """The file, variable or option that names the key."""


class Employers:
    """Judges keys; made by ``load_employers``."""

    def __init__(self, settings: Settings, file: Path, trust: Sequence[tuple[str, str]]) -> None:
        self._settings = settings
        self._locked = settings.is_locked("employers")
        self._trust = {key: name for name, key in trust}
        self._file = EmployersFile(file)
        self._known = Known()
        self._names: dict[str, str] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read employers.ini again if it has changed; cheap enough for every scan.

        Raises:
            SettingsError: it holds mistakes; what was known before goes on to hold.
            StorageError: it cannot be read.
        """
        known = self._file.read()
        # The employer's side list of workers is nothing that IT locks.
        self._known = Known(workers=known.workers) if self._locked else known
        written = self._settings.employers.keys
        mine = {n: k for n, k in self._known.keys.items() if n not in written}
        self._names = {key: name for name, key in (mine | dict(written)).items()}

    def judge(self, key: str, voucher: str | None, now: datetime) -> Trusted | NotTrusted:
        """Whether this PC works for a key, and how far.

        Args:
            key: ``ed25519:BASE64`` that signed the offer.
            voucher: Of that offer.
            now: The wall clock.
        """
        name = self._trust.get(key) or self._names.get(key)
        if self._is_never(name, key):
            return NotTrusted(f"the owner of this PC said never to {name or fingerprint(key)}", "")
        if name is not None:
            return Trusted(name, self._code_allowed(name, key))
        if voucher is not None and self._settings.employers.authority is not None:
            return self._judge_voucher(key, voucher, now)
        return NotTrusted(
            f"the key {fingerprint(key)} is not trusted on this PC",
            f"there: jobman keys trust NAME {key}",
            unknown=self._settings.employers.ask_for_new and not self._locked,
        )

    def has_name(self, name: str) -> bool:
        """Whether some key is known here by that name."""
        return name.strip().lower() in self._names.values()

    def is_known_worker(self, key: str) -> bool:
        """Whether the employer on this PC has trusted a worker's key (``keys trust --worker``)."""
        return key in self._known.workers.values()

    def known_workers(self) -> dict[str, str]:
        """Name to key of the workers that the employer on this PC has trusted."""
        return dict(self._known.workers)

    def entries(self) -> list[KnownEmployer]:
        """All employers that are known by key, by name."""
        found = []
        for key, name in (self._names | self._trust).items():
            source = self._settings.origins.get(f"employers.{name}", str(self._file.path))
            found.append(
                KnownEmployer(
                    name,
                    key,
                    self._code_allowed(name, key),
                    self._is_never(name, key),
                    "--trust" if key in self._trust else source,
                )
            )
        return sorted(found, key=lambda entry: (entry.name, entry.key))

    def never_words(self) -> frozenset[str]:
        """The names and keys for which nothing runs here."""
        return self._settings.employers.never | self._known.never

    def add(self, name: str, key: str, *, code: bool = False, worker: bool = False) -> str | None:
        """Trust a key from now on, in employers.ini; return the key that had this name there.

        Args:
            name: What it is called on this PC.
            key: ``ed25519:BASE64``.
            code: Whether the employer's own code may run here.
            worker: It is a worker's key, for jobs with ``workers = known``.

        Raises:
            NotAllowed: IT has locked ``employers``.
            InputError: the name or the key is not right, or jobman.ini says otherwise.
            SettingsError: employers.ini holds mistakes.
            StorageError: it cannot be written.
        """
        name, key = check_name(name), check_key(key)
        if worker:
            before = self._file.change(lambda known: known.with_worker(name, key)).workers
        else:
            self._refuse_if_locked()
            self._refuse_if_written(name, key)
            before = self._file.change(lambda known: known.with_employer(name, key, code=code)).keys
        self.refresh()
        return before.get(name)

    def never(self, who: str) -> None:
        """Let nothing run here for an employer, from now on, by name or by key.

        Raises:
            NotAllowed: IT has locked ``employers``.
            InputError: it is neither a name nor a key.
            SettingsError: employers.ini holds mistakes.
            StorageError: it cannot be written.
        """
        self._refuse_if_locked()
        if who.startswith("ed25519:"):
            words = {check_key(who)}
        else:
            name = check_name(who)
            # Her key as well, so that neither another name nor a voucher brings it back.
            words = {name, *(key for key, known in self._names.items() if known == name)}
        self._file.change(lambda known: known.with_never(words))
        self.refresh()

    def forget(self, name: str) -> None:
        """Take back what ``add`` did, for an employer or a worker.

        Raises:
            InputError: nobody of this name was trusted by ``keys trust``.
            SettingsError: employers.ini holds mistakes.
            StorageError: it cannot be written.
        """
        name = check_name(name)
        known = self._file.read()
        if name not in known.keys and name not in known.workers:
            written = self._settings.origins.get(f"employers.{name}")
            hint = f"it stands in {written}: take it out there" if written else "see jobman keys"
            raise InputError(f"jobman keys trust knows no {name}: {hint}")
        self._file.change(lambda known: known.without(name))
        self.refresh()

    def _judge_voucher(self, key: str, voucher: str, now: datetime) -> Trusted | NotTrusted:
        try:
            said = open_voucher(voucher, self._settings.employers.authority or "", key, now)
        except (WireError, NotAllowed) as exc:
            return NotTrusted(str(exc), "ask the office's authority for a new voucher")
        name = said.name.lower()
        if self._is_never(name, key):
            return NotTrusted(f"the owner of this PC said never to {said.name}", "")
        # Where the owner wrote a key beside that name, allow_code = name means that key only.
        another = name in self._names.values()
        return Trusted(said.name, said.code or (not another and self._code_allowed(name, key)))

    def _is_never(self, name: str | None, key: str) -> bool:
        never = self.never_words()
        return key in never or (name is not None and name in never)

    def _code_allowed(self, name: str, key: str) -> bool:
        if key in self._trust:
            return True
        allowed = self._settings.employers.allow_code | self._known.allow_code
        return key in allowed or name in allowed

    def _refuse_if_locked(self) -> None:
        if self._locked:
            raise NotAllowed("IT decides on this PC whom it works for ([locked] employers)")

    def _refuse_if_written(self, name: str, key: str) -> None:
        """employers.ini only adds: what a person wrote in jobman.ini is changed there."""
        written = self._settings.employers
        if written.never & {name, key}:
            raise InputError(f"never in jobman.ini names {name} or its key: take that out first")
        if written.keys.get(name, key) != key:
            where = self._settings.origins.get(f"employers.{name}", "jobman.ini")
            raise InputError(f"{name} is another key in {where}: change it there, or choose a name")


def load_employers(settings: Settings, file: Path, trust: Sequence[str] = ()) -> Employers:
    """Whom this PC works for.

    Args:
        settings: Of this PC.
        file: JOBMAN_HOME/employers.ini (``Places.employers_file``); need not exist.
        trust: ``NAME=KEY`` of ``--trust``: for this process, own code included.

    Raises:
        NotAllowed: ``--trust`` where IT has locked ``employers``.
        InputError: ``--trust`` is not NAME=KEY.
        SettingsError: employers.ini holds mistakes.
        StorageError: it cannot be read.
    """
    if trust and settings.is_locked("employers"):
        raise NotAllowed("--trust: IT decides on this PC whom it works for ([locked] employers)")
    pairs = []
    for text in trust:
        name, equals, key = text.partition("=")
        if not equals or name.startswith("ed25519:"):
            raise InputError(f"--trust {text[:80]}: write --trust NAME=ed25519:BASE64")
        pairs.append((check_name(name), check_key(key.strip())))
    return Employers(settings, file, pairs)
