"""Of what kind the disk under a folder is: what is kept on a network share is kept less safely."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil  # noqa: TID251 - what the PC has is what this file tells

if TYPE_CHECKING:
    from pathlib import PurePath

_NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "davfs", "fuse.davfs", "afs", "ncpfs", "webdav")


def network_file_system(folder: PurePath) -> str | None:
    """The kind of network share a folder lies on (``nfs4``); None: on none that is known.

    Reads the list of mounts only, and asks no file server.
    """
    if str(folder).startswith(("\\\\", "//")):
        return "a Windows share"
    found, longest = "", -1
    for mount in psutil.disk_partitions(all=True):
        if len(mount.mountpoint) >= longest and folder.is_relative_to(mount.mountpoint):
            # A drive letter of Windows says of a share what its server has: NTFS.
            remote = "remote" in mount.opts.split(",")
            found, longest = "smb" if remote else mount.fstype.lower(), len(mount.mountpoint)
    return found if found.startswith(_NETWORK) else None
