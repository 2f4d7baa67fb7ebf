"""Desktops of Linux and the like: a file in ~/.config/autostart.

Sources: https://specifications.freedesktop.org/autostart-spec/latest/ and, for how Exec is
written, https://specifications.freedesktop.org/desktop-entry-spec/latest/exec-variables.html.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.cli.autostart import keep_alive
from jobman_agent.cli.autostart.entry import (
    Look,
    State,
    read_text,
    remove_file,
    state_of,
    write_text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobman_agent.cli.autostart.entry import AgentStart

NAME = "jobman-agent.desktop"
_ENTRY = """\
[Desktop Entry]
Type=Application
Name=Jobman agent
Name[de]=Jobman-Agent
Name[da]=Jobman-agent
Comment=Lends this PC to colleagues' calculations while nobody needs it
Icon=jobman
Exec={exec}
TryExec={try_exec}
Terminal=false
StartupNotify=false
X-GNOME-Autostart-enabled=true
"""
_HIDDEN = "[Desktop Entry]\nType=Application\nName=Jobman agent\nHidden=true\n"


@dataclass(frozen=True, slots=True)
class DesktopEntry:
    """The entry of one user, above that of all users, which a package may have installed."""

    file: Path
    script: Path
    """The line of sh; a file of its own, for desktops read quoting in Exec differently."""
    for_all: tuple[Path, ...] = ()

    @classmethod
    def of(cls, environ: Mapping[str, str], home: Path) -> DesktopEntry:
        """The places that the variables of XDG give it."""
        config = _folder(environ, "XDG_CONFIG_HOME", home / ".config")
        data = _folder(environ, "XDG_DATA_HOME", home / ".local" / "share")
        dirs = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        return cls(
            file=config / "autostart" / NAME,
            script=data / "jobman" / "autostart.sh",
            for_all=tuple(Path(d) / "autostart" / NAME for d in dirs.split(":") if d),
        )

    def enable(self, start: AgentStart) -> None:
        """Write script and entry; where a package starts the agent for all, nothing is needed.

        Raises:
            StorageError: they cannot be written.
        """
        if not (start.environment or start.options) and self._of_all(start.program):
            self._remove()
            return
        write_text(self.script, keep_alive.script(start), mode=0o755)
        text = _ENTRY.format(
            exec=f"/bin/sh {_string(_argument(str(self.script)))}", try_exec=_string(start.program)
        )
        write_text(self.file, text)

    def disable(self) -> bool:
        """Remove them; what a package starts for all users is hidden from this one.

        Raises:
            StorageError: they cannot be removed.
        """
        before = self.look().state
        self._remove()
        if any(path.is_file() for path in self.for_all):
            write_text(self.file, _HIDDEN)
        return before is not State.DISABLED

    def program_of(self, start: AgentStart) -> str:
        """The command itself."""
        return start.program

    def look(self) -> Look:
        """What this user's entry says, else that of all users.

        Raises:
            StorageError: an entry cannot be read.
        """
        for file in (self.file, *self.for_all):
            text = read_text(file)
            if text is not None:
                return self._judge(file, text)
        return Look(State.DISABLED, str(self.file))

    def _judge(self, file: Path, text: str) -> Look:
        program = _unstring(_value(text, "TryExec") or "")
        mine = file == self.file
        note = "" if mine else "for all users of this PC"
        if _value(text, "Hidden") == "true" or _value(text, "X-GNOME-Autostart-enabled") == "false":
            return Look(State.DISABLED, str(file), program or None, note)
        if mine and not self.script.is_file():
            return Look(State.STALE, str(file), str(self.script), note)
        return Look(state_of(program), str(file), program, note)

    def _of_all(self, program: str) -> bool:
        """Whether every user's login starts this very program."""
        texts = (read_text(path) for path in self.for_all)
        first = next((text for text in texts if text is not None), None)
        return first is not None and _unstring(_value(first, "TryExec") or "") == program

    def _remove(self) -> None:
        remove_file(self.file)
        remove_file(self.script)


def _folder(environ: Mapping[str, str], variable: str, default: Path) -> Path:
    """The specification has relative paths in these variables ignored."""
    given = Path(environ.get(variable) or "")
    return given if given.is_absolute() else default


def _argument(text: str) -> str:
    """One argument of Exec: in double quotes, with a backslash before what is special there."""
    return '"' + re.sub(r'(["`$\\])', r"\\\1", text).replace("%", "%%") + '"'


def _string(text: str) -> str:
    """A value of type string; for Exec this comes after the quoting."""
    return text.replace("\\", "\\\\")


def _unstring(text: str) -> str:
    return text.replace("\\\\", "\\")


def _value(text: str, key: str) -> str | None:
    found = re.search(rf"^{re.escape(key)}\s*=\s*(.*?)\s*$", text, re.MULTILINE)
    return found[1] if found else None
