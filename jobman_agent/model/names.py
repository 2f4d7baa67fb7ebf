"""Names that travel: ids, mailboxes, packages. A name from outside is used only once it matches.

Sources: PROTOCOL 3.1 and 3.2 (docs/protocol.md, "Names").
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata

ID_CHARACTERS = 16
"""Ids of senders, offers and sessions: so many characters of lower-case base32 (80 bits)."""

HIRING_QUEUE = "jobman"

ID = re.compile(r"[a-z2-7]{16}")
SENDER = re.compile(r"[a-z0-9-]{1,32}")
"""A sender in the name of a mailbox: an id, or in the guarded profile a broker's user name."""
SHA256 = re.compile(r"[0-9a-f]{64}")

_PACKAGE_MAXIMUM = 100
_PACKAGE_PUNCTUATION = frozenset(" ._+-")
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{name}{digit}" for name in ("com", "lpt") for digit in "0123456789\u00b9\u00b2\u00b3"]
)


def short_id(raw: bytes) -> str:
    """The id of 16 characters that stands for some bytes: a public key, or fresh random ones."""
    digest = hashlib.sha256(raw).digest()
    return base64.b32encode(digest).decode("ascii").lower()[:ID_CHARACTERS]


def is_id(text: str) -> bool:
    """Whether a text has the form of an id."""
    return ID.fullmatch(text) is not None


def is_device_name(text: str) -> bool:
    """Whether Windows takes a file of this name for a device (``con``, ``nul.txt``, ``COM1``)."""
    return text.split(".", 1)[0].rstrip(" ").lower() in _DEVICES


def package_name_fault(name: str) -> str | None:
    """What is wrong with a package's name, or None.

    The rule (docs/job-folder.md): letters, digits, space, ``._+-``; not first or last a space,
    dot or dash; at most 100 characters; no Windows device name.
    """
    if not name:
        return "it is empty"
    if len(name) > _PACKAGE_MAXIMUM:
        return f"it has {len(name)} characters; at most {_PACKAGE_MAXIMUM} are allowed"
    if unicodedata.normalize("NFC", name) != name:
        return "its accents are not in the composed form (Unicode NFC)"
    strange = sorted({c for c in name if not (c.isalnum() or c in _PACKAGE_PUNCTUATION)})
    if strange:
        shown = " ".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in strange)
        return f"it holds {shown}; letters, digits, space and . _ + - are allowed"
    if name[0] in " .-" or name[-1] in " .-":
        return "it begins or ends with a space, a dot or a dash"
    if is_device_name(name):
        return "Windows keeps this name for a device"
    return None


def file_path_fault(path: str) -> str | None:
    """What is wrong with the path of a file inside a package, or None.

    A path is relative, with ``/`` between folders, and names the same file on every system.
    """
    if not path or len(path) > 240:  # noqa: PLR2004 - leaves room for a folder on Windows (260)
        return "it is empty or longer than 240 characters"
    if "\\" in path or ":" in path or path.startswith("/"):
        return "it is not relative with / between folders"
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return "it has an empty part, . or .."
        if not part.isprintable() or any(c in '<>"|?*' for c in part):
            return "it holds a character that some system does not allow in file names"
        if part[-1] in " ." or is_device_name(part):
            return f"Windows cannot have a file {part!r}"
    return None
