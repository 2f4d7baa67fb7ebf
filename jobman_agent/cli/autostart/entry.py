"""What autostart starts, and what a way to do so must be able to."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from jobman_agent.errors import InputError, StorageError
from jobman_agent.storage.files import explain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEPT = ("JOBMAN_HOME", "JOBMAN_CONFIG", "JOBMAN_LOCK_DIR")
"""Variables that say where things are: the agent is started with the same, where they are set."""

FIRST_WAIT_S = 1
LONGEST_WAIT_S = 300
CALM_S = 600
"""An agent that has run for so long has not been crashing: the next wait is a short one again."""


@dataclass(frozen=True, slots=True)
class AgentStart:
    """How this installation's agent is started."""

    call: tuple[str, ...]
    """How jobman is called; the first word is a whole path."""
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def argv(self) -> tuple[str, ...]:
        """The whole command."""
        return (*self.call, *self.options, "agent")

    @property
    def program(self) -> str:
        """The file whose absence makes an entry stale."""
        return self.call[0]


class State(Enum):
    """What autostart will do at the next login."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    STALE = "stale"
    """It would start a program that is not there any more."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one way holds now."""

    state: State
    entry: str
    """The file, or the value in the registry."""
    program: str | None = None
    """What is started, where something is."""
    note: str = ""
    """What a person should know besides."""


class Way(Protocol):
    """One way in which a system starts programs of a user; nothing in it needs an administrator."""

    def enable(self, start: AgentStart) -> None:
        """Start this at every login, instead of whatever was started before.

        Raises:
            InputError: the entry cannot hold this command.
            StorageError: it cannot be written.
        """
        ...

    def disable(self) -> bool:
        """Start nothing any more; whether there was something.

        Raises:
            StorageError: it cannot be removed.
        """
        ...

    def program_of(self, start: AgentStart) -> str:
        """What `look` says is started, where that is what `enable` wrote."""
        ...

    def look(self) -> Look:
        """What would be started.

        Raises:
            StorageError: it cannot be read.
        """
        ...


def this_agent(
    argv0: str, executable: str, environ: Mapping[str, str], options: Sequence[str] = ()
) -> AgentStart:
    """The agent of the installation that runs now.

    A command ``jobman`` is named as it was called: the link on PATH stays when an upgrade moves
    what it points to.

    Args:
        argv0: ``sys.argv[0]``.
        executable: ``sys.executable``.
        environ: ``os.environ``.
        options: Given before the command, as ``--config FILE``.
    """
    command = Path(argv0).absolute()
    if command.name == "jobman" and command.is_file():
        words = [str(command)]
    else:
        words = [executable, "-m", "jobman_agent"]
    kept = {name: environ[name] for name in KEPT if environ.get(name)}
    for word in (*words, *options, *kept.values()):
        if not word.isprintable():
            raise InputError(f"{word!r} holds a character that an autostart entry cannot hold")
    return AgentStart(tuple(words), tuple(options), kept)


def remove_file(path: Path) -> bool:
    """Remove a file; whether it was there.

    Raises:
        StorageError: it cannot be removed.
    """
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as exc:
        raise StorageError(explain(exc, "remove", path)) from exc
    return True


def read_text(path: Path) -> str | None:
    """A file's text; None where it is not there.

    Raises:
        StorageError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise StorageError(explain(exc, "read", path)) from exc


def write_text(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file whole, with the folders that it needs.

    Raises:
        StorageError: it cannot be written.
    """
    from jobman_agent.storage.files import write_atomic

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StorageError(explain(exc, "make the folder", path.parent)) from exc
    write_atomic(path, text.encode("utf-8", "surrogateescape"), mode)


def state_of(program: str) -> State:
    """Whether an entry's program is still there."""
    return State.ENABLED if Path(program).exists() else State.STALE
