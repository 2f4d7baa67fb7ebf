"""Of what kind the disk under a folder is, by a list of mounts."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path, PurePosixPath, PureWindowsPath

import psutil
import pytest

from jobman_agent.sensors.file_system import network_file_system

Mount = namedtuple("Mount", "mountpoint fstype opts")
POSIX = [
    Mount("/", "ext4", "rw"),
    Mount("/home", "nfs4", "rw,vers=4.2"),
    Mount("/home/anna/local", "xfs", "rw"),
    Mount("/mnt/s", "fuse.sshfs", "rw"),
]
WINDOWS = [Mount("C:\\", "NTFS", "rw,fixed"), Mount("H:\\", "NTFS", "rw,remote")]


@pytest.mark.parametrize(
    ("mounts", "folder", "kind"),
    [
        (POSIX, PurePosixPath("/var/lib/jobman"), None),
        (POSIX, PurePosixPath("/home/anna/.local/share/jobman"), "nfs4"),
        (POSIX, PurePosixPath("/home/anna/local/jobman"), None),
        (POSIX, PurePosixPath("/mnt/s"), "fuse.sshfs"),
        (WINDOWS, PureWindowsPath("C:\\Users\\anna"), None),
        (WINDOWS, PureWindowsPath("H:\\jobman"), "smb"),
        (WINDOWS, PureWindowsPath("\\\\server\\home\\anna"), "a Windows share"),
    ],
)
def test_the_deepest_mount_says_whether_a_folder_lies_on_a_share(monkeypatch, mounts, folder, kind):
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: mounts)

    assert network_file_system(folder) == kind


def test_the_temporary_folder_of_this_pc_is_looked_up_without_an_error(tmp_path: Path):
    assert network_file_system(tmp_path) in (None, "nfs", "nfs4", "smb", "cifs", "9p")
