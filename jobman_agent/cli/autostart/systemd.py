"""PCs without a desktop: a unit of the user's own systemd.

Sources: systemd.service(5), and systemd.unit(5) and systemd.syntax(7) for how words are quoted.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.cli.autostart.entry import (
    Look,
    State,
    read_text,
    remove_file,
    state_of,
    write_text,
)
from jobman_agent.errors import StorageError
from jobman_agent.storage.files import explain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobman_agent.cli.autostart.entry import AgentStart

NAME = "jobman-agent.service"
_RELOAD_SECONDS = 10.0
# Restart=on-failure: after any exit code but 0. 4: another agent of this user runs already; 127:
# the program has gone. By way of sh: systemd itself takes no quotes in a program's path.
# mixed: only the agent is asked to end; it ends the others in the right order.
_UNIT = """\
# Made by `jobman autostart enable --systemd`, removed by `jobman autostart disable`.
[Unit]
Description=Jobman agent: lends this PC while nobody needs it
StartLimitIntervalSec=0

[Service]
X-Program={program}
{environment}ExecStart=/bin/sh -c "exec \\"$$0\\" \\"$$@\\"" {command}
Restart=on-failure
RestartSec=30
RestartPreventExitStatus=4 127
KillMode=mixed
TimeoutStopSec=30

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True, slots=True)
class UserUnit:
    """The unit of one user, enabled by a link as ``systemctl --user enable`` makes it."""

    file: Path

    @classmethod
    def of(cls, environ: Mapping[str, str], home: Path) -> UserUnit:
        """Its place: below XDG_CONFIG_HOME, else ~/.config."""
        given = Path(environ.get("XDG_CONFIG_HOME") or "")
        config = given if given.is_absolute() else home / ".config"
        return cls(config / "systemd" / "user" / NAME)

    @property
    def link(self) -> Path:
        """What makes systemd start it."""
        return self.file.parent / "default.target.wants" / NAME

    def enable(self, start: AgentStart) -> None:
        """Write unit and link, and let a running manager know.

        Raises:
            StorageError: they cannot be written.
        """
        kept = [f"Environment={_word(f'{k}={v}')}\n" for k, v in start.environment.items()]
        text = _UNIT.format(
            program=start.program,
            environment="".join(kept),
            command=" ".join(_word(word).replace("$", "$$") for word in start.argv),
        )
        write_text(self.file, text)
        remove_file(self.link)
        try:
            self.link.parent.mkdir(parents=True, exist_ok=True)
            self.link.symlink_to(self.file)
        except OSError as exc:
            raise StorageError(explain(exc, "make the link", self.link)) from exc
        _reload()

    def disable(self) -> bool:
        """Remove unit and link.

        Raises:
            StorageError: they cannot be removed.
        """
        removed = [remove_file(path) for path in (self.link, self.file)]
        if any(removed):
            _reload()
        return any(removed)

    def program_of(self, start: AgentStart) -> str:
        """The command itself."""
        return start.program

    def look(self) -> Look:
        """What the unit says.

        Raises:
            StorageError: it cannot be read.
        """
        text = read_text(self.file)
        if text is None or not self.link.is_symlink():
            return Look(State.DISABLED, str(self.file))
        found = re.search(r"^X-Program=(.*)$", text, re.MULTILINE)
        program = found[1] if found else ""
        return Look(state_of(program), str(self.file), program, "needs no desktop")


def _word(text: str) -> str:
    """One word, with backslash escapes, and percents doubled."""
    return '"' + re.sub(r'(["\\])', r"\\\1", text).replace("%", "%%") + '"'


def _reload() -> None:
    """A manager that runs reads its units again; where none runs, the next one will."""
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        return
    command = [systemctl, "--user", "daemon-reload"]
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_RELOAD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return
