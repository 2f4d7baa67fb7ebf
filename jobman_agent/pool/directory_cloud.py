"""Folders that a cloud service copies to other PCs behind our back: no pool can live there.

The copies come late, twice, out of order and under other names (PROTOCOL 3.2, rule 11).
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from jobman_agent.errors import PoolUnsuitable

if TYPE_CHECKING:
    from pathlib import Path

_NAMES = {
    "OneDrive": r"onedrive( - .*)?",
    "Dropbox": r"dropbox( \(.*\))?",
    "Google Drive": r"google ?drive.*|my drive",
    "Nextcloud": r"nextcloud\d*",
    "iCloud": r"icloud ?drive|com~apple~clouddocs|mobile documents",
    "Syncthing": r"syncthing",
}
_MARKS = {
    "Dropbox": r"\.dropbox\.cache",
    "Nextcloud": r"\.?_?sync_[0-9a-f]+\.db|\.(owncloud|nextcloud)sync\.log",
    "Syncthing": r"\.stfolder",
}


def named_so(folder: Path) -> str | None:
    """The service whose usual folder this lies in, by its path."""
    for part in folder.parts:
        for service, pattern in _NAMES.items():
            if re.fullmatch(pattern, part, re.IGNORECASE):
                return service
    return None


def marked_so(folder: Path) -> str | None:
    """The service that has left its mark in this folder or one around it. Blocks."""
    for place in (folder, *folder.parents):
        with suppress(OSError):  # one that we may not list is not a folder of this user's
            for name in os.listdir(place):
                for service, pattern in _MARKS.items():
                    if re.fullmatch(pattern, name):
                        return service
    return None


def refuse_cloud(folder: Path, service: str | None) -> None:
    """Say no to a folder that a service keeps.

    Raises:
        PoolUnsuitable: there is one.
    """
    if service is not None:
        message = (
            f"dir:{folder} lies in a folder of {service}, which copies files late, twice and under "
            "other names: name a folder on a file server, or one on this PC alone"
        )
        raise PoolUnsuitable(message)
