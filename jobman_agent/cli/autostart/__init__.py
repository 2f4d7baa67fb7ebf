"""Starting the agent at login: what is written where, on each system.

- ``entry``: what is started, and what each way must be able to do (``Way``)
- ``keep_alive``: the line of sh that starts the agent again when it has crashed
- ``desktop``, ``systemd``: Linux and the like; ``launch_agent``: macOS
- ``run_key``: Windows; ``keeping``: the same as the line of sh, where no launcher is installed

The room chooses its operating system here, once: ``system.ways`` says which ways there are.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from jobman_agent.cli.autostart import system_windows as system
elif sys.platform == "darwin":
    from jobman_agent.cli.autostart import system_macos as system
else:
    from jobman_agent.cli.autostart import system_linux as system

__all__ = ["system"]
