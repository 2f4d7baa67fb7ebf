"""A line of sh that starts the agent again when it has crashed, and not when it was quit.

A shell needs 1 MB for it, a second Python would need 10. The file is read whole before its first
command runs (one compound command), so that an upgrade may replace it under a running shell; and
while it waits it looks whether the file is still there, so that `disable` ends it.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from jobman_agent.cli.autostart.entry import CALM_S, FIRST_WAIT_S, LONGEST_WAIT_S

if TYPE_CHECKING:
    from jobman_agent.cli.autostart.entry import AgentStart

_SCRIPT = """\
#!/bin/sh
{about}
# Exit code 0: it was quit. 4: another agent of this user runs. All else: again, later and later.
{{
{before}wait={first}
while [ -e "$0" ]; do
{hold}    began=$(date +%s)
    {command} </dev/null
    case $? in 0 | 4) {quit} ;; esac
    [ $(($(date +%s) - began)) -lt {calm} ] || wait={first}
    sleep "$wait"
    wait=$((wait * 2))
    [ "$wait" -le {longest} ] || wait={longest}
done
exit 0
}}
"""
ABOUT = """\
# Made by `jobman autostart enable`, removed by `jobman autostart disable`."""


def script(
    start: AgentStart,
    *,
    about: str = ABOUT,
    before: str = "",
    hold: str = "",
    quit_: str = "exit 0",
) -> str:
    """The text of the script.

    Args:
        start: What it keeps alive.
        about: Comment lines at its head.
        before: Lines to run first.
        hold: Lines to run before each start.
        quit_: What to do once the agent was quit.
    """
    kept = "".join(
        f"{name}={shlex.quote(value)}\nexport {name}\n" for name, value in start.environment.items()
    )
    return _SCRIPT.format(
        about=about,
        before=before + kept,
        hold=hold,
        first=FIRST_WAIT_S,
        longest=LONGEST_WAIT_S,
        calm=CALM_S,
        command=shlex.join(start.argv),
        quit=quit_,
    )
