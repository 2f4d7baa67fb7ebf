"""Of what kind the disk under a folder is: what is kept on a network share is kept less safely."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil  # noqa: TID251 - what the PC has is what this file tells

if TYPE_CHECKING:
    from pathlib import Path

_NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "davfs", "fuse.davfs", "afs", "ncpfs", "webdav")


def network_file_system(folder: Path) -> str | None:
    """The kind of network share a folder lies on (``nfs4``); None: on none that is known.

    Reads the list of mounts only, and asks no file server.
    """
    if str(folder).startswith(("\\\\", "//")):
        return "a Windows share"
    found, longest = "", -1
    for mount in psutil.disk_partitions(all=True):
        if len(mount.mountpoint) >= longest and folder.is_relative_to(mount.mountpoint):
            remote = "remote" in mount.opts.split(",")  # a drive letter of Windows
            found = mount.fstype.lower() or "a network drive" if remote else mount.fstype.lower()
            longest = len(mount.mountpoint)
            if remote and not found.startswith(_NETWORK):
                found = "smb"
    return found if found.startswith(_NETWORK) else None
