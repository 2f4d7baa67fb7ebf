"""Fill a package's folder: regular files with safe names and nothing else."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from jobman_agent.errors import PackageRefused
from jobman_agent.model.names import file_path_fault
from jobman_agent.model.patterns import RESERVED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobman_agent.execution import Folder
    from jobman_agent.execution.orders import FileIn

MOST_FILES = 10_000

path_fault = lru_cache(maxsize=4096)(file_path_fault)


def unpack(folder: Folder, files: Sequence[FileIn]) -> None:
    """Write files into an empty folder; also for the common files of a job.

    Raises:
        PackageRefused: a name is not safe, or two are the same; the message says which and why.
        OSError: the disk is full or broken.
    """
    check_names([file.path for file in files])
    for file in files:
        try:
            if file.content is not None:
                folder.write(file.path, file.content, executable=file.executable)
            elif file.source is not None:
                folder.copy_in(file.path, file.source, executable=file.executable)
            else:
                raise PackageRefused(f"file {file.path!r} comes without a content")
        except (FileExistsError, NotADirectoryError) as error:
            raise PackageRefused(
                f"file {file.path!r} has the name of another file or folder of the package"
            ) from error


def check_names(paths: Sequence[str]) -> None:
    """Refuse names that could leave the folder or that some system cannot have.

    Raises:
        PackageRefused: which name, and why.
    """
    if len(paths) > MOST_FILES:
        raise PackageRefused(f"it has {len(paths)} files; at most {MOST_FILES} are allowed")
    for path in paths:
        fault = path_fault(path)
        if fault is not None:
            raise PackageRefused(f"the name of file {path!r} is not allowed: {fault}")
        if path.casefold() == RESERVED:
            raise PackageRefused(f"the name {RESERVED} is reserved for what a package prints")
    if len(paths) > 1 and len({path.casefold() for path in paths}) < len(paths):
        raise PackageRefused(f"two files have the same name without regard to case: {_twin(paths)}")


def _twin(paths: Sequence[str]) -> str:
    seen: dict[str, str] = {}
    for path in paths:
        other = seen.setdefault(path.casefold(), path)
        if other != path or list(paths).count(path) > 1:
            return f"{other!r} and {path!r}"
    return ""
