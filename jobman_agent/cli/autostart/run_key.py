r"""Windows: a value in HKEY_CURRENT_USER\...\Run, which Explorer starts at login.

Sources: https://learn.microsoft.com/windows/win32/setupapi/run-and-runonce-registry-keys (at most
260 characters); what Task Manager switches off stands in StartupApproved, whose first byte is then
odd (not documented, seen on Windows 10 and 11).
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from jobman_agent.cli.autostart.entry import AgentStart, Look, State, state_of
from jobman_agent.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RUN = r"Software\Microsoft\Windows\CurrentVersion\Run"
APPROVED = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
NAME = "Jobman"
LAUNCHER = "jobman-agent.exe"
"""The setup's launcher, beside the folder of its Python: starts the agent and keeps it alive."""
_LONGEST = 260


class Registry(Protocol):
    """The part of HKEY_CURRENT_USER that is needed; a missing key or value is None."""

    def get(self, key: str, name: str) -> str | bytes | None:
        """A value."""
        ...

    def put(self, key: str, name: str, text: str) -> None:
        """Write a text, making the key."""
        ...

    def remove(self, key: str, name: str) -> bool:
        """Remove a value; whether it was there."""
        ...


@dataclass(frozen=True, slots=True)
class RunKey:
    """The value of one user."""

    registry: Registry
    python: Path
    """The interpreter of this installation."""
    base: Path
    """The folder of the Python that it comes from."""

    def enable(self, start: AgentStart) -> None:
        """Write the value, and take back what Task Manager was told.

        Raises:
            InputError: the command is longer than Windows takes there.
            StorageError: the registry refuses it.
        """
        line = subprocess.list2cmdline(self.command(start))
        if len(line) > _LONGEST:
            raise InputError(
                f"Windows starts no command of more than {_LONGEST} characters at login, and this "
                f"has {len(line)}: {line}"
            )
        self.registry.put(RUN, NAME, line)
        self.registry.remove(APPROVED, NAME)

    def command(self, start: AgentStart) -> Sequence[str]:
        """What keeps the agent alive: the setup's launcher, else a Python without a window."""
        launcher = self.base.parent / LAUNCHER
        if not start.environment and not start.options and launcher.is_file():
            return [str(launcher)]
        windowless = self.python.with_name("pythonw.exe")
        python = windowless if windowless.is_file() else self.python
        kept = [f"--set={name}={value}" for name, value in start.environment.items()]
        return [str(python), "-m", "jobman_agent", *start.options, "autostart", "keep", *kept]

    def disable(self) -> bool:
        """Remove the value.

        Raises:
            StorageError: the registry refuses it.
        """
        self.registry.remove(APPROVED, NAME)
        return self.registry.remove(RUN, NAME)

    def program_of(self, start: AgentStart) -> str:
        """The launcher, or the Python that keeps the agent alive."""
        return self.command(start)[0]

    def look(self) -> Look:
        """What the value says.

        Raises:
            StorageError: the registry cannot be read.
        """
        entry = rf"HKEY_CURRENT_USER\{RUN}, value {NAME}"
        line = self.registry.get(RUN, NAME)
        if not isinstance(line, str):
            return Look(State.DISABLED, entry)
        program = line[1:].partition('"')[0] if line.startswith('"') else line.partition(" ")[0]
        approved = self.registry.get(APPROVED, NAME)
        if isinstance(approved, bytes) and approved and approved[0] % 2:
            return Look(State.DISABLED, entry, program, "switched off in Task Manager")
        return Look(state_of(program), entry, program)
