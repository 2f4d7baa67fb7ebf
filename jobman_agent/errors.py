"""Every error that jobman raises on purpose. A docstring is what it means for the user.

::

    JobmanError                       exit 70 unless a branch says otherwise
      InputError                      exit 2   a job folder, an ini file, an argument
        SettingsError                 ... with file, line, section, key and what would be right
      WireError                       the other side sent something that cannot be accepted
        MalformedMessage
        UnknownProtocolVersion
        BadSignature
      PoolError
        PoolUnavailable               exit 3   not there (yet): wait and try again
          Unconfirmed                 ... the message may or may not have arrived
        PoolRefused                   exit 4   login or permission: do not try again
        PoolMisused                   exit 3   the pool holds something that must not be there
          PoolUnsuitable              exit 2   the folder that was named cannot be a pool
        Undeliverable                 the mailbox does not exist (any more)
      PackageError
        PackageRefused                by the rules of this PC
        PackageCorrupt                its files are not what the employer signed
        PackageDidNotStart
      StorageError                    exit 2   this PC's own disk: full, read-only, damaged
      NotAllowed                      exit 4
      AlreadyRunning                  exit 4   another jobman holds this job or this agent
      AgentNotRunning                 exit 5
      NoDesktop                       exit 2   nowhere to show an icon
      EventRefused                    the agent was told what cannot be: a fault of its shell

Whether something may be tried again is in the class, never in the text. Each room translates
foreign exceptions at its door (``raise ... from exc``).
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class ExitCode(IntEnum):
    """What the jobman command returns; scripts depend on these numbers."""

    DONE = 0
    PACKAGES_FAILED = 1
    BAD_INPUT = 2
    POOL_OUT_OF_REACH = 3
    NOT_ALLOWED = 4
    NO_AGENT = 5
    BUG = 70
    INTERRUPTED = 130


class JobmanError(Exception):
    """Something went wrong that jobman knows how to explain."""

    exit_code = ExitCode.BUG


class InputError(JobmanError):
    """What was given to jobman is not right; the message says what, where, and what would be."""

    exit_code = ExitCode.BAD_INPUT

    def __init__(self, text: str, mistakes: Sequence[str] = ()) -> None:
        """Say it.

        Args:
            text: All of it, for people.
            mistakes: Each on its own, for programs, where there can be several.
        """
        super().__init__(text)
        self.mistakes = tuple(mistakes)


class SettingsError(InputError):
    """An ini file holds mistakes; all of them are listed, each with file, line and key."""


class WireError(JobmanError):
    """The other side sent something that cannot be accepted."""


class MalformedMessage(WireError):
    """The message is not one of version 1: it is counted, dropped and never executed."""


class UnknownProtocolVersion(WireError):
    """The message is of another version of the protocol."""

    signer = ""
    """``ed25519:BASE64`` of the key that signed it, once that is known."""


class BadSignature(WireError):
    """The message is not signed by the key that it names."""


class PoolError(JobmanError):
    """Something about the pool."""

    exit_code = ExitCode.POOL_OUT_OF_REACH


class PoolUnavailable(PoolError):
    """The pool is not there (yet), or went away: wait and try again."""


class Unconfirmed(PoolUnavailable):
    """The pool did not confirm a message in time: it may arrive all the same."""


class PoolRefused(PoolError):
    """The pool refused the login or the permission: trying again does not help."""

    exit_code = ExitCode.NOT_ALLOWED


class PoolMisused(PoolError):
    """The pool holds something that must not be there; the message says how to remove it."""


class PoolUnsuitable(PoolMisused):
    """The folder that was named cannot be a pool: it holds other files, or a cloud service it."""

    exit_code = ExitCode.BAD_INPUT


class Undeliverable(PoolError):
    """The mailbox that a message was sent to does not exist (any more)."""


class PackageError(JobmanError):
    """A package cannot be run here."""


class PackageRefused(PackageError):
    """The rules of this PC do not allow the package; the message names the rule."""


class PackageCorrupt(PackageError):
    """The files of a package are not what its employer signed."""


class PackageDidNotStart(PackageError):
    """The program of a package could not be started."""


class StorageError(JobmanError):
    """This PC's own disk is full, read-only or damaged."""

    exit_code = ExitCode.BAD_INPUT


class NotAllowed(JobmanError):
    """Something that this user or this key may not do."""

    exit_code = ExitCode.NOT_ALLOWED


class AlreadyRunning(JobmanError):
    """Another jobman holds this already; the message names it."""

    exit_code = ExitCode.NOT_ALLOWED


class AgentNotRunning(JobmanError):
    """No agent runs for this JOBMAN_HOME."""

    exit_code = ExitCode.NO_AGENT


class NoDesktop(JobmanError):
    """There is no desktop on which an icon could be shown: log in to one, or do without."""

    exit_code = ExitCode.BAD_INPUT


class EventRefused(JobmanError):
    """The agent was told of an event that cannot happen in its state: please report this."""
