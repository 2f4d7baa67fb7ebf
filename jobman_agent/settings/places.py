"""Where things are on this PC: what jobman keeps, its ini files, its locks, what ships with it."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import platformdirs

from jobman_agent.errors import InputError
from jobman_agent.settings import LOCK_DIR, MACHINE_FILE
from jobman_agent.settings.values import path_in

if TYPE_CHECKING:
    from collections.abc import Mapping

APP = "jobman"


class Places(NamedTuple):
    """The folders and files of one user on one PC.

    No dataclass: ``jobman status`` needs only this of the settings, and should be quick.
    """

    home: Path
    """JOBMAN_HOME: everything that is kept. Not made yet (``storage.make_private_dir``)."""
    user_file: Path
    machine_file: Path
    lock_dir: Path
    """For the locks of the whole machine. Not made yet."""

    @property
    def keys(self) -> Path:
        """The folder of this user's key pair."""
        return self.home / "keys"

    @property
    def employers_file(self) -> Path:
        """What ``keys trust``, ``keys never`` and the tray's Allow write."""
        return self.home / "employers.ini"

    @property
    def logs(self) -> Path:
        """The folder of the logs, which rotate."""
        return self.home / "logs"


def find_places(environ: Mapping[str, str]) -> Places:
    """The places of this user, moved by JOBMAN_HOME, JOBMAN_CONFIG and JOBMAN_LOCK_DIR.

    Args:
        environ: ``os.environ``.

    Raises:
        InputError: a variable holds a relative path.
    """
    home = _variable(environ, "JOBMAN_HOME")
    if home is None:
        # Homes can be shared by several PCs, what is kept cannot.
        home = platformdirs.user_data_path(APP, appauthor=False) / host_name()
    user_file = _variable(environ, "JOBMAN_CONFIG")
    if user_file is None:
        user_file = platformdirs.user_config_path(APP, appauthor=False) / "jobman.ini"
    return Places(
        home=home,
        user_file=user_file,
        machine_file=MACHINE_FILE,
        lock_dir=_variable(environ, "JOBMAN_LOCK_DIR") or LOCK_DIR,
    )


def host_name() -> str:
    """This PC's name in lower case: letters, digits and dashes, without its domain."""
    name = socket.gethostname().split(".", 1)[0].lower()
    return re.sub(r"[^a-z0-9-]", "-", name).strip("-") or "pc"


def shipped(name: str) -> Path:
    """A file or folder that ships with jobman (``jobman.ini``, ``examples``).

    It is package data of an installed wheel, else the clone's ``config/``.

    Raises:
        InputError: this installation has none.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "config", package.parent / "config"):
        if (folder / name).exists():
            return folder / name
    raise InputError(
        f"{name} is missing in this installation of jobman ({package}): install it again"
    )


def _variable(environ: Mapping[str, str], name: str) -> Path | None:
    text = environ.get(name)
    if not text:
        return None
    path = path_in(text)
    if not path.is_absolute():
        raise InputError(f"{name} = {text}: write a whole path, from the root or the drive on")
    return path
