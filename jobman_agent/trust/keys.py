"""This user's key pair: made at the first use, kept below JOBMAN_HOME, never sent anywhere.

PyNaCl is imported here only, and late: the idle agent does without it. Ed25519 by PyNaCl refuses
all public keys of small order, with which anybody could sign (docs/decisions).
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from jobman_agent.errors import BadSignature, InputError, StorageError
from jobman_agent.model.names import short_id
from jobman_agent.model.public_key import decode_base64, fingerprint, public_key_text
from jobman_agent.storage.files import explain, make_private_dir, write_first

if TYPE_CHECKING:
    from pathlib import Path

    from nacl.signing import SigningKey

KEY_FILE = "private.key"
SIGNATURE_BYTES = 64
_SECRET_PREFIX = "ed25519-private:"  # noqa: S105 - the name of a format, no secret
_SEED_BYTES = 32
_MAX_FILE = 1000


class KeyPair:
    """An Ed25519 key pair; its public half names its owner everywhere."""

    def __init__(self, signing_key: SigningKey) -> None:
        self._signing_key = signing_key
        raw = bytes(signing_key.verify_key)
        #: ``ed25519:BASE64``: the ``keyid`` of every message.
        self.public = public_key_text(raw)
        #: 16 characters of lower-case base32: the sender in the names of mailboxes.
        self.id = short_id(raw)

    @property
    def fingerprint(self) -> str:
        """The id in groups of four, to be compared by people."""
        return fingerprint(self.public)

    def sign(self, data: bytes) -> bytes:
        """The signature of some bytes: 64 bytes."""
        return self._signing_key.sign(data).signature

    @classmethod
    def from_seed(cls, seed: bytes) -> KeyPair:
        """The key pair of 32 secret bytes."""
        from nacl.signing import SigningKey

        return cls(SigningKey(seed))


def load_or_make(folder: Path) -> KeyPair:
    """The key pair in a folder of this user; made there at the first use.

    Of several processes that come first at once, one makes it and all have the same.

    Args:
        folder: Made, and made private, if need be (``JOBMAN_HOME/keys``).

    Raises:
        InputError: the file is damaged or others can read it; the message says what to do.
        StorageError: it cannot be read or written.
    """
    make_private_dir(folder)
    path = folder / KEY_FILE
    if not path.exists():
        seed = os.urandom(_SEED_BYTES)
        write_first(path, _file_text(seed).encode("ascii"), mode=0o600)
    return load(path)


def load(path: Path) -> KeyPair:
    """The key pair in a file.

    Raises:
        InputError: the file is damaged or others can read it; the message says what to do.
        StorageError: it is not there or cannot be read.
    """
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            content = file.read(_MAX_FILE)
    except OSError as exc:
        raise StorageError(explain(exc, "read the private key", path)) from exc
    _check_private(path, found)
    pair = _parse(content)
    if pair is None:
        message = (
            f"{path}: the private key is damaged. Bring it back from a backup; or remove the file: "
            "a new key is made at the next start, and must be trusted anew by whom it works with"
        )
        raise InputError(message)
    return pair


def verify(public: bytes, data: bytes, signature: bytes) -> None:
    """Check a signature.

    Args:
        public: The 32 bytes of the public key.
        data: What was signed.
        signature: 64 bytes.

    Raises:
        BadSignature: it is not that key's signature of these bytes.
    """
    from nacl.exceptions import CryptoError
    from nacl.signing import VerifyKey

    if len(signature) != SIGNATURE_BYTES:
        message = f"a signature of {len(signature)} bytes; {SIGNATURE_BYTES} are right"
        raise BadSignature(message)
    try:
        VerifyKey(public).verify(data, signature)
    except (CryptoError, ValueError) as exc:
        key_id = short_id(public)
        message = f"not signed by the key that it names ({key_id})"
        raise BadSignature(message) from exc


def _file_text(seed: bytes) -> str:
    import base64

    public = KeyPair.from_seed(seed).public
    return f"{_SECRET_PREFIX}{base64.b64encode(seed).decode('ascii')}\n{public}\n"


def _parse(content: bytes) -> KeyPair | None:
    try:
        secret, public = content.decode("ascii").splitlines()
        seed = decode_base64(secret.removeprefix(_SECRET_PREFIX))
    except ValueError:
        return None
    if not secret.startswith(_SECRET_PREFIX) or len(seed) != _SEED_BYTES:
        return None
    pair = KeyPair.from_seed(seed)
    # The public half stands there too, so that a damaged secret is found and not used.
    return pair if pair.public == public else None


def _check_private(path: Path, found: os.stat_result) -> None:
    who_am_i = getattr(os, "getuid", None)
    if who_am_i is None:  # Windows: the folder's permissions, which are those of the profile
        return
    if found.st_uid != who_am_i():
        message = f"{path}: the private key belongs to another user; use a JOBMAN_HOME of your own"
        raise InputError(message)
    if stat.S_IMODE(found.st_mode) & 0o077:
        message = (
            f"{path}: other users can read the private key (mode {found.st_mode & 0o777:04o}). "
            "If nobody has: chmod 600 that file. Else remove it, and have a new key trusted"
        )
        raise InputError(message)
