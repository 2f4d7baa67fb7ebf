"""What every command needs: settings, places, the key, the way to the pool. Built here only.

Nothing is imported before it is needed: a command that asks nothing of the pool stays quick.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.errors import InputError, StorageError
from jobman_agent.settings.layers import load_settings
from jobman_agent.settings.places import Places, find_places
from jobman_agent.settings.pool_url import THREE_WAYS
from jobman_agent.storage.files import make_private_dir

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from jobman_agent.pool.contract import Pool, Sender
    from jobman_agent.pool.opening import PoolAddress
    from jobman_agent.settings.pc import Settings
    from jobman_agent.trust.keys import KeyPair


@dataclass(frozen=True)
class Context:
    """One command's surroundings."""

    places: Places
    settings: Settings

    @cached_property
    def key(self) -> KeyPair:
        """This user's key pair, made at the first use.

        Raises:
            InputError, StorageError: it is damaged, not private, or cannot be written.
        """
        from jobman_agent.trust.keys import load_or_make

        make_private_dir(self.places.home)
        return load_or_make(self.places.keys)

    @cached_property
    def address(self) -> PoolAddress:
        """The pool that was named.

        Raises:
            InputError: none was, or its URL is not right.
        """
        from jobman_agent.pool.opening import parse_pool_url

        pool = self.settings.pool
        if pool.url is None:
            raise InputError(f"no pool is named: {THREE_WAYS}")
        return parse_pool_url(pool.url, insecure=pool.insecure)

    def pool_maker(self) -> Callable[[Sender], Pool]:
        """Makes a new pool for each connection; what a broker needs is imported at the first one.

        Raises:
            InputError: no pool was named, its URL or its password is not right.
        """
        from jobman_agent.cli.passwords import find_password

        address, pool = self.address, self.settings.pool
        password = find_password(pool.password, pool.user) if pool.password else None
        credentials = (pool.user, password) if pool.user and password is not None else None

        def make(sender: Sender) -> Pool:
            from jobman_agent.pool.opening import make_pool

            return make_pool(address, sender, credentials=credentials, ca=pool.ca)

        return make

    def pool_factory(self, sender: Sender) -> Callable[[], Pool]:
        """The same, with one sender for the whole process.

        Raises:
            InputError: no pool was named, its URL or its password is not right.
        """
        make = self.pool_maker()
        return lambda: make(sender)


def load_context(args: argparse.Namespace) -> Context:
    """Read the settings; what was ignored in them is told on stderr.

    Raises:
        SettingsError: mistakes, all of them.
        InputError, StorageError: a file that was named is not there or cannot be read.
    """
    places = find_places(os.environ)
    options = {} if args.pool is None else {"pool.url": ("--pool", args.pool)}
    config = Path(args.config) if args.config else None
    settings = load_settings(places, environ=os.environ, config=config, options=options)
    for note in settings.notes:
        print(f"jobman: {note}", file=sys.stderr)
    return Context(places, settings)


def own_name(given: str | None) -> str:
    """What this user is called as an employer: ``--name``, else the login name.

    Raises:
        InputError: it cannot stand in ``[employers]``, or there is no login name.
    """
    import getpass

    from jobman_agent.trust.employers_file import check_name

    try:
        return check_name(given if given is not None else getpass.getuser())
    except (OSError, KeyError) as exc:  # no login name: OSError from 3.13 on
        raise InputError(f"your login name cannot be found ({exc}): say --name NAME") from exc


def start_log(places: Places, verbosity: int, name: str = "jobman.log") -> None:
    """Log to a file in JOBMAN_HOME, and with ``-vv`` to stderr too.

    Raises:
        StorageError: the file cannot be written.
    """
    from jobman_agent.log import log_to_file, log_to_stream

    try:
        make_private_dir(places.home)
        log_to_file(places.logs / name)
    except OSError as exc:
        raise StorageError(f"the log in {places.logs} cannot be written: {exc}") from exc
    if verbosity > 1:
        log_to_stream(sys.stderr)


def bug_report(text: str) -> Path | None:
    """Keep the traceback of a fault of jobman's in the log; None if even that fails."""
    from jobman_agent import __version__
    from jobman_agent.clock import SYSTEM_CLOCK
    from jobman_agent.log import append

    moment = SYSTEM_CLOCK.now().astimezone()
    try:
        path = find_places(os.environ).logs / "faults.log"
        append(path, f"{moment:%Y-%m-%d %H:%M:%S} jobman {__version__}\n{text}\n")
    except (OSError, InputError):
        return None
    return path
