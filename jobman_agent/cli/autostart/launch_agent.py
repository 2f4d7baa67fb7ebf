"""macOS: a property list in ~/Library/LaunchAgents, which launchd reads at login.

Source: launchd.plist(5). launchd itself starts the agent again, after any exit code but 0.
"""

from __future__ import annotations

import plistlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.parsers.expat import ExpatError

from jobman_agent.cli.autostart.entry import (
    Look,
    State,
    read_text,
    remove_file,
    state_of,
    write_text,
)

if TYPE_CHECKING:
    from pathlib import Path

    from jobman_agent.cli.autostart.entry import AgentStart

LABEL = "jobman.agent"
_SECONDS_BETWEEN_STARTS = 60


@dataclass(frozen=True, slots=True)
class LaunchAgent:
    """The property list of one user."""

    file: Path

    @classmethod
    def of(cls, home: Path) -> LaunchAgent:
        """Its place in a user's home."""
        return cls(home / "Library" / "LaunchAgents" / f"{LABEL}.plist")

    def enable(self, start: AgentStart) -> None:
        """Write it; launchd reads it at the next login.

        Raises:
            StorageError: it cannot be written.
        """
        contents: dict[str, object] = {
            "Label": LABEL,
            "ProgramArguments": list(start.argv),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": _SECONDS_BETWEEN_STARTS,
        }
        if start.environment:
            contents["EnvironmentVariables"] = dict(start.environment)
        write_text(self.file, plistlib.dumps(contents).decode("utf-8"))

    def disable(self) -> bool:
        """Remove it; what launchd has read stays with it until the logout.

        Raises:
            StorageError: it cannot be removed.
        """
        return remove_file(self.file)

    def program_of(self, start: AgentStart) -> str:
        """The command itself."""
        return start.program

    def look(self) -> Look:
        """What it says.

        Raises:
            StorageError: it cannot be read.
        """
        text = read_text(self.file)
        if text is None:
            return Look(State.DISABLED, str(self.file))
        try:
            contents = plistlib.loads(text.encode("utf-8"))
            program = str(contents["ProgramArguments"][0])
        except (ValueError, LookupError, TypeError, ExpatError):
            return Look(State.STALE, str(self.file), None, "it is no property list of jobman's")
        if contents.get("Disabled") is True:
            return Look(State.DISABLED, str(self.file), program)
        return Look(state_of(program), str(self.file), program)
