"""Which job is this folder? The folder holds its offer's id, the journal the folder's identity.

Found elsewhere while the old folder stands, the folder is a copy and gets a new id; the old one
gone, it was moved, and the job goes on (PROTOCOL 3.4).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import msgspec

from jobman_agent.errors import InputError, StorageError
from jobman_agent.model.names import is_id, short_id
from jobman_agent.storage.files import explain, make_private_dir, write_atomic

ID_FILE = ".jobman-offer"
"""In the job folder; hidden where a leading dot hides."""
FOLDER_FILE = "folder.json"


class FolderIdentity(msgspec.Struct, frozen=True):
    """A folder, by its path and by what the file system calls it."""

    path: str
    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class JobIdentity:
    """The offer that a job folder stands for."""

    offer: str
    journal: Path
    """The folder of its journal."""
    note: str = ""
    """What the person should know, if anything."""


def identify(jobs: Path, folder: Path) -> JobIdentity:
    """Find the offer of a job folder, or give it one.

    Args:
        jobs: ``JOBMAN_HOME/jobs``.
        folder: The job folder.

    Raises:
        InputError: the folder cannot be looked at.
        StorageError: the id cannot be written into it.
    """
    here = _identity(folder)
    found = offer_of(folder)
    if found is None:
        return _new(jobs, here, "")
    journal = jobs / found
    known = _read_folder(journal)
    if known is None:
        note = "this folder's journal is not on this PC (or for this user): it begins as a new job"
        return _new(jobs, here, note)
    if known.path == here.path or _same(known, here):
        _write_folder(journal, here)
        return JobIdentity(found, journal)
    if offer_of(Path(known.path)) == found:
        note = f"this folder is a copy of {known.path}: it is a job of its own from now on"
        return _new(jobs, here, note)
    _write_folder(journal, here)
    return JobIdentity(found, journal, f"this folder was moved from {known.path}: the job goes on")


def offer_of(folder: Path) -> str | None:
    """The offer that a job folder was given; None: it has not been offered yet."""
    try:
        with (folder / ID_FILE).open("rb") as file:
            text = file.read(100).decode("ascii", "replace").strip()
    except OSError:
        return None
    return text if is_id(text) else None


def _new(jobs: Path, here: FolderIdentity, note: str) -> JobIdentity:
    offer = short_id(secrets.token_bytes(32))
    journal = jobs / offer
    make_private_dir(jobs)
    make_private_dir(journal)
    _write_folder(journal, here)
    # Last: an id in the folder always has its journal's folder.
    write_atomic(Path(here.path) / ID_FILE, f"{offer}\n".encode("ascii"))
    return JobIdentity(offer, journal, note)


def _identity(folder: Path) -> FolderIdentity:
    try:
        path = folder.resolve(strict=True)
        found = path.stat()
    except OSError as exc:
        raise InputError(explain(exc, "look at", folder)) from exc
    return FolderIdentity(str(path), found.st_dev, found.st_ino)


def _same(one: FolderIdentity, other: FolderIdentity) -> bool:
    # An inode of 0 says that the file system has none.
    return other.inode != 0 and (one.device, one.inode) == (other.device, other.inode)


def _read_folder(journal: Path) -> FolderIdentity | None:
    try:
        return msgspec.json.decode((journal / FOLDER_FILE).read_bytes(), type=FolderIdentity)
    except (OSError, ValueError):
        return None


def _write_folder(journal: Path, here: FolderIdentity) -> None:
    if _read_folder(journal) == here:
        return
    try:
        write_atomic(journal / FOLDER_FILE, msgspec.json.encode(here))
    except OSError as exc:
        raise StorageError(explain(exc, "write", journal)) from exc
