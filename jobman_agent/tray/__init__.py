"""The face on the desktop, a process of its own: what to show (pure), and what shows it.

- ``view``, ``menu``, ``words``, ``picture``, ``notices``: from what the agent says to what is
  shown; pure
- ``drawing``: the icon as a picture
- ``icon``: the icon on the desktop, by pystray
- ``link``: the talk with the agent, by the control channel alone
- ``face``: all of it together

This is where the room chooses its operating system, once: ``open_file``.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from jobman_agent.tray.opening_windows import open_file
elif sys.platform == "darwin":
    from jobman_agent.tray.opening_macos import open_file
else:
    from jobman_agent.tray.opening_linux import open_file

__all__ = ["open_file"]
